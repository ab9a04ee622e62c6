"""Verifies a whole lake: reads every part once, and reports every fault (`python -m lake verify`).

1. Run records list the parts, with their rows and digests. The notes of takedowns list the digests that replaced
   them.
2. Each part is read once. Its bytes are compared with the digest, Parquet's pages with their checksums, the columns
   with the schema, and run, seq and day of every row with the part's name.
3. The keys of all rows are collected. No row may occur twice, and every page that a row names must have a row.
4. All other objects are looked at by their kind (lake/jobs/verify_objects.py).

Memory holds a few hundred bytes for a row, and a few parts. A lake in use may be verified: parts of unfinished runs
are counted, and are no faults.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cleaning.wording import counted
from lake.index import checkpoints
from lake.jobs.verify_objects import object_faults
from lake.parquet.row_removal import REWRITE_NOTES
from lake.schema.columns import READABLE_VERSIONS, schema
from lake.schema.records import STORY_TABLES, TABLES, Table
from lake.storage import flush_records
from lake.storage.prefetch import prefetch
from lake.storage.store import WRONG_FORM, Store, sha256_hex
from lake.storage.tombstones import TakenDown, parse_tombstones, tombstone_names

_MAX_SHOWN = 10  # faults of one kind; the rest are counted
_UNIQUE_COLUMNS: dict[Table, list[str]] = {  # no two rows of a table agree in all of these
    # one page may answer several requested URLs at the same time
    "raw": ["id", "requested_url", "fetched_at", "part", "digest"],
    "articles": ["id"],
    "copies": ["id"],
    "revisions": ["id", "fetched_at", "content_hash"],
    "rejects": ["id", "fetched_at", "reason"],
}
_REFERENCE_COLUMNS = ("story_id", "original_id", "copy_of")  # ids of other pages, which `links` has too
_PART_NAME_COLUMNS = ("run_id", "seq", "landed_at")  # columns whose values the part's key repeats
_OPTIONAL_COLUMNS = {"part", "digest"}  # old parts lack "part"; "digest" is computed here


@dataclass(slots=True)
class TableCounts:
    """What was found of one table."""

    parts: int = 0
    rows: int = 0
    bytes: int = 0
    # parts of unfinished runs, or of runs whose record was removed: no record has their digest
    unlisted: int = 0


@dataclass(slots=True)
class Report:
    """The result of a verification."""

    tables: dict[Table, TableCounts]
    runs: int = 0  # with an end record
    under_way: int = 0  # runs with a start record alone
    expired: int = 0  # raw parts that a record names and retention has removed
    taken_down: int = 0  # references to pages that were taken down
    faults: list[str] = field(default_factory=list)  # in words; empty if the lake is sound

    def add_faults(self, what: str, items: Sequence[object]) -> None:
        """Add one line for all faults of a kind; none where there are no items."""
        shown = ", ".join(map(str, items[:_MAX_SHOWN]))
        more = f" and {len(items) - _MAX_SHOWN} more" if len(items) > _MAX_SHOWN else ""
        if items:
            self.faults.append(f"{what}: {shown}{more}")


@dataclass(slots=True)
class _RunRecords:
    """The content of all run records and takedown notes."""

    started: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    parts: dict[str, dict[str, int]] = field(default_factory=dict)  # part key -> digest -> number of rows


@dataclass(slots=True)
class _CollectedKeys:
    """The keys and references of all rows, to be compared across parts."""

    keys: dict[Table, list[pa.Table]] = field(default_factory=dict)  # columns as in _UNIQUE_COLUMNS
    # by table and column: id of the row, id that it names (`to`)
    references: dict[tuple[Table, str], list[pa.Table]] = field(default_factory=dict)


def verify(store: Store) -> Report:
    """Verify a lake, and return what was found. Raises LakeError where it cannot be read."""
    report = Report({table: TableCounts() for table in TABLES})
    keys = {key: table for table in TABLES for key in store.keys(f"{table}/")}
    recorded = _read_run_records(store, report)  # after the parts: a run may end in between
    collected, began = _CollectedKeys(), datetime.now(UTC)
    taken_down, left = parse_tombstones(tombstone_names(store)), []
    for key, data in _read_objects(store, keys):
        if data is not None and (part := _check_part(keys[key], key, data, recorded, report)) is not None:
            _collect_keys(keys[key], part, collected)
            # a run under way takes such rows out at its end
            if _run_id_of(key) in recorded.ended and _has_rows_of(part, taken_down):
                left.append(key)
    report.add_faults("has rows of what was taken down; run the same `python -m lake forget` again", left)
    _check_part_lists(store, recorded, keys, report)
    pages = _check_across_parts(collected, taken_down, report)
    report.faults += object_faults(store, pages, taken_down, began)
    report.faults += checkpoints.faults(store)
    report.faults += _flush_record_faults(store)
    return report


def _has_rows_of(part: pa.Table, taken_down: TakenDown) -> bool:
    columns = [c for c in ("id", "outlet", "url", "requested_url", "part_of") if c in part.column_names]
    return bool(taken_down) and any(map(taken_down.covers, part.select(columns).to_pylist()))


def _read_objects(store: Store, keys: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
    """(key, data) in the order of the keys, prefetched; None for an object that is no longer there."""

    def read(key: str) -> tuple[str, bytes | None]:
        try:
            return key, store.get(key)
        except KeyError:
            return key, None

    yield from prefetch(read, keys)


# ---------------------------------------------------------------- what run records say of the parts


def _read_run_records(store: Store, report: Report) -> _RunRecords:
    """Read the run records and the notes of takedowns; reports those that are damaged."""
    recorded = _RunRecords()
    for key, data in _read_objects(store, store.keys("runs/")):
        name = key.removeprefix("runs/")
        try:
            record = json.loads(data or b"{}")
            if name.endswith(".started.json"):
                recorded.started.add(record["run_id"])
            elif name.endswith(".json"):
                recorded.ended.add(record["run_id"])
                for part in record["parts"]:
                    recorded.parts[part["key"]] = {part["sha256"]: part["rows"]}
            if not name.startswith(f"{record['run_id']}."):
                raise ValueError(f"it is of run {record['run_id']}")
        except WRONG_FORM as error:
            report.faults.append(f"{key}: no run record: {error!r}")
    for key, data in _read_objects(store, store.keys(REWRITE_NOTES)):
        try:
            note = json.loads(data or b"{}")
            recorded.parts.get(note["key"], {})[note["sha256"]] = note["rows"]  # besides the earlier digest
        except WRONG_FORM as error:
            report.faults.append(f"{key}: no note of a takedown: {error!r}")
    report.runs, report.under_way = len(recorded.ended), len(recorded.started - recorded.ended)
    return recorded


def _check_part_lists(store: Store, recorded: _RunRecords, keys: dict[str, Table], report: Report) -> None:
    """Report parts that a run record names and that are not there, and parts that their run's record does not
    name."""
    missing = []
    for key, data in _read_objects(store, [key for key in recorded.parts if key not in keys]):
        if key.startswith("raw/"):
            report.expired += data is None
        elif data is None:
            missing.append(key)
    report.add_faults("named by a run record, and not there", missing)
    unnamed = []
    for key, table in keys.items():
        if key not in recorded.parts:
            report.tables[table].unlisted += 1
            if _run_id_of(key) in recorded.ended:
                unnamed.append(key)
    report.add_faults("not named by the record of its run", unnamed)


def _flush_record_faults(store: Store) -> Iterator[str]:
    """How flush records (lake/storage/flush_records.py) differ from what a run writes. Those of ended runs are no
    faults: the next start of a crawl removes them."""
    for key, data in _read_objects(store, store.keys(flush_records.PREFIX)):
        try:
            if data is not None:
                flush_records.parse(key, data)
        except ValueError as error:
            yield f"{key}: no flush record: {error}; it is passed over, and may be deleted"


def _run_id_of(key: str) -> str:
    """The run id in a part's key."""
    return key.rpartition("/")[2].rpartition("-")[0]


