"""Reading a whole lake once, to tell whether it is sound: `python -m lake verify`.

1. Run records say which parts there are, with rows and digests; the notes of takedowns, which digests stand in for them.
2. Each part is read once: its bytes against the digest, Parquet's pages against their checksums, columns against the
   schema, run, seq and day of every row against the part's name.
3. Of a part its keys are kept; of those of all parts: each row once, and what they name is there.

Memory holds a few hundred bytes for a row, and a few parts. A lake in use may be verified: what is on its way is
counted and no fault.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lake.index import checkpoints
from lake.parquet.row_removal import REWRITE_NOTES
from lake.schema.columns import SCHEMA_VERSION, schema
from lake.schema.records import STORY_TABLES, TABLES, Table
from lake.storage.prefetch import prefetch
from lake.storage.store import Store, sha256_hex
from lake.storage.tombstones import taken_down_by, tombstone_names

_SHOWN = 10  # faults of one kind; the rest are counted
_ONCE: dict[Table, list[str]] = {  # what no two rows of a table have in common
    "raw": ["id", "fetched_at", "part", "digest"],
    "articles": ["id"],
    "copies": ["id"],
    "revisions": ["id", "fetched_at", "content_hash"],
    "rejects": ["id", "fetched_at", "reason"],
}
_STORY = ("story_id", "original_id", "copy_of")  # pages that a row names, beside its links
_NAMED = ("run_id", "seq", "landed_at")  # by the part's key
_YOUNGER = {"part", "digest"}  # parts may lack them; or they are made here


@dataclass(slots=True)
class TableCounts:
    """Of one table."""

    parts: int = 0
    rows: int = 0
    bytes: int = 0
    unlisted: int = (
        0  # parts of runs under way, or of runs whose record was removed: nothing tells their digest
    )


@dataclass(slots=True)
class Report:
    tables: dict[Table, TableCounts]
    runs: int = 0  # that have ended
    under_way: int = 0  # begun, and without a record
    expired: int = 0  # raw parts that a record names and retention took
    taken_down: int = 0  # references to pages that were taken down
    faults: list[str] = field(default_factory=list)  # in words; empty: the lake is sound

    def fault(self, what: str, ones: Sequence[object]) -> None:
        """One line for all of a kind."""
        shown = ", ".join(map(str, ones[:_SHOWN]))
        more = f" and {len(ones) - _SHOWN} more" if len(ones) > _SHOWN else ""
        if ones:
            self.faults.append(f"{what}: {shown}{more}")


@dataclass(slots=True)
class _Told:
    """What run records and notes say."""

    started: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    parts: dict[str, dict[str, int]] = field(default_factory=dict)  # key to digest to rows


@dataclass(slots=True)
class _Rows:
    """What is compared across parts."""

    keys: dict[Table, list[pa.Table]] = field(default_factory=dict)
    references: dict[tuple[Table, str], list[pa.Table]] = field(default_factory=dict)  # of a column: id, to


def verify(store: Store) -> Report:
    """Raises LakeError where the lake cannot be read."""
    report = Report({table: TableCounts() for table in TABLES})
    keys = {key: table for table in TABLES for key in store.keys(f"{table}/")}
    told = _told(store, report)  # after the parts: a run may end in between
    rows = _Rows()
    for key, data in _read(store, keys):
        if data is not None and (part := _part(keys[key], key, data, told, report)) is not None:
            _keep(keys[key], part, rows)
    _lacking(store, told, keys, report)
    _across(rows, store, report)
    report.faults += checkpoints.faults(store)
    return report


def _read(store: Store, keys: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
    """In order, a few at a time; None for what is no more."""

    def one(key: str) -> tuple[str, bytes | None]:
        try:
            return key, store.get(key)
        except KeyError:
            return key, None

    yield from prefetch(one, keys)


# ---------------------------------------------------------------- what the lake says of its parts


def _told(store: Store, report: Report) -> _Told:
    told = _Told()
    for key, data in _read(store, store.keys("runs/")):
        name = key.removeprefix("runs/")
        try:
            record = json.loads(data or b"{}")
            if name.endswith(".started.json"):
                told.started.add(record["run_id"])
            elif name.endswith(".json"):
                told.ended.add(record["run_id"])
                for part in record["parts"]:
                    told.parts[part["key"]] = {part["sha256"]: part["rows"]}
            if not name.startswith(f"{record['run_id']}."):
                raise ValueError(f"it is of run {record['run_id']}")
        except (ValueError, LookupError, TypeError) as error:
            report.faults.append(f"{key}: no run record: {error!r}")
    for key, data in _read(store, store.keys(REWRITE_NOTES)):
        try:
            note = json.loads(data or b"{}")
            told.parts.get(note["key"], {})[note["sha256"]] = note["rows"]  # beside the digest that was
        except (ValueError, LookupError, TypeError) as error:
            report.faults.append(f"{key}: no note of a takedown: {error!r}")
    report.runs, report.under_way = len(told.ended), len(told.started - told.ended)
    return told


def _lacking(store: Store, told: _Told, keys: dict[str, Table], report: Report) -> None:
    """Parts that are named and not there, and such as a record should name."""
    gone = []
    for key, data in _read(store, [key for key in told.parts if key not in keys]):
        if key.startswith("raw/"):
            report.expired += data is None
        elif data is None:
            gone.append(key)
    report.fault("named by a run record, and not there", gone)
    nameless = []
    for key, table in keys.items():
        if key not in told.parts:
            report.tables[table].unlisted += 1
            if _run_of(key) in told.ended:
                nameless.append(key)
    report.fault("not named by the record of its run", nameless)


def _run_of(key: str) -> str:
    return key.rpartition("/")[2].rpartition("-")[0]


# ---------------------------------------------------------------- one part


def _part(table: Table, key: str, data: bytes, told: _Told, report: Report) -> pa.Table | None:
    """Its rows; None of a part that cannot be read, or has other columns than it should."""
    counted, wanted, found = report.tables[table], told.parts.get(key), sha256_hex(data)
    counted.parts += 1
    counted.bytes += len(data)
    if wanted and found not in wanted:
        report.faults.append(f"{key}: its digest is {found}, its run record says {' or '.join(wanted)}")
    try:
        rows = pq.ParquetFile(io.BytesIO(data), page_checksum_verification=True).read()
    except (pa.ArrowException, OSError) as error:
        report.faults.append(f"{key}: cannot be read: {error}")
        return None
    counted.rows += len(rows)
    if wanted and len(rows) != (said := wanted.get(found, len(rows))):
        report.faults.append(f"{key}: {len(rows)} rows, its run record says {said}")
    faults = [*_columns(table, rows)]
    report.faults += [f"{key}: {fault}" for fault in faults or _marks(table, key, rows)]
    return None if faults else rows


def _columns(table: Table, rows: pa.Table) -> Iterator[str]:
    """What is not as the schema has it. A part may lack a column that is younger than it."""
    wanted = schema(table)
    for column in rows.schema:
        place = wanted.get_field_index(column.name)
        if place < 0:
            yield f"column {column.name} is not in the schema of {table}"
        elif column.type != wanted.field(place).type:
            yield f"column {column.name} is {column.type}, the schema says {wanted.field(place).type}"
        elif not wanted.field(place).nullable and (nulls := rows.column(column.name).null_count):
            yield f"column {column.name} is null in {nulls} rows"
    first = {*_NAMED, *_ONCE[table], *(("body",) if table == "raw" else ())}
    first |= {*_STORY, "links"} if table in STORY_TABLES else set()
    for name in sorted(first - _YOUNGER - set(rows.column_names)):
        yield f"column {name} is not there"


def _marks(table: Table, key: str, rows: pa.Table) -> Iterator[str]:
    """Where the part is not what its key, or this version, says."""
    day, _, name = key.removeprefix(f"{table}/day=").partition("/")
    run_id, _, seq = name.removesuffix(".parquet").rpartition("-")
    marks = {k.decode(): v.decode() for k, v in (rows.schema.metadata or {}).items()}
    version, *place = (marks.get(f"pressline.{mark}") for mark in ("schema_version", "table", "run_id"))
    if version != SCHEMA_VERSION:
        yield f"of schema version {version}, this version reads {SCHEMA_VERSION}"
    if place != [table, run_id]:
        yield f"written as a part of {place[0]} of run {place[1]}"
    days = pc.strftime(rows.column("landed_at"), format="%Y-%m-%d")
    for column, values, named in (
        ("run_id", rows.column("run_id"), run_id),
        ("seq", rows.column("seq").cast(pa.string()), seq.lstrip("0") or "0"),
        ("landed_at", days, day),
    ):
        if others := [value for value in pc.unique(values).to_pylist() if value != named]:
            yield f"rows with {column} {others[0]}"


def _keep(table: Table, part: pa.Table, rows: _Rows) -> None:
    if table == "raw":
        bodies = [sha256_hex(body.as_buffer()) if body.is_valid else "" for body in part.column("body")]
        part = part.drop_columns(["body"]).append_column("digest", pa.array(bodies, pa.string()))
        for name, kind, first in (("part", pa.int64(), 1), ("part_of", pa.string(), None)):
            if name not in part.column_names:
                part = part.append_column(name, pa.array([first] * len(part), kind))
    rows.keys.setdefault(table, []).append(pa.table({name: part.column(name) for name in _ONCE[table]}))
    ids = part.column("id").combine_chunks()
    named = {name: (ids, part.column(name).combine_chunks()) for name in _STORY if table in STORY_TABLES}
    if table == "raw":
        named["part_of"] = ids, part.column("part_of").combine_chunks()
    if table in STORY_TABLES:
        links = part.column("links").combine_chunks()
        named["links"] = (
            ids.take(pc.list_parent_indices(links)),
            pc.struct_field(pc.list_flatten(links), "id"),
        )
    for name, (own, to) in named.items():
        elsewhere = pa.table({"id": own, "to": to}).filter(pc.field("to") != pc.field("id"))
        rows.references.setdefault((table, name), []).append(elsewhere)


# ---------------------------------------------------------------- across parts


def _across(rows: _Rows, store: Store, report: Report) -> None:
    keys = {table: pa.concat_tables(found) for table, found in rows.keys.items()}
    for table, found in keys.items():
        report.fault(f"{table}: more than one row of", _twice(found, _ONCE[table]))
    landed = [keys[table].select(["id"]) for table in ("articles", "copies") if table in keys]
    if len(landed) == 2 and not any(
        line.startswith(("articles: more", "copies: more")) for line in report.faults
    ):
        report.fault("in articles and in copies", _twice(pa.concat_tables(landed), ["id"]))
    ids = {table: found.column("id") for table, found in keys.items()}
    pages = _together([ids[table] for table in STORY_TABLES if table in ids])
    down = taken_down_by(tombstone_names(store))
    for (table, name), found in rows.references.items():
        to = _together([ids["raw"]]) if table == "raw" else pages
        lacking = pa.concat_tables(found).filter(~pc.field("to").isin(to))
        left = []
        for one in lacking.to_pylist():
            if down.outlets or one["to"] in down.pages:  # an outlet's tombstone does not tell its pages
                report.taken_down += 1
            else:
                left.append(f"{one['id']} → {one['to']}")
        report.fault(f"{table}: {name} names a page that has no row", left)
        if (table, name) == ("articles", "story_id"):
            other = pc.unique(pa.concat_tables(found).column("id")).to_pylist()
            report.fault("articles: story_id is not its own id", other)


def _twice(rows: pa.Table, by: list[str]) -> list[str]:
    """The ids of rows that agree in all of these columns."""
    counted = rows.group_by(by).aggregate([([], "count_all")])
    return sorted(set(counted.filter(pc.field("count_all") > 1).column("id").to_pylist()))


def _together(columns: list[pa.ChunkedArray]) -> pa.Array:
    chunks = [chunk for column in columns for chunk in column.chunks]
    return pa.concat_arrays(chunks) if chunks else pa.array([], pa.string())
