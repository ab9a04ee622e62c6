"""What deduplication makes of bad input in full size: time and counts. python benchmarks/bad_input.py [equal texts]"""

from __future__ import annotations

import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.articles import Generator, newsroom_texts
from dedupe import Counts, Document, Index, cluster_signed, sign

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
OUTLETS = 400


def documents(count: int) -> Iterator[Document]:
    for n in range(count):
        yield Document(f"{n:032x}", f"outlet-{n % OUTLETS}", BEGAN + timedelta(seconds=2 * n))


def batch(count: int, text: str, what: str) -> None:
    data, counts, began = sign(text).to_bytes(), Counts(), time.process_time()
    clusters = {
        found.cluster for found in cluster_signed(((d, data) for d in documents(count)), counts=counts)
    }
    print(
        f"{count} {what} in a batch: {len(clusters)} clusters, {time.process_time() - began:.1f} s of CPU, "
        f"{counts.sought} rows sought, {counts.pairs} pairs compared"
    )


def stream(count: int, text: str) -> None:
    signature = sign(text)
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "index.sqlite", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA cache_size = -65536")
        index, began, stories = Index(connection), time.process_time(), set()
        for n, document in enumerate(documents(count), start=1):
            connection.execute("BEGIN IMMEDIATE") if n % 100 == 1 else None
            verdict = index.judge(document, signature)
            index.add(document, signature, verdict.story_id)
            stories.add(verdict.story_id)
            connection.execute("COMMIT") if n % 100 == 0 else None
            if n % (count // 10) == 0:
                spent, began = time.process_time() - began, time.process_time()
                print(
                    f"  {n} streamed: {spent / (count // 10) * 1e3:.2f} ms each, {index.refused} keys refused",
                    flush=True,
                )
        print(f"{count} equal texts streamed: {len(stories)} stories")
        connection.close()


def long_text(size: int) -> None:
    made = Generator(newsroom_texts())
    text = ""
    while len(text) < size:
        text += " ".join(made.text for made in made.articles(1000))
    began = time.process_time()
    signature = sign(text[:size])
    print(
        f"a text of {size / 1e6:.0f} MB: {time.process_time() - began:.1f} s of CPU to sign, "
        f"{len(signature.to_bytes())} bytes of signature, "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB of memory at most"
    )


def main(count: int) -> None:
    long_text(10_000_000)
    story = next(text for text in newsroom_texts() if len(text.split()) > 150)
    batch(count, "", "empty texts")
    batch(count, "one", "one-word texts")
    batch(count, story, "equal texts")
    stream(count // 10, story)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
