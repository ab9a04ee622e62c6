"""What a store is: objects by key, written whole or not at all, and never over another; its errors.

lake/storage/folder_store.py and lake/storage/s3_store.py are the two kinds; lake/storage/open_store.py chooses one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

PROBE = "_probe"  # names that begin with _ are passed over by readers of Parquet folders


class LakeError(Exception):
    """The lake cannot be used; the message says what, where and what to do."""


class LakeConfigError(LakeError):
    """LAKE_URI itself is wrong."""


class StoreAway(LakeError):
    """The store did not answer, or had no time: the same request may succeed later."""


class PartExists(LakeError):
    """Another object stands under this key already."""


class ObjectChanged(LakeError):
    """The object is no longer the one that was looked at."""


@dataclass(frozen=True, slots=True)
class TaggedObject:
    """A mutable object as it was when it was looked at."""

    data: bytes
    tag: str  # another one after every write
    age_s: float  # since it was written, by the store's own clock: hosts' clocks differ


class Store(Protocol):
    """Keys are relative to the lake's root, with forward slashes."""

    uri: str

    def put_new(self, key: str, data: bytes) -> None:
        """Write the object, durable on return. An equal one that is there already is fine, a different one
        raises PartExists."""

    def get(self, key: str) -> bytes:
        """Raises KeyError where there is none."""

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        """Keys that begin with prefix and sort after another, sorted."""

    def remove(self, key: str) -> None:
        """No error where there is none. Only for what the lake can do without."""

    def look(self, key: str) -> TaggedObject:
        """Raises KeyError where there is none."""

    def swap(self, key: str, data: bytes, tag: str | None) -> str:
        """Write the object if it is still the one of this tag (None: if there is none); returns the new tag. Raises
        Changed. No two writes of a key may have the same bytes."""

    def probe(self) -> None:
        """Raises LakeError unless the place exists, can be written, and refuses to write over an object."""


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
