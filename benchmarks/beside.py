"""CPU of cleaning with metadata beside trafilatura's with metadata, page by page in turns: a busy machine slows both.

usage: python benchmarks/beside.py EVERY PAGES… — each EVERYth *.html and *.html.gz of the folders.
"""

from __future__ import annotations

import gzip
import sys
import time
from collections.abc import Callable
from pathlib import Path

import trafilatura

from benchmarks.adapters import meta

_URL = "https://gazette.example/story"
_WARM = 4  # pages: imports, models


def main() -> None:
    every, *folders = sys.argv[1:]
    paths = [path for folder in folders for path in sorted(Path(folder).rglob("*.html*"))][:: int(every)]
    pages = [_read(path) for path in paths]
    for page in pages[:_WARM]:
        _ours(page)
        _theirs(page)
    ours = theirs = 0.0
    for page in pages:
        first, second = _ms(_ours, page), _ms(_theirs, page)
        theirs += min(second, _ms(_theirs, page))
        ours += min(first, _ms(_ours, page))
    print(
        f"{len(pages)} pages; ms a page: cleaning {ours / len(pages):.2f}, trafilatura {theirs / len(pages):.2f}"
    )
    print(f"ratio {ours / theirs:.3f}")


def _ours(page: str) -> object:
    return meta(page, _URL)


def _theirs(page: str) -> object:
    return trafilatura.bare_extraction(page, url=_URL, include_comments=False, with_metadata=True)


def _ms(call: Callable[[str], object], page: str) -> float:
    began = time.process_time()
    call(page)
    return 1000 * (time.process_time() - began)


def _read(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8", "replace")


if __name__ == "__main__":
    main()
