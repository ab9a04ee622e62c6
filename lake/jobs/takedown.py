"""Takes pages or whole outlets down: removes every byte of them that rests in the lake or on this machine, and writes
tombstones against their return.

1. The tombstones are written first, as `takedowns/page-<id>.json` or `takedowns/outlet-<name>.json`. Every start of a
   crawl reads their names (one listing, no object is opened). They hold a page's id, which is a hash, and not its
   URL; that of an outlet holds hashes of its hosts.
2. What has to be found by the rows is removed before them: learned lines, addresses in records.
3. The affected parts are overwritten one by one under their keys, each on the condition that it is still the part
   that was read. Before that, `overwritten/<key>.<digest>.json` records both digests; `verify` accepts either.
4. A run that started before the tombstones were written removes such rows from its own parts at its end
   (lake/runs/run.py), and so does a process that finishes a dead run. Other machines clean their working folders at
   their next start (lake/runs/catch_up.py).

lake/storage/layout.py lists what a lake holds; what it does not list is told as not looked at. If the command is
killed, the same command completes the takedown: it looks everywhere for every tombstone there is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from cleaning import host_of, line_key, page_id
from lake.index.page_index import index_path, set_aside
from lake.parquet.reading import dataset, part_dataset
from lake.parquet.row_removal import RewrittenPart, remove_rows, without_rows
from lake.runs.catch_up import forget_in_index
from lake.runs.spool_recovery import clean_spool, hold_spool
from lake.schema.records import STORY_TABLES, TABLES, Table
from lake.storage.boilerplate_file import without_lines
from lake.storage.folder_store import FolderStore
from lake.storage.job_folders import clean_job, noted_jobs
from lake.storage.layout import holding_of, place_of
from lake.storage.spool import remove_discarded, spool_folder
from lake.storage.state_folder import KEPT, LOCKS, forget_answers, prepare
from lake.storage.store import ObjectChanged, PartExists, Store
from lake.storage.taken_down_addresses import TakenDownAddresses, clean_record, host_id, taken_down_addresses
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

# what no command can remove; docs/operating.md says what to do about each
OUT_OF_REACH = (
    "the working folders (STATE_DIR) of other machines: each is cleaned by the next crawl there",
    "older versions of objects that a bucket with versioning keeps, its replicas and backups; snapshots of disks",
    "WARC files, feeds (-o), reports (--html), logs and HTTP caches that were written to places of your own choice",
    "copies that readers of the lake made, and their caches",
    "pages by others that copy, quote or link the page: they are theirs, with their own addresses",
)


@dataclass(slots=True)
class Place:
    """A place that a takedown looked at."""

    name: str  # a prefix of the lake, or what of the working folder
    objects: int = 0  # that were there
    changed: int = 0  # of these, rewritten or removed
    left: int = 0  # of these, left to a process that is at work on them, or to the next start


@dataclass(slots=True)
class Receipt:
    """What a takedown did, or would do. It holds no address."""

    tombstones: list[str]  # names, without .json
    parts: list[RewrittenPart] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    not_looked_at: list[str] = field(
        default_factory=list
    )  # what is not of a lake, and a folder that is not there
    unreadable: list[str] = field(default_factory=list)  # keys of damaged objects, in which rows may be left
    under_way: list[str] = field(default_factory=list)  # unfinished runs, which remove such rows at their end
    out_of_reach: tuple[str, ...] = OUT_OF_REACH


# ---------------------------------------------------------------- the command


def forget(
    store: Store,
    pages: Collection[str],
    outlets: Collection[str],
    reason: str | None = None,
    state: Path | None = None,
) -> Receipt:
    """Take down pages, given by the ids of their URLs, and outlets, given by name. reason: kept in the tombstones.
    state: this machine's working folder; None: it is not looked at. Raises LakeError; then the same call completes
    the takedown."""
    search = _Search(store)
    names = search.new_tombstones(pages, outlets)
    addresses = TakenDownAddresses(parse_tombstones(names))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for name in names:
        tombstone = {"tombstone": name, "at": now, "reason": addresses.without(reason)}
        if outlet := parse_tombstones([name]).outlets:
            tombstone["hosts"] = search.hosts(outlet)
        with suppress(PartExists):  # from an earlier takedown
            store.put_new(f"{PREFIX}{name}.json", json.dumps(tombstone, ensure_ascii=False).encode())
    receipt = Receipt(names, under_way=_unfinished_runs(store))
    taken_down = parse_tombstones(tombstone_names(store))
    addresses = taken_down_addresses(store, taken_down)
    places = _Places(receipt)
    _clean_lines(store, search, taken_down, places)
    keys = list(store.keys(""))
    for key in keys:
        _look_at(store, key, addresses, places)
    # the next round finds what landed meanwhile
    while rewritten := remove_rows(store, taken_down, search.affected_parts(taken_down)):
        receipt.parts += rewritten
        for part in rewritten:
            places.of(place_of(part.key)).changed += 1
    if isinstance(store, FolderStore):
        dead, in_use = store.leftovers()
        place = places.of(".tmp")
        place.objects, place.left = len(dead) + len(in_use), len(in_use)
        place.changed = store.remove_leftovers()
    if state:
        _clean_state(store, state, taken_down, addresses, places)
    receipt.unreadable = sorted({*receipt.unreadable, *search.unreadable})
    return receipt


def preview(store: Store, pages: Collection[str], outlets: Collection[str]) -> Receipt:
    """What `forget` would do to the parts; writes nothing. Raises LakeError."""
    search = _Search(store)
    names = search.new_tombstones(pages, outlets)
    taken_down = parse_tombstones({*names, *tombstone_names(store)})
    rewritten = (without_rows(key, store.get(key), taken_down) for key in search.affected_parts(taken_down))
    parts = [part for part, _ in filter(None, rewritten)]
    return Receipt(names, parts, unreadable=sorted(search.unreadable), under_way=_unfinished_runs(store))


def _unfinished_runs(store: Store) -> list[str]:
    """The ids of runs with a start record and no end record."""
    keys = set(store.keys("runs/"))
    started = (k.removesuffix(".started.json") for k in keys if k.endswith(".started.json"))
    return sorted(run.removeprefix("runs/") for run in started if f"{run}.json" not in keys)


# ---------------------------------------------------------------- every place


class _Places:
    """The places of a receipt by name."""

    def __init__(self, receipt: Receipt) -> None:
        self.receipt = receipt
        self._by_name: dict[str, Place] = {}

    def of(self, name: str) -> Place:
        if name not in self._by_name:
            self._by_name[name] = Place(name)
            self.receipt.places.append(self._by_name[name])
        return self._by_name[name]


def _look_at(store: Store, key: str, addresses: TakenDownAddresses, places: _Places) -> None:
    """Clean one object that is no part, and count it. Raises LakeError."""
    holding = holding_of(key)
    if holding is None:
        places.receipt.not_looked_at.append(key)
    elif holding not in ("temporary", "nothing"):
        place = places.of(place_of(key))
        place.objects += 1
        if holding == "index":  # a copy of the index; a later run makes another
            store.remove(key)
            place.changed += 1
        elif holding == "records":
            try:
                place.changed += clean_record(store, key, addresses)
            except KeyError:  # removed meanwhile
                place.objects -= 1
            except ValueError:
                places.receipt.unreadable.append(key)


def _clean_lines(store: Store, search: _Search, taken_down: TakenDown, places: _Places) -> None:
    """Take the lines of what was taken down out of the learned boilerplate, before the rows that have them go. The next
    learning learns them again if others have them still."""
    keys = list(store.keys("boilerplate/"))
    lines = search.lines(taken_down) if keys else {}
    for key in keys:
        with suppress(KeyError, ObjectChanged):
            current = store.look(key)
            cleaned = without_lines(current.data, taken_down.outlets, lines)
            if cleaned is None:
                continue
            places.of("boilerplate").changed += 1
            if cleaned:
                store.swap(key, cleaned, current.tag)
            else:
                store.remove(key)


def _clean_state(
    store: Store, state: Path, taken_down: TakenDown, addresses: TakenDownAddresses, places: _Places
) -> None:
    """Clean this machine's working folder. Raises LakeError."""
    if not state.is_dir():
        places.receipt.not_looked_at.append(f"STATE_DIR {state}: there is no such folder on this machine")
        return
    prepare(state)
    path = index_path(state, store.uri)
    place = places.of("STATE_DIR: index")
    place.objects = int(path.exists())
    aside = places.of("STATE_DIR: indexes that were moved aside")
    aside.objects = aside.changed = len(set_aside(path))
    kept = places.of(f"STATE_DIR: {KEPT} answers")
    kept.objects = kept.changed = forget_answers(state)
    is_erased = forget_in_index(store, path)
    place.changed, place.left = int(is_erased is True), int(is_erased is False)
    remove_discarded(spool_folder(state, store.uri))
    for folder in _folders(spool_folder(state, store.uri)):
        place = places.of("STATE_DIR: spools")
        place.objects += 1
        with hold_spool(folder, state / LOCKS) as is_ours:
            if is_ours:
                place.changed += clean_spool(store, folder, taken_down) > 0
            else:  # its run takes such rows out at its end
                place.left += folder.is_dir()
    for folder in noted_jobs(state):
        place = places.of("STATE_DIR: queues of jobs (JOBDIR)")
        place.objects += 1
        is_cleaned = clean_job(folder, addresses)
        place.changed, place.left = place.changed + (is_cleaned is True), place.left + (is_cleaned is None)


