"""Documents per CPU second through sign, judge and add, and bytes a document: python benchmarks/index_speed.py 10000"""

from __future__ import annotations

import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dedupe import Document, Index, sign
from demo.newsroom import gold

SEED = 1
COPIES = 0.2  # of the documents are cut and edited copies of earlier ones
REPLACED = 0.4  # of a new text's words are others, so that few phrases recur


def texts(count: int) -> Iterator[str]:
    """News-like texts: sentences of the newsroom with words replaced, natural in their spread of words."""
    chance = random.Random(SEED)
    sentences = [line for page in gold(2, 80) for line in page.text_lines if page.language == "en"]
    words = [word for sentence in sentences for word in sentence.split()]
    made: list[list[str]] = []
    for _ in range(count):
        if made and chance.random() < COPIES:
            old = chance.choice(made[-2000:])
            text = [
                w if chance.random() > 0.05 else chance.choice(words)
                for w in old[: int(len(old) * chance.uniform(0.5, 1))]
            ]
        else:
            picked = " ".join(chance.choice(sentences) for _ in range(chance.randint(8, 35))).split()
            text = [w if chance.random() > REPLACED else chance.choice(words) for w in picked]
        made.append(text)
        yield " ".join(text)


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.sqlite"
        connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -65536"):
            connection.execute(f"PRAGMA {pragma}")
        index = Index(connection)
        spent = dict.fromkeys(("sign", "judge", "add"), 0.0)
        copies, words = 0, 0
        for number, text in enumerate(texts(count)):
            words += len(text.split())
            began = time.process_time()
            signature = sign(text)
            signed = time.process_time()
            document = Document(
                str(number),
                f"outlet-{number % 40}",
                datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number),
            )
            connection.execute("BEGIN IMMEDIATE")
            verdict = index.judge(document, signature)
            judged = time.process_time()
            index.add(document, signature, verdict.story_id)
            connection.execute("COMMIT")
            copies += verdict.relation is not None
            for step, seconds in zip(
                spent, (signed - began, judged - signed, time.process_time() - judged), strict=True
            ):
                spent[step] += seconds
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        steps = ", ".join(f"{step} {1000 * seconds / count:.2f} ms" for step, seconds in spent.items())
        print(f"{count} documents of {words / count:.0f} words, {copies} copies found")
        print(
            f"{count / sum(spent.values()):.0f} documents per CPU second ({steps}); {path.stat().st_size / count:.0f} bytes each"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
