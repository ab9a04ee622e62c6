"""Where the lake lies: a folder, or a bucket (lake/s3.py). Both write an object whole or not at all, and never
over another."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

PROBE = "_probe"  # names that begin with _ are passed over by readers of Parquet folders
_STALE_S = 3600.0  # a temporary file this old belongs to no living process


class LakeError(Exception):
    """The lake cannot be used; the message says what, where and what to do."""


class LakeConfigError(LakeError):
    """LAKE_URI itself is wrong."""


class PartExists(LakeError):
    """Another object stands under this key already."""


class Store(Protocol):
    """Keys are relative to the lake's root, with forward slashes."""

    uri: str

    def put_new(self, key: str, data: bytes) -> None:
        """Write the object, durable on return. An equal one that is there already is fine, a different one
        raises PartExists."""

    def get(self, key: str) -> bytes:
        """Raises KeyError where there is none."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Keys that begin with prefix, sorted."""

    def probe(self) -> None:
        """Raises LakeError unless the place exists, can be written, and refuses to write over an object."""


def open_store(uri: str) -> Store:
    """A folder's path, or s3://bucket/prefix. Raises LakeConfigError for any other form."""
    if uri.startswith("s3://"):
        from lake.s3 import S3Store  # boto3 takes a third of a second to load: only where it is needed

        return S3Store(uri)
    if "://" in uri:
        scheme = uri.partition("://")[0]
        raise LakeConfigError(
            f"LAKE_URI: {scheme}:// is not known; expected a folder's path or s3://bucket/prefix"
        )
    return FolderStore(Path(uri))


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
            raise LakeError(
                f"{path}: cannot be written: {error.strerror}; free space or mend the rights"
            ) from error

    def _write(self, path: Path, data: bytes) -> None:
        held = self.root / ".tmp"
        held.mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = held / f"{path.name}.{uuid.uuid4().hex}"
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)

    def get(self, key: str) -> bytes:
        try:
            return (self.root / key).read_bytes()
        except FileNotFoundError:
            raise KeyError(key) from None
        except OSError as error:
            raise LakeError(f"{self.root / key}: cannot be read: {error.strerror}") from error

    def keys(self, prefix: str) -> Iterator[str]:
        folder = (self.root / prefix).parent if not prefix.endswith("/") else self.root / prefix
        found = (p for p in folder.rglob("*") if p.is_file())
        keys = (p.relative_to(self.root).as_posix() for p in found)
        yield from sorted(k for k in keys if k.startswith(prefix))

    def probe(self) -> None:
        for old in (self.root / ".tmp").glob("*"):
            with contextlib.suppress(FileNotFoundError):  # its owner was quicker
                if time.time() - old.stat().st_mtime > _STALE_S:
                    old.unlink()
        self.put_new(PROBE, b"")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
