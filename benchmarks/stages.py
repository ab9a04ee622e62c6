"""CPU of cleaning, stage by stage, beside trafilatura with metadata on the same pages in the same run.

usage: python benchmarks/stages.py PAGES… — folders searched for *.html and *.html.gz. Prints milliseconds a page.
"""

from __future__ import annotations

import gzip
import importlib
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import trafilatura

from benchmarks.adapters import meta

if TYPE_CHECKING:
    from collections.abc import Callable

# where the name is looked up, not where it is defined
STAGES = (
    "document.read", "cleaner.authors_of", "cleaner.images_of", "metadata.published", "metadata.title_of",
    "cleaner.standfirst", "signals.notices", "loose_text.wrap", "cleaner._facts", "cleaner.measure", "cleaner.prune",
    "cleaner.extract", "cleaner.restore", "cleaner.leaf_texts", "ending.cut_ends", "ending.cut_disclosures",
    "ending.cut_masthead", "ending.cut_lists", "ending.cut_biography", "lines.cut_lines", "lines.cut_repeated",
    "ending.cut_keywords", "rescue.better", "refusal.check", "cleaner.language_of",
)  # fmt: skip
_ROUNDS = 3


def main() -> None:
    pages = [
        text
        for folder in sys.argv[1:]
        for path in sorted(Path(folder).rglob("*.html*"))
        if (text := _read(path))
    ]
    if not pages:
        raise SystemExit("no pages: name folders that hold *.html or *.html.gz")
    ours, theirs = _of(pages, _clean), _of(pages, _trafilatura)  # a first round: imports, models
    for _ in range(_ROUNDS):
        ours, theirs = min(ours, _of(pages, _clean)), min(theirs, _of(pages, _trafilatura))
    print(f"{len(pages)} pages; ms of CPU a page, best of {_ROUNDS} rounds")
    print(f"cleaning with metadata     {ours:7.2f}")
    print(f"trafilatura with metadata  {theirs:7.2f}   ratio {ours / theirs:.2f}")
    spent = _watch()
    whole = _of(pages, _clean)
    for name, seconds in sorted(spent.items(), key=lambda pair: -pair[1]):
        print(f"  {name:26} {1000 * seconds / len(pages):7.2f}")
    print(f"  {'the rest':26} {whole - 1000 * sum(spent.values()) / len(pages):7.2f}")


def _read(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8", "replace")


def _of(pages: list[str], call: Callable[[str], object]) -> float:
    began = time.process_time()
    for page in pages:
        call(page)
    return 1000 * (time.process_time() - began) / len(pages)


def _clean(html: str) -> object:
    return meta(html, "https://gazette.example/story")


def _trafilatura(html: str) -> object:
    return trafilatura.bare_extraction(
        html, url="https://gazette.example/story", include_comments=False, with_metadata=True
    )


def _watch() -> dict[str, float]:
    """Seconds by stage, filled while cleaning runs."""
    spent: dict[str, float] = defaultdict(float)
    for stage in STAGES:
        module_name, _, name = stage.partition(".")
        module = importlib.import_module(f"cleaning.{module_name}")
        setattr(module, name, _timed(getattr(module, name), stage, spent))
    return spent


def _timed(function: Callable[..., object], stage: str, spent: dict[str, float]) -> Callable[..., object]:
    def timed(*args: object, **named: object) -> object:
        began = time.process_time()
        try:
            return function(*args, **named)
        finally:
            spent[stage] += time.process_time() - began

    return timed


if __name__ == "__main__":
    main()
