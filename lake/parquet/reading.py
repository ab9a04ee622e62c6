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
    import pyarrow.compute as pc
    import pyarrow.dataset as ds
    import pyarrow.fs as fs

from lake.schema.columns import schema
from lake.schema.records import Table
from lake.storage.store import DamagedObject


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
    checked = ds.ParquetFileFormat(
        default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    )
    return ds.dataset(
        folder, schema=columns, filesystem=filesystem, format=checked, partitioning=partitioning
    )


def part_dataset(uri: str, table: Table, key: str) -> ds.Dataset:
    """Return one part file of a table as an Arrow dataset; columns that it lacks are null. Raises OSError."""
    import pyarrow.dataset as ds

    filesystem, root = _filesystem_and_root(uri)
    return ds.dataset(f"{root}/{key}", schema=schema(table), filesystem=filesystem, format="parquet")


def table(uri: str, name: Table, columns: list[str] | None = None) -> pa.Table:
    """Return a whole table in memory. columns: those to read; None: all. Raises OSError as `dataset`."""
    return dataset(uri, name).to_table(columns=columns)


def scan_rows(
    uri: str, name: Table, columns: list[str], where: ds.Expression | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table that match a filter. Raises OSError, and DamagedObject where a part file cannot be
    read."""
    import pyarrow as pa

    try:
        for batch in dataset(uri, name).to_batches(columns=columns, filter=where):
            yield from batch.to_pylist()
    except OSError as error:
        raise OSError(f"{uri}/{name}: {error}") from error
    except (pa.ArrowException, ValueError) as error:  # its text names the file
        raise DamagedObject(f"a part file of {name}", error) from error


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

    Raises OSError, and DamagedObject where the bytes are no part file; both name the key."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    filesystem, root = _filesystem_and_root(uri)
    file = filesystem.open_input_file(f"{root}/{key}")
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as part:
            for batch in part.iter_batches(batch_size=at_once, columns=columns):
                yield from batch.to_pylist()
    except OSError as error:  # of the bytes, or of the way to them
        raise OSError(f"{uri}/{key}: {error}") from error
    except (pa.ArrowException, ValueError) as error:
        raise DamagedObject(key, error) from error


def matching_rows(
    uri: str, key: str, where: pc.Expression, columns: list[str] | None = None
) -> list[dict[str, Any]]:
    """Return the rows of one part file that match a filter, with these columns (None: all); columns that the file lacks
    are null. Raises OSError, and DamagedObject where the bytes are no part file; both name the key."""
    import pyarrow as pa

    table: Table = key.partition("/")[0]  # type: ignore[assignment]
    try:
        found: list[dict[str, Any]] = (
            part_dataset(uri, table, key).to_table(columns=columns, filter=where).to_pylist()
        )
    except OSError as error:
        raise OSError(f"{uri}/{key}: {error}") from error
    except (pa.ArrowException, ValueError) as error:
        raise DamagedObject(key, error) from error
    return found
