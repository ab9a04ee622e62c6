"""What deduplication makes of bad input in full size, with time and counts; exit code 1 where an answer is not the
documented one. python benchmarks/bad_input.py [equal texts in a batch] [equal texts streamed] [articles in a lake]
"""

from __future__ import annotations

import contextlib
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
from benchmarks.bad_lake import answers
from dedupe import Counts, Document, Index, SchemeMismatch, Signature, cluster_signed, sign

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
OUTLETS = 400
wrong: list[str] = []


def documents(count: int) -> Iterator[Document]:
    for n in range(count):
        yield Document(f"{n:032x}", f"outlet-{n % OUTLETS}", BEGAN + timedelta(seconds=2 * n))


def expect(answer: str, is_right: bool) -> None:
    print(answer if is_right else f"{answer}: NOT AS DOCUMENTED", flush=True)
    wrong.extend([] if is_right else [answer])


def batch(count: int, text: str, what: str, clusters: int, pairs: int) -> None:
    data, counts, began = sign(text).to_bytes(), Counts(), time.process_time()
    found = {one.cluster for one in cluster_signed(((d, data) for d in documents(count)), counts=counts)}
    expect(
        f"{count} {what} in a batch: {len(found)} clusters, {time.process_time() - began:.1f} s of CPU, "
        f"{counts.compared_rows} rows sought, {counts.pairs} pairs compared",
        len(found) == clusters and counts.pairs <= pairs,
    )


def stream(count: int, text: str) -> None:
    signature = sign(text)
    with tempfile.TemporaryDirectory() as folder:
        connection = opened(folder)
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
        expect(f"{count} equal texts streamed: {len(stories)} stories", len(stories) == 1)
        connection.close()


def opened(folder: str) -> sqlite3.Connection:
    connection = sqlite3.connect(Path(folder) / "index.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA cache_size = -16384")
    return connection


def twice(text: str, other: str) -> None:
    """An id that comes again with another text, and a copy of either text after it."""
    first, second, third = documents(3)
    signed = [(first, sign(text)), (first, sign(other)), (second, sign(text)), (third, sign(other))]
    stories = {}
    with tempfile.TemporaryDirectory() as folder:
        connection = opened(folder)
        index = Index(connection)
        for document, signature in signed:
            verdict = index.judge(document, signature)
            index.add(document, signature, verdict.story_id)
            stories[document.id] = verdict.story_id
        expect(
            f"an id that comes twice, streamed: {len(index)} rows for 3 ids, the later text found",
            len(index) == 3 and stories[third.id] == first.id and stories[second.id] == second.id,
        )
        connection.close()
    rows = [(document, signature.to_bytes()) for document, signature in signed]
    clusters = {found.id: found.cluster for found in cluster_signed(rows)}
    expect(
        f"an id that comes twice, in a batch: {len(clusters)} ids, the later text found",
        len(clusters) == 3 and clusters[third.id] == clusters[first.id] != clusters[second.id],
    )


def another_scheme(text: str) -> None:
    data = bytearray(sign(text).to_bytes())
    data[:4] = b"v0v0"
    with contextlib.suppress(SchemeMismatch):
        Signature.from_bytes(bytes(data))
        expect("a signature of another scheme: taken", is_right=False)
        return
    expect("a signature of another scheme: SchemeMismatch", is_right=True)


def long_text(size: int) -> None:
    made = Generator(newsroom_texts())
    text = ""
    while len(text) < size:
        text += " ".join(made.text for made in made.articles(1000))
    began = time.process_time()
    signature = sign(text[:size])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    expect(
        f"a text of {size / 1e6:.0f} MB: {time.process_time() - began:.1f} s of CPU to sign, "
        f"{len(signature.to_bytes())} bytes of signature, "
        f"{memory:.2f} GB of memory at most",
        is_right=len(signature.to_bytes()) < 10_000 and memory < 1,
    )


def main(count: int, streamed: int, landed: int) -> int:
    long_text(10_000_000)
    story, other = [text for text in newsroom_texts() if len(text.split()) > 150][:2]
    twice(story, other)
    another_scheme(story)
    for answer, is_right in answers(newsroom_texts(), landed):
        expect(answer, is_right)
    batch(count, "", "empty texts", clusters=count, pairs=0)
    batch(count, "one", "one-word texts", clusters=count, pairs=0)
    batch(count, story, "equal texts", clusters=1, pairs=1_000)
    stream(streamed, story)
    return 1 if wrong else 0


if __name__ == "__main__":
    sizes = [*map(int, sys.argv[1:])]
    raise SystemExit(main(*[*sizes, *(1_000_000, 20_000, 3_000)[len(sizes) :]]))
