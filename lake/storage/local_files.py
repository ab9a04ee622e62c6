"""Creates files of this machine: temporary ones that tell whether their process lives, lock files, private ones.

1. Who writes a temporary file holds a lock on it (flock). The kernel releases the lock when the process dies for
   whatever reason, so a file without a lock was left by a dead process, whatever its age, on a shared disk too.
2. Who locks a file that others may delete looks afterwards whether it is still the file of that name.
3. A private file or folder is for its owner alone, whatever the umask is.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import IO, BinaryIO

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
_FILE, _FOLDER = 0o666, 0o777  # the umask takes away what others may not do


def private_opener(path: str, flags: int) -> int:
    """Open a file for `open(…, opener=…)`; a new one is for its owner alone."""
    return os.open(path, flags, PRIVATE_FILE)


def private_folder(top: Path, *below: str) -> Path:
    """Create a folder for its owner alone, and folders below it; return the last one. Its parents follow the umask."""
    top.parent.mkdir(parents=True, exist_ok=True)
    top.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    for name in below:
        top /= name
        top.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    return top


def narrow(folder: Path, patterns: Iterable[str]) -> None:
    """Make private what lies in a folder under names of these patterns, and the folder itself unless it holds other
    things too."""
    names = [path.name for path in folder.iterdir()]
    ours = [name for name in names if any(fnmatch(name, pattern) for pattern in patterns)]
    for name in ours:
        for path in (folder / name, *(folder / name).rglob("*")):
            _narrow_one(path)
    if len(ours) == len(names):
        _narrow_one(folder)


def _narrow_one(path: Path) -> None:
    with suppress(FileNotFoundError, PermissionError):  # gone meanwhile, or another user's
        if not path.is_symlink() and path.stat().st_mode & 0o077:
            path.chmod(PRIVATE_FOLDER if path.is_dir() else PRIVATE_FILE)


def folder_mode(*, private: bool) -> int:
    """The mode for `mkdir`, from which the umask is taken."""
    return PRIVATE_FOLDER if private else _FOLDER


@contextmanager
def temporary_file(path: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """Create a file under a name that is deleted when the block ends; until then it is locked. Raises FileExistsError,
    OSError."""
    file = _create_locked(path, PRIVATE_FILE if private else _FILE)
    try:
        with file:
            try:
                yield file
            finally:
                path.unlink(missing_ok=True)  # before the lock is released
    finally:
        file.close()


def _create_locked(path: Path, mode: int) -> BinaryIO:
    while True:
        file: BinaryIO = open(path, "xb", opener=lambda name, flags: os.open(name, flags, mode))  # noqa: SIM115  # its lock outlives this
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # another process took it for a dead one's, before it was locked


def replace_private(path: Path, data: bytes) -> None:
    """Write a private file as a whole, in place of the one that may be there. Raises OSError."""
    with temporary_file(path.with_name(f"{path.name}.{os.urandom(8).hex()}.tmp"), private=True) as file:
        file.write(data)
        file.flush()
        Path(file.name).replace(path)


def remove_if_dead(path: Path) -> bool:
    """Delete a temporary file or a lock file unless a process has it locked; return whether it was deleted here.

    A file that this process may not open is left alone, for nothing tells whether it is in use."""
    try:
        with path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
            return True
    except (FileNotFoundError, BlockingIOError, PermissionError, IsADirectoryError):
        return False


def is_in_use(path: Path) -> bool | None:
    """Whether a process has a file locked; None where it is gone."""
    try:
        with path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except (BlockingIOError, PermissionError):
        return True
    return False


def remove_dead(paths: Iterable[Path]) -> int:
    """Delete those of these files that no living process has locked; return how many."""
    return sum(map(remove_if_dead, paths))


def open_locked(path: Path, operation: int) -> IO[str]:
    """Open a private lock file, created if need be, and lock it. operation: as for flock.

    Raises BlockingIOError where it is locked and the operation does not wait."""
    while True:
        file = open(path, "a+", opener=private_opener)  # noqa: SIM115  # its lock outlives this
        try:
            fcntl.flock(file, operation)
            if _is_same_file(file, path):
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # it was deleted before it was locked


def _is_same_file(file: IO[str], path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False
