"""Reading the lake back as Arrow, with the schema declared: a Hive column guessed from folder names is a string in
one reader, a category or a date in another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds
    import pyarrow.fs as fs

from lake.schema.columns import schema
from lake.schema.records import Table


def dataset(uri: str, table: Table) -> ds.Dataset:
    """One table of a lake in a folder or in s3://; `day` is the last column, a string."""
    import pyarrow as pa  # here and below: long to load, and a crawl that finds nothing new needs none of it
    import pyarrow.dataset as ds
    import pyarrow.fs as fs

    filesystem, root = _filesystem_and_root(uri)
    columns = schema(table).append(pa.field("day", pa.string()))
    folder = f"{root}/{table}"
    if filesystem.get_file_info(folder).type == fs.FileType.NotFound:
        return ds.dataset(pa.Table.from_pylist([], schema=columns))
    partitioning = ds.partitioning(pa.schema([("day", pa.string())]), flavor="hive")
    return ds.dataset(
        folder, schema=columns, filesystem=filesystem, format="parquet", partitioning=partitioning
    )


def table(uri: str, name: Table, columns: list[str] | None = None) -> pa.Table:
    """The whole table, in memory."""
    return dataset(uri, name).to_table(columns=columns)


def _filesystem_and_root(uri: str) -> tuple[fs.FileSystem, str]:
    import pyarrow.fs as fs

    if not uri.startswith("s3://"):
        return fs.LocalFileSystem(), str(Path(uri).expanduser().resolve())
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return fs.S3FileSystem(endpoint_override=endpoint), uri.removeprefix("s3://").rstrip("/")


def rows_of(
    uri: str, key: str, columns: list[str] | None = None, batch_rows: int = 64
) -> Iterator[dict[str, Any]]:
    """The rows of one part, a few at a time in memory, reading no other columns."""
    import pyarrow.parquet as pq

    filesystem, root = _filesystem_and_root(uri)
    with pq.ParquetFile(filesystem.open_input_file(f"{root}/{key}")) as part:
        for batch in part.iter_batches(batch_size=batch_rows, columns=columns):
            yield from batch.to_pylist()
