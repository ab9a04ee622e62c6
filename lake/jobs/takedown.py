"""Takes pages or whole outlets down: removes their rows from every part, and writes tombstones against their return.

1. The tombstones are written first, as `takedowns/page-<id>.json` or `takedowns/outlet-<name>.json`. Every start of a
   crawl reads their names (one listing, no object is opened). They hold a page's id, which is a hash, and not its
   URL.
2. The affected parts are overwritten one by one under their keys, each on the condition that it is still the part
   that was read. Before that, `overwritten/<key>.<digest>.json` records both digests; `verify` accepts either.
3. A run that started before the tombstones were written removes such rows from its own parts at its end
   (lake/runs/run.py), and so does a process that finishes a dead run.

If the command is killed, the same command completes the takedown: it overwrites parts for every tombstone there is.
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
from lake.parquet.part_files import damage_told
from lake.parquet.reading import dataset
from lake.parquet.row_removal import RewrittenPart, remove_rows, without_rows
from lake.schema.records import STORY_TABLES, TABLES, Table
from lake.storage.store import PartExists, Store
from lake.storage.tombstones import (
    PREFIX,
    TakenDown,
    outlet_tombstone,
    page_tombstone,
    parse_tombstones,
    redirected_from,
    tombstone_names,
)

if TYPE_CHECKING:
    import pyarrow.dataset as ds

_FILENAME_COLUMN = "__filename"  # pyarrow's column for the file that a row comes from


@dataclass(slots=True)
class Receipt:
    """What a takedown did, or would do."""

    tombstones: list[str]  # names, without .json
    parts: list[RewrittenPart] = field(default_factory=list)
    checkpoints: int = 0  # index checkpoints removed
    under_way: list[str] = field(default_factory=list)  # unfinished runs, which remove such rows at their end


# ---------------------------------------------------------------- the command


def forget(
    store: Store, pages: Collection[str], outlets: Collection[str], reason: str | None = None
) -> Receipt:
    """Take down pages, given by the ids of their URLs, and outlets, given by name. reason: kept in the tombstones.
    Raises LakeError; then the same call completes the takedown."""
    names = _new_tombstones(store, pages, outlets)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for name in names:
        tombstone = {"tombstone": name, "at": now, "reason": reason}
        with suppress(PartExists):  # from an earlier takedown
            store.put_new(f"{PREFIX}{name}.json", json.dumps(tombstone, ensure_ascii=False).encode())
    receipt = Receipt(names, under_way=_unfinished_runs(store))
    taken_down = parse_tombstones(tombstone_names(store))
    # the next round finds what landed meanwhile
    while rewritten := remove_rows(store, taken_down, _affected_parts(store, taken_down)):
        receipt.parts += rewritten
    for key in (
        list(store.keys("boilerplate/")) if taken_down.outlets else ()
    ):  # they hold lines of outlets' texts; the next learning makes them again
        store.remove(key)
    for key in list(
        store.keys("checkpoints/")
    ):  # they hold a copy of the index; a later run makes them again
        store.remove(key)
        receipt.checkpoints += 1
    return receipt


def preview(store: Store, pages: Collection[str], outlets: Collection[str]) -> Receipt:
    """What `forget` would do; writes nothing. Raises LakeError."""
    names = _new_tombstones(store, pages, outlets)
    taken_down = parse_tombstones({*names, *tombstone_names(store)})
    rewritten = (without_rows(key, store.get(key), taken_down) for key in _affected_parts(store, taken_down))
    return Receipt(names, [part for part, _ in filter(None, rewritten)], under_way=_unfinished_runs(store))


def _new_tombstones(store: Store, pages: Collection[str], outlets: Collection[str]) -> list[str]:
    """The names of the tombstones for these pages, their related pages, and these outlets."""
    all_pages = sorted(_with_related_pages(store, frozenset(pages))) if pages else []
    return [*map(page_tombstone, all_pages), *map(outlet_tombstone, sorted(outlets))]


def _unfinished_runs(store: Store) -> list[str]:
    """The ids of runs with a start record and no end record."""
    keys = set(store.keys("runs/"))
    started = (k.removesuffix(".started.json") for k in keys if k.endswith(".started.json"))
    return sorted(run.removeprefix("runs/") for run in started if f"{run}.json" not in keys)


# ---------------------------------------------------------------- which pages


def _with_related_pages(store: Store, pages: frozenset[str]) -> set[str]:
    """The ids of these pages, of their aliases (the same page under other URLs), of all pages of a paginated article,
    and of the requested URLs that redirected to any of them."""
    redirects = [(requested, id) for table in STORY_TABLES for requested, id in _redirects(store, table)]
    related = set(pages) | {id for requested, id in redirects if requested in pages}
    neighbours: dict[str, set[str]] = {}
    for page, other in _same_article(store):
        neighbours.setdefault(page, set()).add(other)
        neighbours.setdefault(other, set()).add(page)
    new = related
    while new:
        new = set().union(*(neighbours.get(id, set()) for id in new)) - related
        related |= new
    return related | {requested for requested, id in redirects if id in related}


def _redirects(store: Store, table: Table) -> Iterator[tuple[str, str]]:
    """(requested id, answering page id) of the redirects in a table."""
    is_redirected = pc.field("requested_url") != pc.field("url")
    for row in _scan_rows(store, table, ["id", "url", "requested_url"], is_redirected):
        if requested := redirected_from(row):
            yield requested, row["id"]


def _same_article(store: Store) -> Iterator[tuple[str, str]]:
    """Pairs of page ids that are one article: aliases, and pages of a paginated article."""
    for table in STORY_TABLES:
        for row in _scan_rows(store, table, ["id", "copy_of"], pc.field("relation") == "alias"):
            yield row["id"], row["copy_of"]
    for row in _scan_rows(store, "raw", ["id", "part_of"], pc.field("part_of").is_valid()):
        yield row["id"], row["part_of"]
    for row in _scan_rows(store, "rejects", ["id", "detail"], pc.field("reason") == "part"):
        with suppress(ValueError):  # `a later page of <URL>`, lake/workers/page_processing.py
            yield row["id"], page_id((row["detail"] or "").rpartition(" ")[2])


def _scan_rows(
    store: Store, table: Table, columns: list[str], where: ds.Expression | None = None
) -> Iterator[dict[str, Any]]:
    """The rows of a table that match a filter."""
    with damage_told(store, table):
        for batch in dataset(store.uri, table).to_batches(columns=columns, filter=where):
            yield from batch.to_pylist()


# ---------------------------------------------------------------- which parts


def _affected_parts(store: Store, taken_down: TakenDown) -> list[str]:
    """The keys of the parts that hold a row of a taken-down page or outlet, found by reading a few columns, and the
    keys of all cluster files."""
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
