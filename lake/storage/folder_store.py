"""Implements the store in a folder, on a local or a shared disk.

A new object is written to a temporary file, synced to disk, and hard-linked under its final name. The link fails if
the name exists, so no object is overwritten, and no reader sees half of one. A temporary file that no living process
holds is deleted by the next start. Files follow the umask, but for those of a private store.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from lake.storage.local_files import folder_mode, is_in_use, private_opener, remove_dead, temporary_file
from lake.storage.store import (
    PROBE,
    LakeError,
    ObjectChanged,
    PartExists,
    StoreAway,
    TaggedObject,
    sha256_hex,
)

TEMPORARY, SWAP_LOCK = ".tmp/", ".swap.lock"  # no objects, although they lie in the folder
# error numbers of a folder on a shared disk whose server does not answer
_SERVER_AWAY_ERRNOS = {errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOTCONN}
_REMEDIES = {
    errno.ENOSPC: "free space on its disk",
    errno.EDQUOT: "the quota is used up: free space or raise it",
    errno.EROFS: "its disk is mounted read-only: mount it for writing",
    errno.EIO: "its disk fails: look at the system's log",
    errno.EACCES: "mend the rights",
    errno.EPERM: "mend the rights",
    errno.EMFILE: "this process has too many files open: raise the limit (ulimit -n)",
    errno.ENFILE: "this machine has too many files open: raise the limit (fs.file-max)",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.ENOTDIR: "a file stands where a folder is needed: move it",
}


class FolderStore:
    """A store whose objects are files below `root`. See lake/storage/store.py for the methods."""

    def __init__(self, root: Path, *, private: bool = False) -> None:
        """private: new files and folders are for their owner alone."""
        self.root, self._private = root.expanduser().resolve(), private
        self.uri = str(self.root)

    def put_new(self, key: str, data: bytes) -> None:
        path = self.root / key
        try:
            try:
                self._write(path, data)
            except FileExistsError:
                if path.read_bytes() != data:
                    raise PartExists(f"{path}: another part stands there already") from None
        except OSError as error:
            raise folder_error(path, "written", error) from error

    def _write(self, path: Path, data: bytes) -> None:
        self._make_folder(path.parent)
        with self._temporary(path.name, data) as temporary:
            os.link(temporary, path)
        _sync_folder(path.parent)

    @contextlib.contextmanager
    def _temporary(self, name: str, data: bytes) -> Iterator[Path]:
        """Write the data to a temporary file on the lake's disk, synced; it is deleted when the block ends."""
        folder = self.root / TEMPORARY
        self._make_folder(folder)
        path = folder / f"{name[:150]}.{uuid.uuid4().hex}"  # a file's name has 255 bytes at most
        with temporary_file(path, private=self._private) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            yield path

    def _make_folder(self, folder: Path) -> None:
        """Create a folder and its missing parents.

        Each new one is synced to disk: else a power cut could lose its files."""
        missing = [f for f in (folder, *folder.parents) if not f.exists()]
        for created in reversed(missing):
            created.mkdir(mode=folder_mode(private=self._private), exist_ok=True)
        for created in missing:
            _sync_folder(created.parent)

    def get(self, key: str) -> bytes:
        try:
            return (self.root / key).read_bytes()
        except FileNotFoundError:
            raise KeyError(key) from None
        except OSError as error:
            raise folder_error(self.root / key, "read", error) from error

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        folder = self.root / prefix.rpartition("/")[0]
        try:
            found = [path.relative_to(self.root).as_posix() for path in _files_below(folder)]
        except OSError as error:
            raise folder_error(folder, "listed", error) from error
        yield from sorted(key for key in found if key.startswith(prefix) and key > after)

    def remove(self, key: str) -> None:
        try:
            (self.root / key).unlink(missing_ok=True)
        except OSError as error:
            raise folder_error(self.root / key, "removed", error) from error

    def look(self, key: str) -> TaggedObject:
        data, path = self.get(key), self.root / key
        try:
            # a new file shows the time by the disk's own clock, which on a shared disk is its server's
            with self._temporary("now", b"") as now:
                age_s = now.stat().st_mtime - path.stat().st_mtime
        except OSError as error:
            raise folder_error(path, "read", error) from error
        return TaggedObject(data, sha256_hex(data), max(0.0, age_s))

    def swap(self, key: str, data: bytes, tag: str | None) -> str:
        path = self.root / key
        try:
            self._make_folder(path.parent)
            with open(self.root / SWAP_LOCK, "a", opener=private_opener if self._private else None) as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                current_tag = sha256_hex(path.read_bytes()) if path.exists() else None
                if current_tag != tag:
                    raise ObjectChanged(f"{path}: changed in between")
                with self._temporary(path.name, data) as temporary:
                    temporary.replace(path)
                _sync_folder(path.parent)
        except OSError as error:
            raise folder_error(path, "written", error) from error
        return sha256_hex(data)

    def probe(self) -> None:
        try:
            self.remove_leftovers()
        except OSError as error:
            raise folder_error(self.root, "written", error) from error
        self.put_new(PROBE, b"")

    def remove_leftovers(self) -> int:
        """Delete the temporary files of dead processes, whatever their age; return how many there were."""
        return remove_dead((self.root / TEMPORARY).glob("*"))

    def leftovers(self) -> tuple[list[str], list[str]]:
        """Return the keys of the temporary files of dead processes, and of those that are being written."""
        found: tuple[list[str], list[str]] = [], []
        for path in sorted((self.root / TEMPORARY).glob("*")):
            if (in_use := is_in_use(path)) is not None:
                found[in_use].append(f"{TEMPORARY}{path.name}")
        return found


def folder_error(path: Path, action: str, error: OSError) -> LakeError:
    """Return the LakeError for an OSError. action: what failed, as a participle: written, read, listed, removed."""
    kind = StoreAway if error.errno in _SERVER_AWAY_ERRNOS else LakeError
    remedy = _REMEDIES.get(error.errno or 0)
    return kind(f"{path}: cannot be {action}: {error.strerror or error}{f'; {remedy}' if remedy else ''}")


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder; none where it does not exist. Raises OSError where a folder cannot be listed,
    which Path.rglob would pass over."""

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    for parent, _, names in os.walk(folder, onerror=refuse):
        yield from (Path(parent, name) for name in names)


def _sync_folder(folder: Path) -> None:
    """Sync a folder's list of files to disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
