"""Looks after the working folder (STATE_DIR) at the start of a run.

What this machine keeps is for its owner alone: full texts wait in spools, and addresses stand in the index. What an
older version made wider is narrowed. Temporary files and lock files of dead processes are deleted. A disk that is full,
read-only or broken is told as StateFailed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lake.storage.folder_store import folder_error
from lake.storage.local_files import (
    narrow,
    private_folder,
    remove_dead,
    remove_if_dead,
)
from lake.storage.store import StateFailed, sha256_hex

KEPT, LOCKS, TURNS, SPOOL, JOBS, FOLDER_ID = "kept", "locks", "turns", "spool", "jobs", "folder-id"
_OURS = (KEPT, LOCKS, TURNS, SPOOL, JOBS, f"{FOLDER_ID}*", "index-*.sqlite*")
_SPOOL_LOCK = "spool.lock"
# the lock of a run of an older version does not name its lake; after this time a run is dead without its lock
_LOCK_NEEDED = timedelta(hours=24)
_REMEDIES = {
    sqlite3.SQLITE_FULL: "free space on its disk",
    sqlite3.SQLITE_READONLY: "make it writable: mount its disk for writing, or mend the rights",
    sqlite3.SQLITE_IOERR: "free space on its disk, and look at the system's log for faults of the disk",
    sqlite3.SQLITE_CANTOPEN: "mend the rights, or raise the limit on open files (ulimit -n)",
    sqlite3.SQLITE_BUSY: "another process has it for too long: stop that one",
}
_DAMAGED = "the next start rebuilds it from the lake"


def lake_id(uri: str) -> str:
    """A short name for a lake in the names of this machine's files."""
    return sha256_hex(uri.encode())[:12]


def prepare(state: Path) -> None:
    """Create the folder if need be, make it and what is in it private, and delete temporary files of dead processes."""
    narrow(private_folder(state), _OURS)
    remove_dead(state.glob(f"{FOLDER_ID}.*"))
    remove_dead((state / KEPT).glob("*.tmp"))
    remove_dead((state / JOBS).glob("*.tmp"))


def remove_dead_locks(locks: Path, uri: str, unfinished: Collection[str], finished: Collection[str]) -> None:
    """Delete lock files that no process holds: of runs of this lake that are not to be finished any more, of leases
    and of kinds of crawls.

    unfinished, finished: ids of runs with a start record alone, and with an end record. A run's lock file names its
    lake, because the locks of all lakes lie in one folder, and the lock of a dead run that is still to be finished
    proves its death."""
    for path in locks.glob("*.lock") if locks.is_dir() else ():
        name = path.name.removesuffix(".lock")
        if path.name == _SPOOL_LOCK or name in unfinished:
            continue
        if name.startswith(f"{lake_id(uri)}-") or name in finished or _is_of_no_use(path, uri):
            remove_if_dead(path)


def _is_of_no_use(path: Path, uri: str) -> bool:
    with suppress(FileNotFoundError, PermissionError):
        written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return path.read_text("utf-8") == lake_id(uri) or datetime.now(UTC) - written_at > _LOCK_NEEDED
    return False


def forget_answers(state: Path) -> int:
    """Delete the kept answers of sites, and return how many there were: robots.txt may name a page that was taken
    down. The next crawl asks again."""
    paths = list((state / KEPT).glob("*.json"))
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)


def spool_lock(state: Path) -> Path:
    """The path of the lock under which spools are landed and changed."""
    return private_folder(state, LOCKS) / _SPOOL_LOCK


@contextmanager
def state_failures_told(path: Path) -> Iterator[None]:
    """Raise StateFailed in place of an OSError or sqlite3.Error of the block. path: of what the block works with."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise state_failure(path, error) from error


def state_failure(path: Path, error: OSError | sqlite3.Error) -> StateFailed:
    """Return the StateFailed for an error that a file of the working folder met."""
    if isinstance(error, OSError):
        return StateFailed(f"STATE_DIR: {folder_error(Path(error.filename or path), 'used', error)}")
    remedy = _REMEDIES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, _DAMAGED)
    return StateFailed(f"STATE_DIR: {path}: {error}; {remedy}")
