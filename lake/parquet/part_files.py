"""Writes the rows of a flush to Parquet part files, one for each table, and reads part files back.

A part file never changes after it was written, except that a takedown removes rows from it (row_removal.py).
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any

from cleaning import CLEANER_VERSION
from dedupe import SCHEME
from lake.schema.columns import SCHEMA_VERSION, schema
from lake.schema.records import TABLES, Table
from lake.storage.store import DamagedObject, Store, sha256_hex

if TYPE_CHECKING:
    import pyarrow as pa  # slow to import, so each function that needs it imports it

# page bytes in one row group: writing holds a group in memory twice, and reading one page decompresses its group
GROUP_BYTES = 8 << 20
# bounds of one conversion to Arrow, which then takes a few milliseconds
_SLICE_BYTES, _SLICE_ROWS = 1 << 20, 64


@dataclass(frozen=True, slots=True)
class Part:
    """One part file, as the run record lists it."""

    table: Table
    key: str
    seq: int  # number of the flush in its run, from 0
    rows: int
    bytes: int  # size of the file
    sha256: str  # of the file


def part_key(table: Table, run_id: str, seq: int, landed_at: datetime) -> str:
    """Return the key of a part file. Its `day=` is the UTC day of landing, never of publication."""
    return f"{table}/day={landed_at:%Y-%m-%d}/{run_id}-{seq:05d}.parquet"


def flush_seq(key: str) -> int:
    """The number of the flush, from a part's key."""
    return int(key.rpartition("-")[2].removesuffix(".parquet"))


def encode_rows(table: Table, rows: Iterable[dict[str, Any]], run_id: str, seq: int) -> bytes:
    """Return one Parquet file with these rows. The same arguments always give the same bytes."""
    metadata = {
        "pressline.schema_version": SCHEMA_VERSION,
        "pressline.table": table,
        "pressline.run_id": run_id,
        "pressline.seq": str(seq),
        "pressline.cleaner_version": CLEANER_VERSION,
        "pressline.signature_scheme": SCHEME,
    }
    columns = schema(table).with_metadata(metadata)
    return _encode(columns, (_to_arrow(group, columns) for group in _row_groups(rows)))


def _to_arrow(rows: Sequence[dict[str, Any]], columns: pa.Schema) -> pa.Table:
    """Convert rows to one Arrow table, a few rows at a time.

    Arrow holds the interpreter lock during a conversion, so a conversion of all rows would block the event loop."""
    import pyarrow as pa

    _initialise_pyarrow_without_pandas()
    slices = [
        pa.Table.from_pylist(batch, schema=columns) for batch in _batches(rows, _SLICE_BYTES, _SLICE_ROWS)
    ]
    return pa.concat_tables(slices)


@cache
def _initialise_pyarrow_without_pandas() -> None:
    """Create a first array while the import of pandas is blocked.

    With its first array pyarrow imports pandas if it is installed, which costs 0.25 s of CPU time and 50 MB and is
    not needed here. A later call that does need pandas still imports it."""
    import pyarrow as pa

    sys.meta_path.insert(0, _BlockPandasImport)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(_BlockPandasImport)