# ---------------------------------------------------------------- one part


def _check_part(
    table: Table, key: str, data: bytes, recorded: _RunRecords, report: Report
) -> pa.Table | None:
    """Verify one part and return its rows; None where it cannot be read, or does not have the columns of the
    schema."""
    counts, digests, digest = report.tables[table], recorded.parts.get(key), sha256_hex(data)
    counts.parts += 1
    counts.bytes += len(data)
    if digests and digest not in digests:
        report.faults.append(
            f"{key}: its digest is {digest}, its run record says {' or '.join(map(str, digests))}"
        )
    try:
        rows = pq.ParquetFile(io.BytesIO(data), page_checksum_verification=True).read()
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        report.faults.append(f"{key}: cannot be read: {error}")
        return None
    counts.rows += len(rows)
    if digests and len(rows) != (recorded_rows := digests.get(digest, len(rows))):
        report.faults.append(f"{key}: {counted(len(rows), 'row')}, its run record says {recorded_rows}")
    faults = [*_column_faults(table, rows)]
    report.faults += [f"{key}: {fault}" for fault in faults or _name_faults(table, key, rows)]
    return None if faults else rows


def _column_faults(table: Table, rows: pa.Table) -> Iterator[str]:
    """How the columns differ from the schema. A part may lack a column that was added after it was written."""
    expected = schema(table)
    for column in rows.schema:
        position = expected.get_field_index(column.name)
        if position < 0:
            yield f"column {column.name} is not in the schema of {table}"
        elif column.type != expected.field(position).type:
            yield f"column {column.name} is {column.type}, the schema says {expected.field(position).type}"
        elif not expected.field(position).nullable and (nulls := rows.column(column.name).null_count):
            yield f"column {column.name} is null in {counted(nulls, 'row')}"
    required = {*_PART_NAME_COLUMNS, *_UNIQUE_COLUMNS[table], *(("body",) if table == "raw" else ())}
    required |= {*_REFERENCE_COLUMNS, "links"} if table in STORY_TABLES else set()
    for name in sorted(required - _OPTIONAL_COLUMNS - set(rows.column_names)):
        yield f"column {name} is not there"


