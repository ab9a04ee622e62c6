"""Where the lake lies: a folder, or a bucket (lake/storage/s3_store.py). Both write an object whole or not at all, and never
over another."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PROBE = "_probe"  # names that begin with _ are passed over by readers of Parquet folders
_STALE_S = 3600.0  # a temporary file this old belongs to no living process
# what a folder on a shared disk answers while its server is away
_AWAY = {errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOTCONN}


class LakeError(Exception):
    """The lake cannot be used; the message says what, where and what to do."""


class LakeConfigError(LakeError):
    """LAKE_URI itself is wrong."""


class StoreAway(LakeError):
    """The store did not answer, or had no time: the same request may succeed later."""


class PartExists(LakeError):
    """Another object stands under this key already."""


class Changed(LakeError):
    """The object is no longer the one that was looked at."""


@dataclass(frozen=True, slots=True)
class Seen:
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

    def look(self, key: str) -> Seen:
        """Raises KeyError where there is none."""

    def swap(self, key: str, data: bytes, tag: str | None) -> str:
        """Write the object if it is still the one of this tag (None: if there is none); returns the new tag. Raises
        Changed. No two writes of a key may have the same bytes."""

    def probe(self) -> None:
        """Raises LakeError unless the place exists, can be written, and refuses to write over an object."""


def open_store(uri: str) -> Store:
    """A folder's path, or s3://bucket/prefix. Raises LakeConfigError for any other form."""
    if uri.startswith("s3://"):
        from lake.storage.s3_store import (
            S3Store,  # boto3 takes a third of a second to load: only where it is needed
        )

        return S3Store(uri)
    if "://" in uri:
        scheme = uri.partition("://")[0]
        raise LakeConfigError(
            f"LAKE_URI: {scheme}:// is not known; expected a folder's path or s3://bucket/prefix"
        )
    return FolderStore(Path(uri))


def open_lake(uri: str) -> Store:
    """A lake that is there: of a misspelt name none must be made, nor told that it is sound. Raises LakeConfigError."""
    store = open_store(uri)
    is_there = (
        store.root.is_dir() if isinstance(store, FolderStore) else next(store.keys(""), None) is not None
    )
    if not is_there:
        raise LakeConfigError(f"{store.uri}: no lake is there")
    return store


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class FolderStore:
    """A lake in a folder: temporary file, fsync, hard link under the final name (which fails where one stands)."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().resolve()
        self.uri = str(self.root)

    def put_new(self, key: str, data: bytes) -> None:
        path = self.root / key
        try:
            self._write(path, data)
        except FileExistsError:
            if path.read_bytes() != data:
                raise PartExists(f"{path}: another part stands there already") from None
        except OSError as error:
            raise _explained(path, "written", error) from error

    def _write(self, path: Path, data: bytes) -> None:
        _make_folder(path.parent)
        with self._temporary(path.name, data) as temporary:
            os.link(temporary, path)
        _sync_folder(path.parent)

    @contextlib.contextmanager
    def _temporary(self, name: str, data: bytes) -> Iterator[Path]:
        """A durable file on the lake's disk, gone afterwards."""
        held = self.root / ".tmp"
        held.mkdir(parents=True, exist_ok=True)
        temporary = held / f"{name}.{uuid.uuid4().hex}"
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def get(self, key: str) -> bytes:
        try:
            return (self.root / key).read_bytes()
        except FileNotFoundError:
            raise KeyError(key) from None
        except OSError as error:
            raise _explained(self.root / key, "read", error) from error

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        folder = (self.root / prefix).parent if not prefix.endswith("/") else self.root / prefix
        found = ((p.relative_to(self.root).as_posix(), p) for p in folder.rglob("*"))
        yield from sorted(k for k, p in found if k.startswith(prefix) and k > after and p.is_file())

    def remove(self, key: str) -> None:
        try:
            (self.root / key).unlink(missing_ok=True)
        except OSError as error:
            raise _explained(self.root / key, "removed", error) from error

    def look(self, key: str) -> Seen:
        data, path = self.get(key), self.root / key
        try:
            with self._temporary("now", b"") as now:  # a shared disk's clock is its server's
                age_s = now.stat().st_mtime - path.stat().st_mtime
        except OSError as error:
            raise _explained(path, "read", error) from error
        return Seen(data, digest(data), max(0.0, age_s))

    def swap(self, key: str, data: bytes, tag: str | None) -> str:
        path = self.root / key
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with (self.root / ".swap.lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                found = digest(path.read_bytes()) if path.exists() else None
                if found != tag:
                    raise Changed(f"{path}: changed in between")
                with self._temporary(path.name, data) as temporary:
                    temporary.replace(path)
                _sync_folder(path.parent)
        except OSError as error:
            raise _explained(path, "written", error) from error
        return digest(data)

    def probe(self) -> None:
        for old in (self.root / ".tmp").glob("*"):
            with contextlib.suppress(FileNotFoundError):  # its owner was quicker
                if time.time() - old.stat().st_mtime > _STALE_S:
                    old.unlink()
        self.put_new(PROBE, b"")


def _explained(path: Path, what: str, error: OSError) -> LakeError:
    if error.errno in _AWAY:
        return StoreAway(f"{path}: cannot be {what}: {error.strerror}")
    cure = "; free space or mend the rights" if what == "written" else ""
    return LakeError(f"{path}: cannot be {what}: {error.strerror}{cure}")


def _make_folder(folder: Path) -> None:
    """Durable, as what is put into it."""
    made = [f for f in (folder, *folder.parents) if not f.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for new in made:
        _sync_folder(new.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
