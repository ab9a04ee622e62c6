"""Computes the Arrow schema of each table from the fields of the record dataclasses, and turns records into rows and back.

The fields are the columns; a new column is one field. A test compares the schema with tests/lake/schema.golden.txt.
"""

from __future__ import annotations

import types
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from cleaning import Article, RawPage
from dedupe import Verdict
from lake.schema.records import STORY_TABLES, Landing, Reject, Table

# to be raised whenever a column changes its name, type or meaning; a new column does not count
SCHEMA_VERSION = "3"
# 2: the id of a row of rejects is that of the page that answered, not of the requested URL
READABLE_VERSIONS = ("2", SCHEMA_VERSION)

if TYPE_CHECKING:
    import pyarrow as pa  # slow to import, so each function that needs it imports it


@dataclass(frozen=True, slots=True)
class RequestedUrl:
    """The column with the requested URL of a page. It differs from `url` where the server redirected the request."""

    requested_url: str  # the URL of the first request, before any redirect


@dataclass(frozen=True, slots=True)
class StoredSignature:
    """The column with the deduplication signature. With it an index can be rebuilt without the texts."""

    signature: bytes  # dedupe.Signature.to_bytes(); the bytes name the signature scheme


_RECORDS_OF_TABLE: dict[Table, tuple[type, ...]] = {
    "raw": (RawPage, Landing),
    "rejects": (Reject, Landing),
    **dict.fromkeys(STORY_TABLES, (Article, Verdict, RequestedUrl, StoredSignature, Landing)),
}


def schema(table: Table) -> pa.Schema:
    """Return the Arrow schema of one table, columns in order. It has no `day`, which only the folder's name holds."""
    return columns_of(*_RECORDS_OF_TABLE[table])


def columns_of(*records: type) -> pa.Schema:
    """Return the Arrow schema of rows that join the fields of these record classes, in the order given."""
    import pyarrow as pa

    return pa.schema([field for record in records for field in _arrow_fields(record)])


def _arrow_fields(record: type) -> list[pa.Field]:
    hints = get_type_hints(record)
    return [_arrow_field(f.name, hints[f.name]) for f in fields(record)]


def _arrow_field(name: str, hint: Any) -> pa.Field:
    import pyarrow as pa

    if get_origin(hint) in (Union, types.UnionType):
        (inner,) = (a for a in get_args(hint) if a is not types.NoneType)
        return pa.field(name, _arrow_type(inner), nullable=True)
    return pa.field(name, _arrow_type(hint), nullable=False)


@cache
def _scalar_types() -> dict[Any, pa.DataType]:
    import pyarrow as pa

    return {
        str: pa.string(),
        int: pa.int64(),
        float: pa.float64(),
        bool: pa.bool_(),
        bytes: pa.binary(),
        datetime: pa.timestamp("us", tz="UTC"),
    }


def _arrow_type(hint: Any) -> pa.DataType:
    import pyarrow as pa

    if get_origin(hint) is Literal:
        return pa.string()
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        return pa.list_(pa.field("element", _arrow_type(item), nullable=False))
    if is_dataclass(hint):
        return pa.struct(_arrow_fields(hint))  # type: ignore[arg-type]  # hint is the class itself
    return _scalar_types()[hint]


_STORED_UNCHANGED = (int, float, bytes, datetime)


def row(*records: Any) -> dict[str, Any]:
    """Return one row as a dict: the fields of all records side by side, nested records as dicts, tuples as lists."""
    return {
        name: _to_plain(getattr(record, name))
        for record in records
        for name in _field_names(type(record))  # type: ignore[arg-type]  # classes hash
    }


@cache
def _field_names(record: type[Any]) -> tuple[str, ...]:
    return tuple(f.name for f in fields(record))


def _to_plain(value: Any) -> Any:
    if isinstance(value, str):
        # Arrow raises on a lone surrogate, and then the whole part file would not be written
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, tuple):
        return [_to_plain(v) for v in value]
    if value is None or isinstance(value, _STORED_UNCHANGED):
        return value
    return row(value) if is_dataclass(value) else value


def restore_record(record: type[Any], values: dict[str, Any]) -> Any:
    """Rebuild a record of this class from a row that was read back: the inverse of row(), nested records included.

    A field that the row does not have gets its default: the column is newer than the row."""
    hints = get_type_hints(record)
    return record(
        **{f.name: _restore_value(hints[f.name], values[f.name]) for f in fields(record) if f.name in values}
    )


def _restore_value(hint: Any, value: Any) -> Any:
    if get_origin(hint) is tuple and isinstance(value, Iterable):
        item = get_args(hint)[0]
        return tuple(
            restore_record(item, v) if isinstance(item, type) and is_dataclass(item) else v for v in value
        )
    return value