def _name_faults(table: Table, key: str, rows: pa.Table) -> Iterator[str]:
    """How the part differs from its key, and from the schema version that this program reads."""
    day, _, name = key.removeprefix(f"{table}/day=").partition("/")
    run_id, _, seq = name.removesuffix(".parquet").rpartition("-")
    metadata = {k.decode(): v.decode() for k, v in (rows.schema.metadata or {}).items()}
    version, *table_and_run = (
        metadata.get(f"pressline.{name}") for name in ("schema_version", "table", "run_id")
    )
    if version not in READABLE_VERSIONS:
        yield f"of schema version {version}, this version reads {' and '.join(READABLE_VERSIONS)}"
    if table_and_run != [table, run_id]:
        yield f"written as a part of {table_and_run[0]} of run {table_and_run[1]}"
    days = pc.strftime(rows.column("landed_at"), format="%Y-%m-%d")
    for column, values, expected in (
        ("run_id", rows.column("run_id"), run_id),
        ("seq", rows.column("seq").cast(pa.string()), seq.lstrip("0") or "0"),
        ("landed_at", days, day),
    ):
        if wrong_values := [value for value in pc.unique(values).to_pylist() if value != expected]:
            yield f"rows with {column} {wrong_values[0]}"


def _collect_keys(table: Table, part: pa.Table, collected: _CollectedKeys) -> None:
    """Add the keys of a part's rows, and the pages that they name; of raw's bodies, the digests."""
    if table == "raw":
        bodies = [sha256_hex(body.as_buffer()) if body.is_valid else "" for body in part.column("body")]
        part = part.drop_columns(["body"]).append_column("digest", pa.array(bodies, pa.string()))
        for name, kind, default in (("part", pa.int64(), 1), ("part_of", pa.string(), None)):
            if name not in part.column_names:
                part = part.append_column(name, pa.array([default] * len(part), kind))
    collected.keys.setdefault(table, []).append(
        pa.table({name: part.column(name) for name in _UNIQUE_COLUMNS[table]})
    )
    ids = part.column("id").combine_chunks()
    references = {
        name: (ids, part.column(name).combine_chunks())
        for name in _REFERENCE_COLUMNS
        if table in STORY_TABLES
    }
    if table == "raw":
        references["part_of"] = ids, part.column("part_of").combine_chunks()
    if table in STORY_TABLES:
        links = part.column("links").combine_chunks()
        references["links"] = (
            ids.take(pc.list_parent_indices(links)),
            pc.struct_field(pc.list_flatten(links), "id"),
        )
    for name, (from_ids, to_ids) in references.items():
        other_pages = pa.table({"id": from_ids, "to": to_ids}).filter(pc.field("to") != pc.field("id"))
        collected.references.setdefault((table, name), []).append(other_pages)


# ---------------------------------------------------------------- across parts


def _check_across_parts(collected: _CollectedKeys, taken_down: TakenDown, report: Report) -> set[str]:
    """Report rows that occur twice, and rows that name a page without a row. Returns the ids of all pages of articles,
    copies and revisions."""
    keys = {table: pa.concat_tables(columns) for table, columns in collected.keys.items()}
    for table, columns in keys.items():
        report.add_faults(f"{table}: more than one row of", _repeated_ids(columns, _UNIQUE_COLUMNS[table]))
    landed = [keys[table].select(["id"]) for table in ("articles", "copies") if table in keys]
    if len(landed) == 2 and not any(
        line.startswith(("articles: more", "copies: more")) for line in report.faults
    ):
        report.add_faults("in articles and in copies", _repeated_ids(pa.concat_tables(landed), ["id"]))
    ids = {table: columns.column("id") for table, columns in keys.items()}
    pages = _concatenate([ids[table] for table in STORY_TABLES if table in ids])
    for (table, name), columns in collected.references.items():
        targets = _concatenate([ids["raw"]]) if table == "raw" else pages
        dangling = pa.concat_tables(columns).filter(~pc.field("to").isin(targets))
        unexplained = []
        for reference in dangling.to_pylist():
            # the tombstone of an outlet does not tell its pages
            if taken_down.outlets or reference["to"] in taken_down.pages:
                report.taken_down += 1
            else:
                unexplained.append(f"{reference['id']} → {reference['to']}")
        report.add_faults(f"{table}: {name} names a page that has no row", unexplained)
        if (table, name) == ("articles", "story_id"):
            wrong = pc.unique(pa.concat_tables(columns).column("id")).to_pylist()
            report.add_faults("articles: story_id is not its own id", wrong)
    return set(pages.to_pylist())


def _repeated_ids(rows: pa.Table, by: list[str]) -> list[str]:
    """The ids of rows that agree in all of these columns."""
    groups = rows.group_by(by).aggregate([([], "count_all")])
    return sorted(set(groups.filter(pc.field("count_all") > 1).column("id").to_pylist()))


def _concatenate(columns: list[pa.ChunkedArray]) -> pa.Array:
    """One array of all values."""
    chunks = [chunk for column in columns for chunk in column.chunks]
    return pa.concat_arrays(chunks) if chunks else pa.array([], pa.string())
