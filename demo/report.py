"""What a person wants to know after a crawl, read from the lake itself."""

from __future__ import annotations

import os
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from demo.object_store import storage_options
from lake.parquet.reading import table
from lake.schema.records import STORY_TABLES, TABLES, Table

_SHOWN = ["id", "outlet", "title", "url", "relation", "story_id", "copy_of", "containment", "removed"]


def print_report(lake: str, environ: Mapping[str, str]) -> None:
    os.environ.update(environ)
    kept = {name: _rows(lake, name, _SHOWN) for name in STORY_TABLES}
    rejects = _rows(lake, "rejects", ["outlet", "reason", "url"])
    _outlets(kept, rejects)
    _copies(kept)
    _rejects(rejects)
    _clutter([row for rows in kept.values() for row in rows])
    _query(lake)


def _rows(lake: str, name: Table, columns: list[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table(lake, name, columns).to_pylist()
    return rows


def _outlets(kept: Mapping[Table, list[dict[str, Any]]], rejects: list[dict[str, Any]]) -> None:
    _head("Per outlet")
    counts = {name: Counter(row["outlet"] for row in rows) for name, rows in kept.items()}
    refused = Counter(row["outlet"] for row in rejects)
    print(f"{'outlet':20} {'pages':>6} {'articles':>9} {'copies':>7} {'rejects':>8}")
    for outlet in sorted(set().union(refused, *counts.values())):
        mine = [counts[name][outlet] for name in STORY_TABLES]
        print(f"{outlet:20} {sum(mine) + refused[outlet]:6} {mine[0]:9} {mine[1]:7} {refused[outlet]:8}")


def _copies(kept: Mapping[Table, list[dict[str, Any]]]) -> None:
    _head("Which story went where")
    by_id = {row["id"]: row for row in kept["articles"]}
    stories = defaultdict(list)
    for row in kept["copies"]:
        stories[row["story_id"]].append(row)
    for story, copies in sorted(stories.items(), key=lambda s: -len(s[1])):
        if first := by_id.get(story):
            print(f"{first['outlet']:20} {_short(first['title'], 78)}")
            for copy in copies:
                share = f"{copy['relation']}, {copy['containment']:.0%} shared"
                print(f"  └ {copy['outlet']:16} {_short(copy['title'], 52):54} ({share})")


def _rejects(rejects: list[dict[str, Any]]) -> None:
    _head("No article, by reason")
    examples = {row["reason"]: row["url"] for row in rejects}
    for reason, count in Counter(row["reason"] for row in rejects).most_common():
        print(f"{count:4}  {reason:14} {_short(examples[reason], 76)}")


def _clutter(rows: Iterable[dict[str, Any]]) -> None:
    _head("Clutter cut away, by kind")
    kinds = defaultdict(list)
    for row in rows:
        for cut in row["removed"]:
            kinds[cut["kind"]].append(" ".join(cut["text"].split()))
    for kind, texts in sorted(kinds.items(), key=lambda k: -len(k[1])):
        print(f"{len(texts):4}  {kind:14} {_short(max(texts, key=len), 76)}")


def _query(lake: str) -> None:
    import polars as pl

    _head("The Parquet, read with Polars")
    for name in TABLES:
        print(f"{lake}/{name}/day=*/*.parquet")
    code = f"""
        pl.scan_parquet("{lake}/articles/**/*.parquet", hive_partitioning=True)
          .group_by("outlet", "language").agg(pl.len().alias("stories"), pl.col("word_count").mean().round(0))
          .sort("outlet", "language").collect()"""
    print(textwrap.indent(textwrap.dedent(code).strip("\n"), "  "))
    frame = (
        pl.scan_parquet(
            f"{lake}/articles/**/*.parquet",
            hive_partitioning=True,
            storage_options=storage_options(os.environ),
        )
        .group_by("outlet", "language")
        .agg(pl.len().alias("stories"), pl.col("word_count").mean().round(0))
        .sort("outlet", "language")
        .collect()
    )
    print(frame)


def _head(title: str) -> None:
    print(f"\n{title}\n{'─' * len(title)}")


def _short(text: str, width: int) -> str:
    """One line of printable characters: titles come from strangers, and terminals obey escapes."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= width else line[: width - 1] + "…"
