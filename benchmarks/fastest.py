"""The fastest that anyone could use on the pages of a WARC file: resiliparse, in a pool of one process a core.

    python benchmarks/fastest.py pages.warc.gz

Plain text of the main content and nothing else: no metadata, language, signature or verdict, and nothing is landed.
FastWARC reads the file. A contestant of benchmarks/race.py; its quality, from `pip install resiliparse`:

    python $SHARED/measure/extraction/evaluate.py --aeb $SHARED/pages/aeb --split dev adapters:traf_default adapters:resiliparse
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

from fastwarc.warc import ArchiveIterator, WarcRecordType


def main(path: Path) -> None:
    with get_context("spawn").Pool(len(os.sched_getaffinity(0))) as pool:
        lengths = list(pool.imap(_text, _bodies(path), chunksize=4))
    print(f"{len(lengths)} pages, {sum(lengths)} characters")


def _bodies(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for record in ArchiveIterator(file, record_types=WarcRecordType.response):
            yield record.reader.read()


def _text(body: bytes) -> int:
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding

    html = bytes_to_str(body, detect_encoding(body) or "utf-8")
    return len(extract_plain_text(html, main_content=True, alt_texts=False, links=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