def _folders(parent: Path) -> list[Path]:
    return sorted(parent.iterdir()) if parent.is_dir() else []


# ---------------------------------------------------------------- which rows


class _Search:
    """Looks through the tables of a lake. Parts that cannot be read are passed over, and noted."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.unreadable: set[str] = set()  # keys

    def new_tombstones(self, pages: Collection[str], outlets: Collection[str]) -> list[str]:
        """The names of the tombstones for these pages, their related pages, and these outlets."""
        all_pages = sorted(self._with_related_pages(frozenset(pages))) if pages else []
        return [*map(page_tombstone, all_pages), *map(outlet_tombstone, sorted(outlets))]

    def hosts(self, outlets: Collection[str]) -> list[str]:
        """The ids of the hosts of the pages of these outlets."""
        where = pc.field("outlet").isin(pa.array(sorted(outlets), pa.string()))
        urls = (
            row[column]
            for table in TABLES
            for row in self._rows(table, ["url", "requested_url"], where)
            for column in row
        )
        hosts = set(map(host_of, filter(None, urls)))
        return sorted(map(host_id, hosts - {""}))

    def lines(self, taken_down: TakenDown) -> dict[str, set[str]]:
        """The keys of all lines of the pages that were taken down, by outlet."""
        found: dict[str, set[str]] = {}
        columns = ["id", "outlet", "url", "requested_url", "text", "removed"]
        for table in STORY_TABLES if taken_down.pages else ():
            for row in self._rows(table, columns, _may_be_taken_down(table, taken_down)):
                if taken_down.covers(row):
                    texts = [row["text"] or "", *(cut["text"] or "" for cut in row["removed"] or ())]
                    lines = (line for text in texts for line in text.splitlines())
                    found.setdefault(row["outlet"], set()).update(map(line_key, lines))
        return found

    def affected_parts(self, taken_down: TakenDown) -> list[str]:
        """The keys of the parts that hold a row of a taken-down page or outlet, found by reading a few columns, and
        the keys of all cluster files."""
        parts: set[str] = set()
        for table in TABLES if taken_down else ():
            columns = ["id", "outlet", "url", "requested_url", *(["part_of"] if table == "raw" else [])]
            for row in self._rows(table, [*columns, _FILENAME_COLUMN], _may_be_taken_down(table, taken_down)):
                file = row[_FILENAME_COLUMN]
                if taken_down.covers(row):
                    parts.add(file[file.rindex(f"{table}/day=") :])
        clusters = [k for k in self.store.keys("clusters/") if k.endswith(".parquet")]
        return [*sorted(parts), *(key for key in clusters if key not in self.unreadable)]

    def _rows(
        self, table: Table, columns: list[str], where: ds.Expression | None = None
    ) -> Iterator[dict[str, Any]]:
        """The rows of a table that match a filter; where a part cannot be read, some of them twice."""
        try:
            yield from _read(lambda: dataset(self.store.uri, table), columns, where)
        except (pa.ArrowException, OSError):
            for key in self.store.keys(f"{table}/"):
                try:
                    yield from _read(lambda key=key: part_dataset(self.store.uri, table, key), columns, where)  # type: ignore[misc]
                except (pa.ArrowException, OSError):
                    with suppress(KeyError):  # removed meanwhile
                        self.store.get(key)  # raises LakeError where it is the store that fails
                        self.unreadable.add(key)

    def _with_related_pages(self, pages: frozenset[str]) -> set[str]:
        """The ids of these pages, of their aliases (the same page under other URLs), of all pages of a paginated article,
        and of the requested URLs that redirected to any of them."""
        redirects = [(requested, id) for table in STORY_TABLES for requested, id in self._redirects(table)]
        related = set(pages) | {id for requested, id in redirects if requested in pages}
        neighbours: dict[str, set[str]] = {}
        for page, other in self._same_article():
            neighbours.setdefault(page, set()).add(other)
            neighbours.setdefault(other, set()).add(page)
        new = related
        while new:
            new = set().union(*(neighbours.get(id, set()) for id in new)) - related
            related |= new
        return related | {requested for requested, id in redirects if id in related}

    def _redirects(self, table: Table) -> Iterator[tuple[str, str]]:
        """(requested id, answering page id) of the redirects in a table."""
        is_redirected = pc.field("requested_url") != pc.field("url")
        for row in self._rows(table, ["id", "url", "requested_url"], is_redirected):
            if requested := redirected_from(row):
                yield requested, row["id"]

    def _same_article(self) -> Iterator[tuple[str, str]]:
        """Pairs of page ids that are one article: aliases, and pages of a paginated article."""
        for table in STORY_TABLES:
            for row in self._rows(table, ["id", "copy_of"], pc.field("relation") == "alias"):
                yield row["id"], row["copy_of"]
        for row in self._rows("raw", ["id", "part_of"], pc.field("part_of").is_valid()):
            yield row["id"], row["part_of"]
        for row in self._rows("rejects", ["id", "detail"], pc.field("reason") == "part"):
            with suppress(ValueError):  # `a later page of <URL>`, lake/workers/page_processing.py
                yield row["id"], page_id((row["detail"] or "").rpartition(" ")[2])


def _may_be_taken_down(table: Table, taken_down: TakenDown) -> ds.Expression:
    """A filter that all rows of what was taken down pass, and few others."""
    pages, outlets = (
        pa.array(sorted(names), pa.string()) for names in (taken_down.pages, taken_down.outlets)
    )
    where = pc.field("id").isin(pages) | pc.field("outlet").isin(outlets)
    if table == "raw":
        where |= pc.field("part_of").isin(pages)
    if taken_down.pages:
        where |= pc.field("requested_url") != pc.field("url")
    return where


def _read(
    opened: Callable[[], ds.Dataset], columns: list[str], where: ds.Expression | None
) -> Iterator[dict[str, Any]]:
    for batch in opened().to_batches(columns=columns, filter=where):
        yield from batch.to_pylist()