class _BlockPandasImport(MetaPathFinder):
    """An import hook that makes `import pandas` fail."""

    @classmethod
    def find_spec(cls, fullname: str, path: object, target: object = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("not now", name=fullname)


def encode_table(rows: pa.Table) -> bytes:
    """Return one Parquet file with the rows and the schema metadata of an Arrow table."""
    return _encode(rows.schema, [rows])


def _encode(columns: pa.Schema, groups: Iterable[pa.Table]) -> bytes:
    """Return one Parquet file with a row group for each table.

    Its layout was chosen by measurement: docs/performance.md."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    layout = {"compression": "zstd", "compression_level": 3, "write_page_checksum": True}
    with pq.ParquetWriter(sink, columns, **layout) as writer:
        for group in groups:
            writer.write_table(group)
    pa.default_memory_pool().release_unused()  # else the pool keeps the memory until the next flush
    return sink.getvalue()


def _row_groups(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of each row group: as many as hold GROUP_BYTES of page bodies; all rows if they have none."""
    return _batches(rows, GROUP_BYTES, sys.maxsize)


def _batches(rows: Iterable[dict[str, Any]], max_bytes: int, max_rows: int) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows in order in lists that end once they reach one of the bounds; without rows, one empty list."""
    batch, batch_bytes, is_empty = list[dict[str, Any]](), 0, True
    for values in rows:
        batch.append(values)
        batch_bytes += len(values.get("body") or b"")
        is_empty = False
        if batch_bytes >= max_bytes or len(batch) == max_rows:
            yield batch
            batch, batch_bytes = [], 0
    if batch or is_empty:
        yield batch


def _pop_rows(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the rows in order and remove each from the list, so that its memory can be freed."""
    rows.reverse()
    while rows:
        yield rows.pop()


def encode_flush(
    tables: Mapping[Table, list[dict[str, Any]]],
    run_id: str,
    seq: int,
    landed_at: datetime,
    *,
    empty: bool = False,
) -> list[tuple[Part, bytes]]:
    """Return the part files of one flush with their content, in the order of TABLES.

    A table without rows gets no part file, unless `empty` is set and the table is among `tables`. The list of raw
    rows is emptied while it is written, so that a flush does not hold all its pages in memory until the end."""
    parts = []
    for table in TABLES:
        rows = tables.get(table)
        if rows or (empty and rows is not None):
            count, key = len(rows), part_key(table, run_id, seq, landed_at)
            data = encode_rows(table, _pop_rows(rows) if table == "raw" else rows, run_id, seq)
            parts.append((Part(table, key, seq, count, len(data), sha256_hex(data)), data))
    return parts


def write_flush(
    store: Store,
    tables: Mapping[Table, list[dict[str, Any]]],
    run_id: str,
    seq: int,
    landed_at: datetime,
    *,
    empty: bool = False,
) -> list[Part]:
    """Encode one flush as `encode_flush` and write its part files; return them. Raises LakeError (PartExists too)."""
    parts = encode_flush(tables, run_id, seq, landed_at, empty=empty)
    for part, data in parts:
        store.put_new(part.key, data)
    return [part for part, _ in parts]


@contextmanager
def telling_damaged_part(key: str) -> Iterator[None]:
    """Raise DamagedObject, with the part file's key, where Arrow cannot read its bytes."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise DamagedObject(key, error) from error


def read_rows(store: Store, key: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """Return the rows of one part file as dicts.

    columns: those to read; None: all that the file has. A requested column that the file lacks is None: the column is
    newer than the file. Raises KeyError where there is no such file, and LakeError."""
    import pyarrow.parquet as pq

    # not read_table, which would import pyarrow.dataset, and pandas with it
    data = store.get(key)
    with telling_damaged_part(key):
        file = pq.ParquetFile(io.BytesIO(data), page_checksum_verification=True)
        present = set(file.schema_arrow.names)
        wanted = None if columns is None else [c for c in columns if c in present]
        rows: list[dict[str, Any]] = file.read(columns=wanted).to_pylist()
    missing = dict.fromkeys(c for c in columns or () if c not in present)
    return [{**values, **missing} for values in rows] if missing else rows


def describe_part(store: Store, table: Table, key: str) -> Part:
    """Return the Part of a part file in the lake, for a run record.

    Raises KeyError where there is none, and LakeError."""
    import pyarrow.parquet as pq

    data = store.get(key)
    seq = int(key.rpartition("-")[2].removesuffix(".parquet"))
    with telling_damaged_part(key):
        row_count = pq.read_metadata(io.BytesIO(data)).num_rows
    return Part(table, key, seq, row_count, len(data), sha256_hex(data))
