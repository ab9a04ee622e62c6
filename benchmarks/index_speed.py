"""Articles per CPU second through sign, judge and add, catching up from signatures, size and memory.

    python benchmarks/index_speed.py 100000 [texts.jsonl.gz]

Made articles (benchmarks/articles.py), from the given texts or else from the demonstration newsroom's. The last
tenth, and at least 2,000, are timed: the figures are those of an index of that size.
"""

from __future__ import annotations

import resource
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.articles import Generator, Made, newsroom_texts, texts_of
from dedupe import Document, Index, Signature, sign

COMMIT_EVERY = 500  # rows in one transaction while the index is filled, as of a run


def opened(path: Path) -> sqlite3.Connection:
    """As lake/index/page_index.py does."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in (
        "page_size = 8192",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "wal_autocheckpoint = 8000",
        "cache_size = -16384",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def document_of(made: Made) -> Document:
    return Document(made.id, made.outlet, made.published_at)


class Bench:
    def __init__(self, path: Path) -> None:
        self.connection = opened(path)
        self.index = Index(self.connection)
        self.spent = dict.fromkeys(("sign", "judge", "add"), 0.0)
        self.found = self.copies = self.words = 0

    def one(self, made: Made) -> None:
        began = time.process_time()
        signature = sign(made.text)
        signed = time.process_time()
        document = document_of(made)
        self.connection.execute("BEGIN IMMEDIATE")
        verdict = self.index.judge(document, signature)
        judged = time.process_time()
        self.index.add(document, signature, verdict.story_id)
        self.connection.execute("COMMIT")
        steps = signed - began, judged - signed, time.process_time() - judged
        for step, seconds in zip(self.spent, steps, strict=True):
            self.spent[step] += seconds
        self.words += len(made.text.split())
        self.copies += made.copy_of is not None
        self.found += made.copy_of is not None and verdict.relation is not None


def fill(index: Index, connection: sqlite3.Connection, articles: list[tuple[Document, bytes]]) -> float:
    """CPU seconds to learn rows as a cold cache does: from columns, without a verdict."""
    began = time.process_time()
    connection.execute("BEGIN IMMEDIATE")
    with index.catching_up():
        for document, data in articles:
            index.add(document, Signature.from_bytes(data), document.id)
    connection.execute("COMMIT")
    return time.process_time() - began


def first_verdict(path: Path, generator: Generator) -> float:
    """CPU seconds to open the index and judge one article, as a process does that knows nothing yet."""
    made = next(generator.articles(1))
    signature = sign(made.text)
    began = time.process_time()
    connection = opened(path)
    Index(connection).judge(document_of(made), signature)
    connection.close()
    return time.process_time() - began


def main(count: int, texts: Path | None) -> None:
    generator = Generator(texts_of(texts) if texts else newsroom_texts())
    timed = max(2000, count // 10) if count > 4000 else count // 2
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.sqlite"
        bench = Bench(path)
        batch: list[tuple[Document, bytes]] = []
        last: list[
            Made
        ] = []  # timed in a row: making them in between would measure the generator's use of the cache
        learning = 0.0
        for number, made in enumerate(generator.articles(count)):
            if number >= count - timed:
                last.append(made)
                continue
            batch.append((document_of(made), sign(made.text).to_bytes()))
            if len(batch) == COMMIT_EVERY or number == count - timed - 1:
                learning += fill(bench.index, bench.connection, batch)
                batch.clear()
        for made in last:
            bench.one(made)
        bench.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        start = first_verdict(path, generator)
        steps = ", ".join(f"{step} {1000 * spent / timed:.2f} ms" for step, spent in bench.spent.items())
        print(f"{count} articles in the index, {bench.words / timed:.0f} words each")
        print(f"end to end from text: {timed / sum(bench.spent.values()):.0f} per CPU second ({steps})")
        print(f"catching up from signatures: {(count - timed) / learning:.0f} per CPU second")
        print(f"a new process: {start:.2f} CPU seconds until its first verdict, imports left out")
        print(
            f"on disk: {path.stat().st_size / count:.0f} bytes each; copies found {bench.found} of {bench.copies}"
        )
        print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most")


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 10_000,
        Path(sys.argv[2]) if len(sys.argv) > 2 else None,
    )
