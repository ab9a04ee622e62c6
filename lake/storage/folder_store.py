"""A lake in a folder, on a local or a shared disk."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from lake.storage.store import (
    PROBE,
    LakeError,
    ObjectChanged,
    PartExists,
    StoreAway,
    TaggedObject,
    sha256_hex,
)

_STALE_AFTER_S = 3600.0  # a temporary file this old belongs to no living process
# what a folder on a shared disk answers while its server is away
_SERVER_AWAY_ERRNOS = {errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOTCONN}


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
            raise _translate_error(path, "written", error) from error

    def _write(self, path: Path, data: bytes) -> None:
        _make_folder(path.parent)
        with self._temporary(path.name, data) as temporary:
            os.link(temporary, path)
        _sync_folder(path.parent)

    @contextlib.contextmanager
    def _temporary(self, name: str, data: bytes) -> Iterator[Path]:
        """A durable file on the lake's disk, gone afterwards."""
        folder = self.root / ".tmp"
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f"{name}.{uuid.uuid4().hex}"
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
            raise _translate_error(self.root / key, "read", error) from error

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        folder = (self.root / prefix).parent if not prefix.endswith("/") else self.root / prefix
        candidates = ((p.relative_to(self.root).as_posix(), p) for p in folder.rglob("*"))
        yield from sorted(k for k, p in candidates if k.startswith(prefix) and k > after and p.is_file())

    def remove(self, key: str) -> None:
        try:
            (self.root / key).unlink(missing_ok=True)
        except OSError as error:
            raise _translate_error(self.root / key, "removed", error) from error

    def look(self, key: str) -> TaggedObject:
        data, path = self.get(key), self.root / key
        try:
            with self._temporary("now", b"") as now:  # a shared disk's clock is its server's
                age_s = now.stat().st_mtime - path.stat().st_mtime
        except OSError as error:
            raise _translate_error(path, "read", error) from error
        return TaggedObject(data, sha256_hex(data), max(0.0, age_s))

    def swap(self, key: str, data: bytes, tag: str | None) -> str:
        path = self.root / key
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with (self.root / ".swap.lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                current_tag = sha256_hex(path.read_bytes()) if path.exists() else None
                if current_tag != tag:
                    raise ObjectChanged(f"{path}: changed in between")
                with self._temporary(path.name, data) as temporary:
                    temporary.replace(path)
                _sync_folder(path.parent)
        except OSError as error:
            raise _translate_error(path, "written", error) from error
        return sha256_hex(data)

    def probe(self) -> None:
        for leftover in (self.root / ".tmp").glob("*"):
            with contextlib.suppress(FileNotFoundError):  # its owner was quicker
                if time.time() - leftover.stat().st_mtime > _STALE_AFTER_S:
                    leftover.unlink()
        self.put_new(PROBE, b"")


def _translate_error(path: Path, action: str, error: OSError) -> LakeError:
    if error.errno in _SERVER_AWAY_ERRNOS:
        return StoreAway(f"{path}: cannot be {action}: {error.strerror}")
    remedy = "; free space or mend the rights" if action == "written" else ""
    return LakeError(f"{path}: cannot be {action}: {error.strerror}{remedy}")


def _make_folder(folder: Path) -> None:
    """Durable, as what is put into it."""
    missing = [f for f in (folder, *folder.parents) if not f.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for created in missing:
        _sync_folder(created.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
