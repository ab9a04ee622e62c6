"""Parts: immutable Parquet files, one for each table of a flush."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any

from cleaning import CLEANER_VERSION
from dedupe import SCHEME
from lake.schema.columns import SCHEMA_VERSION, schema
from lake.schema.records import TABLES, Table
from lake.storage.store import Store, sha256_hex

if TYPE_CHECKING:
    import pyarrow as pa  # here and below loaded only where it is needed: that takes long

GROUP_BYTES = (
    8 << 20
)  # of pages in a row group: a flush holds them twice, and who wants one page unpacks them all
_SLICE_BYTES, _SLICE_ROWS = 1 << 20, 64  # a few milliseconds


@dataclass(frozen=True, slots=True)
class Part:
    """One line of a run record."""

    table: Table
    key: str
    seq: int
    rows: int
    bytes: int
    sha256: str


def part_key(table: Table, run_id: str, seq: int, landed_at: datetime) -> str:
    """day= is the UTC day of landing, never of publication."""
    return f"{table}/day={landed_at:%Y-%m-%d}/{run_id}-{seq:05d}.parquet"


def encode_rows(table: Table, rows: Iterable[dict[str, Any]], run_id: str, seq: int) -> bytes:
    """One Parquet file; the same rows give the same bytes."""
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
    """Arrow lets no other thread run while it takes values over: a few rows at a time, or the event loop would wait."""
    import pyarrow as pa

    _initialise_pyarrow_without_pandas()
    slices = [
        pa.Table.from_pylist(batch, schema=columns) for batch in _batches(rows, _SLICE_BYTES, _SLICE_ROWS)
    ]
    return pa.concat_tables(slices)


@cache
def _initialise_pyarrow_without_pandas() -> None:
    """At its first column pyarrow loads pandas where that is installed: a quarter of a second of CPU and 50 MB, for
    nothing that is done here. Who wants pandas of it later still gets it."""
    import pyarrow as pa

    sys.meta_path.insert(0, _BlockPandasImport)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(_BlockPandasImport)


class _BlockPandasImport(MetaPathFinder):
    @classmethod
    def find_spec(cls, fullname: str, path: object, target: object = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("not now", name=fullname)


def encode_table(rows: pa.Table) -> bytes:
    """One Parquet file, its marks those of the table."""
    return _encode(rows.schema, [rows])


def _encode(columns: pa.Schema, groups: Iterable[pa.Table]) -> bytes:
    """A row group for each table. The layout was chosen by measurement: docs/performance.md."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    layout = {"compression": "zstd", "compression_level": 3, "write_page_checksum": True}
    with pq.ParquetWriter(sink, columns, **layout) as writer:
        for group in groups:
            writer.write_table(group)
    pa.default_memory_pool().release_unused()  # else it keeps for the next flush what this one took
    return sink.getvalue()


def _row_groups(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """All rows, or so many at a time as have a row group's bytes of pages."""
    return _batches(rows, GROUP_BYTES, sys.maxsize)


def _batches(rows: Iterable[dict[str, Any]], max_bytes: int, max_rows: int) -> Iterator[list[dict[str, Any]]]:
    """In order, so many at a time as reach one of the bounds; one empty list for none."""
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
    """One flush, in the order of TABLES. A table without rows gets no part, unless `empty` asks for one. The rows of raw
    are taken out of their list as they are written: a flush is not to hold all of its pages to the end."""
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
    """Land one flush; arguments as of `made`."""
    parts = encode_flush(tables, run_id, seq, landed_at, empty=empty)
    for part, data in parts:
        store.put_new(part.key, data)
    return [part for part, _ in parts]


def read_rows(store: Store, key: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """The rows of one part, as dicts; None in a column that is younger than the part."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(
        io.BytesIO(store.get(key))
    )  # read_table would load pyarrow.dataset, and pandas with it
    present = set(file.schema_arrow.names)
    wanted = None if columns is None else [c for c in columns if c in present]
    rows: list[dict[str, Any]] = file.read(columns=wanted).to_pylist()
    missing = dict.fromkeys(c for c in columns or () if c not in present)
    return [{**values, **missing} for values in rows] if missing else rows


def describe_part(store: Store, table: Table, key: str) -> Part:
    """The run record's line of a part that another process landed."""
    import pyarrow.parquet as pq

    data = store.get(key)
    seq = int(key.rpartition("-")[2].removesuffix(".parquet"))
    return Part(table, key, seq, pq.read_metadata(io.BytesIO(data)).num_rows, len(data), sha256_hex(data))
