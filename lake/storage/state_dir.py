"""Tells failures of this machine's working folder (STATE_DIR): a disk that is full, read-only or broken."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lake.storage.folder_store import folder_error
from lake.storage.store import StateFailed

_REMEDIES = {
    sqlite3.SQLITE_FULL: "free space on its disk",
    sqlite3.SQLITE_READONLY: "make it writable: mount its disk for writing, or mend the rights",
    sqlite3.SQLITE_IOERR: "free space on its disk, and look at the system's log for faults of the disk",
    sqlite3.SQLITE_CANTOPEN: "mend the rights, or raise the limit on open files (ulimit -n)",
    sqlite3.SQLITE_BUSY: "another process has it for too long: stop that one",
}
_DAMAGED = "the next start rebuilds it from the lake"


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
