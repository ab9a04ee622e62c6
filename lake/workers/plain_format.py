"""The format of workers' answers: JSON of the fields in order, read back by the types of the record and by nothing else.

A worker has parsed what a site sent and may have been taken over by it. Its answers are therefore not unpickled: a
message can become only the record that was expected, with values of its types.
"""

from __future__ import annotations

import json
import math
import types
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_LARGEST_INT = 2**63  # of a column
_Convert = Callable[[Any], Any]


class Malformed(ValueError):
    """A message is not what its kind of record is written as."""


def to_message(hint: Any, value: Any) -> bytes:
    """Return a value of this type as a message: of str, int, float, bool, bytes, datetime, literals, None, dataclasses,
    and of tuples, lists and string-keyed dicts of these."""
    plain = _writer(hint)(value)
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def from_message(hint: Any, message: bytes) -> Any:
    """Return the value of this type that a message holds: the inverse of to_message. Raises Malformed."""
    try:
        return _reader(hint)(json.loads(message))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Malformed(f"no {getattr(hint, '__name__', hint)}: {type(error).__name__}: {error}") from error


def _parts(hint: Any) -> tuple[Any, Any, bool]:
    """(container or class, type of its items, whether None is allowed) of a type."""
    may_be_none = get_origin(hint) in (Union, types.UnionType)
    if may_be_none:
        (hint,) = (arg for arg in get_args(hint) if arg is not types.NoneType)
    kind = get_origin(hint) or hint
    if kind is Literal:
        return kind, get_args(hint), may_be_none
    arguments = [arg for arg in get_args(hint) if arg is not Ellipsis]
    return kind, arguments[-1] if arguments else None, may_be_none


def _unless_none(convert: _Convert) -> _Convert:
    return lambda value: None if value is None else convert(value)


def _as_is(value: Any) -> Any:
    return value


# ---------------------------------------------------------------- writing


@cache
def _writer(hint: Any) -> _Convert:
    kind, inner, may_be_none = _parts(hint)
    convert = _plain_writer(kind, inner)
    return _unless_none(convert) if may_be_none and convert is not _as_is else convert


def _plain_writer(kind: Any, inner: Any) -> _Convert:
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        writers = [(f.name, _writer(hints[f.name])) for f in fields(kind)]
        return lambda record: [write(getattr(record, name)) for name, write in writers]
    if kind in (tuple, list):
        write_item = _writer(inner)
        return list if write_item is _as_is else lambda items: [write_item(item) for item in items]
    if kind is dict:
        write_value = _writer(inner)
        return lambda items: {key: write_value(value) for key, value in items.items()}
    if kind is bytes:
        return lambda value: b64encode(value).decode("ascii")
    return datetime.isoformat if kind is datetime else _as_is


# ---------------------------------------------------------------- reading


@cache
def _reader(hint: Any) -> _Convert:
    kind, inner, may_be_none = _parts(hint)
    convert = _plain_reader(kind, inner)
    return _unless_none(convert) if may_be_none else convert


def _plain_reader(kind: Any, inner: Any) -> _Convert:
    if is_dataclass(kind):
        return _record_reader(kind)
    if kind in (tuple, list):
        read_item = _reader(inner)
        return lambda value: kind(map(read_item, _checked(list, value)))
    if kind is dict:
        read_value = _reader(inner)
        return lambda value: {key: read_value(item) for key, item in _checked(dict, value).items()}
    if kind is Literal:
        return lambda value: _one_of(inner, value)
    return _SCALARS[kind]


def _record_reader(kind: Any) -> _Convert:
    hints = get_type_hints(kind)
    readers = [_reader(hints[f.name]) for f in fields(kind)]

    def read(value: Any) -> Any:
        if len(_checked(list, value)) != len(readers):
            raise Malformed(f"{len(value)} fields instead of {len(readers)}")
        return kind(*[read_field(item) for read_field, item in zip(readers, value, strict=True)])

    return read


def _checked(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise Malformed(f"{type(value).__name__} instead of {kind.__name__}")
    return value


def _one_of(allowed: tuple[Any, ...], value: Any) -> Any:
    if value not in allowed:
        raise Malformed("none of the allowed values")
    return value


def _int(value: Any) -> int:
    number: int = _checked(int, value)
    if not -_LARGEST_INT <= number < _LARGEST_INT:
        raise Malformed("a number that no column holds")
    return number


def _float(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise Malformed("no finite number")
    return value  # type: ignore[no-any-return]  # an int stays one, as it was written


def _datetime(value: Any) -> datetime:
    time = datetime.fromisoformat(_checked(str, value))
    if time.tzinfo is None:
        raise Malformed("a time without zone")
    return time


_SCALARS: Mapping[Any, _Convert] = {
    str: lambda value: _checked(str, value),
    bool: lambda value: _checked(bool, value),
    int: _int,
    float: _float,
    bytes: lambda value: b64decode(_checked(str, value), validate=True),
    datetime: _datetime,
}
