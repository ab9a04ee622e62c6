"""Recall of copies by decile of their overlap, with counts: python benchmarks/overlap.py ../shared/pages/syndication

Overlap is the containment of word 3-shingles, of the smaller text in the larger: of a copy in the document that it
was made from (made-up syndication, clean and with clutter), of the two texts of a labelled pair (real).
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.adapters import dedupe
from dedupe import sign
from dedupe.signature.sketch import overlap


def read(path: Path) -> list[Any]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def decile(one: str, other: str) -> int:
    shared = overlap(sign(one).body_sketch(), sign(other).body_sketch())
    return min(9, int(10 * shared.containment))


def clusters(rows: Iterable[Any], field: str) -> dict[str, str]:
    wanted: list[Any] = [{**row, "text": row[field]} for row in rows]
    return dedupe(wanted)


def table(name: str, found: Iterable[tuple[int, bool]]) -> None:
    counts = Counter(found)
    cells = [
        f".{ten}: {counts[ten, True]}/{counts[ten, True] + counts[ten, False]}"
        for ten in range(10)
        if counts[ten, True] + counts[ten, False]
    ]
    print(f"{name:6} found by decile of overlap  {'  '.join(cells)}")


def main(folder: Path) -> None:
    rows = {row["id"]: row for row in read(folder / "synthetic.jsonl.gz")}
    for field in ("text", "dirty"):
        names = clusters(rows.values(), field)
        table(
            field,
            (
                (decile(row[field], rows[row["parent"]][field]), names[id] == names[row["parent"]])
                for id, row in rows.items()
                if row["parent"] in rows
            ),
        )
    docs = {row["id"]: row for row in read(folder / "real_docs.jsonl.gz")}
    names = clusters(docs.values(), "text")
    pairs = read(folder / "real_pairs.jsonl.gz")
    for label, name in ((1, "real"), (0, "apart")):
        table(
            name,
            (
                (
                    decile(docs[p["a"]]["text"], docs[p["b"]]["text"]),
                    (names[p["a"]] == names[p["b"]]) == label,
                )
                for p in pairs
                if p["label"] == label
            ),
        )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/pages/syndication"))
