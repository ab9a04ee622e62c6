"""Defines the Store protocol, by which all of the lake reads and writes objects by key, and its exceptions.

An object is written as a whole or not at all, and a new one never replaces another. lake/storage/folder_store.py and
lake/storage/s3_store.py implement the protocol; lake/storage/open_store.py chooses one of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from lake.storage.redaction import redacted

# key of the object that `probe` writes; readers of Parquet folders skip names with a leading _
PROBE = "_probe"


class LakeError(Exception):
    """The lake cannot be used; the message says what, where and what to do, and no secret."""

    def __init__(self, message: str = "") -> None:
        super().__init__(redacted(message))


class LakeConfigError(LakeError):
    """LAKE_URI is malformed, or names a lake that does not exist."""


class StoreAway(LakeError):
    """The store did not answer or was overloaded. The same request may succeed later."""


class StateFailed(LakeError):
    """The working folder of this machine (STATE_DIR) cannot be used: its disk is full, read-only or broken."""


class PartExists(LakeError):
    """The lake has another object under this key already."""


class DamagedObject(LakeError):
    """An object of the lake cannot be read, or one that a run record names is missing."""

    def __init__(self, key: str, what: object) -> None:
        told = " ".join(str(what).split())[:300]
        super().__init__(
            f"{key} is damaged: {told}. Restore it from a copy of the lake; `python -m lake verify` names all damage"
        )


class ObjectChanged(LakeError):
    """The object was changed since it was read, so the conditional write was refused."""


@dataclass(frozen=True, slots=True)
class TaggedObject:
    """A mutable object as it was when it was read."""

    data: bytes
    tag: str  # version tag for `swap`; each write changes it
    age_s: float  # seconds since it was written, by the store's clock, as the clocks of machines differ


class Store(Protocol):
    """Objects by key.

    A key is relative to the lake's root and has forward slashes. Every method may raise LakeError."""

    uri: str  # of the lake, without secrets

    def put_new(self, key: str, data: bytes) -> None:
        """Write an object that does not exist yet; it is durable on return.

        Does nothing if an object with the same content exists. Raises PartExists where its content differs."""

    def get(self, key: str) -> bytes:
        """Return an object's content. Raises KeyError where there is none."""

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        """Yield the keys that begin with `prefix` and sort after `after`, in sorted order."""

    def remove(self, key: str) -> None:
        """Delete an object; no error where there is none. Only for objects that the lake can do without."""

    def look(self, key: str) -> TaggedObject:
        """Return an object's content with its tag and age. Raises KeyError where there is none."""

    def swap(self, key: str, data: bytes, tag: str | None) -> str:
        """Replace an object if it still has this tag (None: if it does not exist); return the new tag.

        Raises ObjectChanged where it has another tag. Two writes of a key must never have the same bytes."""

    def probe(self) -> None:
        """Check that the lake can be used.

        Raises LakeError where it cannot be written, or objects could be overwritten."""


# what reading a JSON value raises whose form is not the expected one
WRONG_FORM = (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 digest of the data as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


@contextmanager
def telling_damage(key: str) -> Iterator[None]:
    """Raise DamagedObject, with the object's key, where its content is not of the expected form."""
    try:
        yield
    except KeyError as error:
        raise DamagedObject(key, f"{error} is missing") from error
    except WRONG_FORM as error:
        raise DamagedObject(key, f"{type(error).__name__}: {error}") from error


def parse_json_object(key: str, data: bytes) -> dict[str, Any]:
    """Return the JSON object that an object of the lake holds. Raises DamagedObject where it holds anything else."""
    with telling_damage(key):
        value = json.loads(data)
    if not isinstance(value, dict):
        raise DamagedObject(key, f"a JSON object was expected, and it holds {type(value).__name__}")
    return value
