"""Reads a table of the lake, or one part file, through Arrow.

The schema is declared here and not guessed from the files. A reader that guesses the type of the Hive column `day`
from the folder names makes it a string, a category or a date.
"""

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
    """Return one table of a lake as an Arrow dataset; `day` is its last column, a string.

    uri: a folder's path or s3://bucket/prefix. A table without files is empty. Raises OSError where the lake cannot
    be read."""
    import pyarrow as pa  # slow to import, here and below, and a crawl that finds nothing new does not need it
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


def part_dataset(uri: str, table: Table, key: str) -> ds.Dataset:
    """Return one part file of a table as an Arrow dataset; columns that it lacks are null. Raises OSError."""
    import pyarrow.dataset as ds

    filesystem, root = _filesystem_and_root(uri)
    return ds.dataset(f"{root}/{key}", schema=schema(table), filesystem=filesystem, format="parquet")


def table(uri: str, name: Table, columns: list[str] | None = None) -> pa.Table:
    """Return a whole table in memory. columns: those to read; None: all. Raises OSError as `dataset`."""
    return dataset(uri, name).to_table(columns=columns)


def _filesystem_and_root(uri: str) -> tuple[fs.FileSystem, str]:
    """Return the Arrow file system of a lake and the lake's path in it."""
    import pyarrow.fs as fs

    if not uri.startswith("s3://"):
        return fs.LocalFileSystem(), str(Path(uri).expanduser().resolve())
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return fs.S3FileSystem(endpoint_override=endpoint), uri.removeprefix("s3://").rstrip("/")


def rows_of(
    uri: str, key: str, columns: list[str] | None = None, at_once: int = 64
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one part file with these columns (None: all); reads `at_once` rows at a time.

    Raises OSError."""
    import pyarrow.parquet as pq

    filesystem, root = _filesystem_and_root(uri)
    with pq.ParquetFile(filesystem.open_input_file(f"{root}/{key}")) as part:
        for batch in part.iter_batches(batch_size=at_once, columns=columns):
            yield from batch.to_pylist()
