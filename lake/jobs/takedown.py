"""Taking pages down: their rows leave every part, and a tombstone keeps them from coming back.

1. Tombstones first, `takedowns/page-<id>.json` or `outlet-<name>.json`: every start of a crawl reads their names (one
   listing, nothing opened). They hold a page's id, which is a hash, and not its address.
2. The parts concerned are overwritten one by one under their own key, each on the condition that it is still the part
   that was read. Before, `overwritten/<key>.<digest>.json` tells both digests: who verifies the lake accepts either.
3. What a crawl lands that had begun before the tombstone stood, it takes out itself at its end (lake/runs/run.py), as does
   whoever finishes it.

Killed anywhere, the same command again completes all of it: it overwrites for every tombstone there is.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from cleaning import page_id
from lake.parquet.reading import dataset
from lake.parquet.row_removal import RewrittenPart, remove_rows, without_rows
from lake.schema.records import STORY_TABLES, TABLES, Table
from lake.storage.store import PartExists, Store
from lake.storage.tombstones import (
    PREFIX,
    TakenDown,
    outlet_name,
    page_name,
    redirected_from,
    taken_down_by,
    tombstone_names,
)

if TYPE_CHECKING:
    import pyarrow.dataset as ds

_FILENAME_COLUMN = "__filename"  # pyarrow's name of the file that a row comes from


@dataclass(slots=True)
class Receipt:
    """What a takedown did, or would do."""

    tombstones: list[str]
    parts: list[RewrittenPart] = field(default_factory=list)
    checkpoints: int = 0  # removed
    under_way: list[str] = field(default_factory=list)  # runs that take out their own rows at their end


# ---------------------------------------------------------------- the command


def forget(
    store: Store, pages: Collection[str], outlets: Collection[str], reason: str | None = None
) -> Receipt:
    """Take pages, by the ids of their addresses, and outlets down. Raises LakeError; then the same call completes it."""
    names = _new_tombstones(store, pages, outlets)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for name in names:
        tombstone = {"tombstone": name, "at": now, "reason": reason}
        with suppress(PartExists):  # an earlier takedown's
            store.put_new(f"{PREFIX}{name}.json", json.dumps(tombstone, ensure_ascii=False).encode())
    receipt = Receipt(names, under_way=_unfinished_runs(store))
    taken_down = taken_down_by(tombstone_names(store))
    # what landed meanwhile is found by the next round
    while rewritten := remove_rows(store, taken_down, _affected_parts(store, taken_down)):
        receipt.parts += rewritten
    for key in (
        list(store.keys("boilerplate/")) if taken_down.outlets else ()
    ):  # what outlets print; learned anew
        store.remove(key)
    for key in list(store.keys("checkpoints/")):  # a copy of the index, and made again
        store.remove(key)
        receipt.checkpoints += 1
    return receipt


def preview(store: Store, pages: Collection[str], outlets: Collection[str]) -> Receipt:
    """What `forget` would do."""
    names = _new_tombstones(store, pages, outlets)
    taken_down = taken_down_by({*names, *tombstone_names(store)})
    rewritten = (without_rows(key, store.get(key), taken_down) for key in _affected_parts(store, taken_down))
    return Receipt(names, [part for part, _ in filter(None, rewritten)], under_way=_unfinished_runs(store))


def _new_tombstones(store: Store, pages: Collection[str], outlets: Collection[str]) -> list[str]:
    all_pages = sorted(_with_related_pages(store, frozenset(pages))) if pages else []
    return [*map(page_name, all_pages), *map(outlet_name, sorted(outlets))]


def _unfinished_runs(store: Store) -> list[str]:
    keys = set(store.keys("runs/"))
    started = (k.removesuffix(".started.json") for k in keys if k.endswith(".started.json"))
    return sorted(run.removeprefix("runs/") for run in started if f"{run}.json" not in keys)


# ---------------------------------------------------------------- which pages


def _with_related_pages(store: Store, pages: frozenset[str]) -> set[str]:
    """With the same page under other addresses (aliases), all pages of an article in parts, and the addresses that
    led to them."""
    redirects = [(requested, id) for table in STORY_TABLES for requested, id in _redirects(store, table)]
    found = set(pages) | {id for requested, id in redirects if requested in pages}
    neighbours: dict[str, set[str]] = {}
    for one, other in _same_article(store):
        neighbours.setdefault(one, set()).add(other)
        neighbours.setdefault(other, set()).add(one)
    new = found
    while new:
        new = set().union(*(neighbours.get(id, set()) for id in new)) - found
        found |= new
    return found | {requested for requested, id in redirects if id in found}


def _redirects(store: Store, table: Table) -> Iterator[tuple[str, str]]:
    is_redirected = pc.field("requested_url") != pc.field("url")
    for row in _scan_rows(store, table, ["id", "url", "requested_url"], is_redirected):
        if requested := redirected_from(row):
            yield requested, row["id"]


def _same_article(store: Store) -> Iterator[tuple[str, str]]:
    for table in STORY_TABLES:
        for row in _scan_rows(store, table, ["id", "copy_of"], pc.field("relation") == "alias"):
            yield row["id"], row["copy_of"]
    for row in _scan_rows(store, "raw", ["id", "part_of"], pc.field("part_of").is_valid()):
        yield row["id"], row["part_of"]
    for row in _scan_rows(store, "rejects", ["id", "detail"], pc.field("reason") == "part"):
        with suppress(ValueError):  # `a later page of <address>`, lake/workers/page_processing.py
            yield row["id"], page_id((row["detail"] or "").rpartition(" ")[2])


def _scan_rows(
    store: Store, table: Table, columns: list[str], where: ds.Expression | None = None
) -> Iterator[dict[str, Any]]:
    for batch in dataset(store.uri, table).to_batches(columns=columns, filter=where):
        yield from batch.to_pylist()


# ---------------------------------------------------------------- which parts


def _affected_parts(store: Store, taken_down: TakenDown) -> list[str]:
    """The keys of the parts that hold a row of what was taken down; reads a few columns of each."""
    parts: set[str] = set()
    pages, outlets = (
        pa.array(sorted(names), pa.string()) for names in (taken_down.pages, taken_down.outlets)
    )
    for table in TABLES:
        where = pc.field("id").isin(pages) | pc.field("outlet").isin(outlets)
        columns = ["id", "outlet", "url", "requested_url", _FILENAME_COLUMN]
        if table == "raw":
            where |= pc.field("part_of").isin(pages)
            columns.append("part_of")
        if taken_down.pages:
            where |= pc.field("requested_url") != pc.field("url")
        for row in _scan_rows(store, table, columns, where) if taken_down else ():
            file = row[_FILENAME_COLUMN]
            if taken_down.covers(row):
                parts.add(file[file.rindex(f"{table}/day=") :])
    clusters = [k for k in store.keys("clusters/") if k.endswith(".parquet")]
    return [*sorted(parts), *clusters]
