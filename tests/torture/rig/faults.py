"""Faults inside a process: it dies, stops, loses power or loses its store at the Nth thing that it does to its disk or its
object store.

What counts is each open for writing, write, fsync, link, rename, removal and new folder below the process's own folders,
and each request to an object store, once before it is sent and once when its answer has come. Python's audit events tell
most of them, so the product needs no hook.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

_AUDITED = {"os.link", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}

# kill: SIGKILL, and a write is torn in its middle. stop: SIGSTOP. cut: as a power cut, what was not synced is lost.
# away: from then on the store does not answer. full: from then on the disk is full. count: nothing.
Action = Literal["kill", "stop", "cut", "away", "full", "count"]


@dataclass(frozen=True)
class Fault:
    """action: what happens. at: the number of the operation at which it happens, from 1. until: the operation at which
    a store is back. only: what is in the path of the operations that are counted."""

    action: Action
    at: int = sys.maxsize
    until: int = sys.maxsize
    only: str = ""


class Faults:
    """Counts the operations of this process, and does its fault. There is no way to take it out again."""

    def __init__(self, fault: Fault, roots: Sequence[Path], note: Path) -> None:
        """roots: the folders whose files count. note: a file that gets the operation at which the fault happened, and at
        the end the number of all."""
        self.fault, self.roots = fault, tuple(f"{root.resolve()}/" for root in roots)
        self.count, self._lock, self._inside = 0, threading.Lock(), threading.local()
        self._unsynced: dict[int, set[str]] = {}  # inode → its paths
        self._note = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
        self._fsync, self._open = os.fsync, io.open

    def install(self) -> None:
        """Begin."""
        sys.addaudithook(self._audit)
        os.fsync = self._synced
        io.open = builtins.open = self._opened  # type: ignore[assignment]
        import botocore.httpsession

        session, send = botocore.httpsession.URLLib3Session, botocore.httpsession.URLLib3Session.send

        def counted(its: Any, request: Any) -> Any:
            told = f"{request.method} {request.url.partition('?')[0]}"
            self._happens(f"ask {told}")
            if self._is_away():
                from botocore.exceptions import EndpointConnectionError

                raise EndpointConnectionError(endpoint_url=request.url)
            answer = send(its, request)
            self._happens(f"answered {told}")
            return answer

        session.send = counted

    def close(self) -> None:
        """Note the number of operations."""
        os.write(self._note, f"{self.count} operations\n".encode())

    # ------------------------------------------------------------ what counts

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
            if not writes or not self._is_ours(path):
                return
        elif event not in _AUDITED or not self._is_ours(arguments[0]):
            return
        path = os.fsdecode(arguments[0])
        self._happens(f"{event} {path}")
        if event in ("open", "os.mkdir") and self.fault.only in path and self._is_away():
            number = errno.ENOSPC if self.fault.action == "full" else errno.ESTALE
            raise OSError(number, os.strerror(number), path)
        if event == "os.link":
            self._note_link(*map(os.fsdecode, arguments[:2]))

    def _is_ours(self, path: Any) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return False
        return os.fsdecode(path).startswith(self.roots)

    def _synced(self, handle: Any) -> None:
        number = handle if isinstance(handle, int) else handle.fileno()
        self._happens(f"fsync {_path_of(number)}")
        self._fsync(number)
        self._unsynced.pop(os.fstat(number).st_ino, None)

    def _opened(self, file: Any, mode: str = "r", *more: Any, **others: Any) -> Any:
        opened = self._open(file, mode, *more, **others)
        if set(mode) & set("wxa+") and self._is_ours(file):
            self._unsynced.setdefault(os.fstat(opened.fileno()).st_ino, set()).add(os.fsdecode(file))
            opened.write = self._torn(opened, opened.write, os.fsdecode(file))
        return opened

    def _torn(self, file: Any, write: Callable[[Any], int], path: str) -> Callable[[Any], int]:
        def torn(data: Any) -> int:
            if self.fault.action == "kill" and self.fault.only in path and self.count + 1 == self.fault.at:
                write(data[: len(data) // 2])
                file.flush()
            self._happens(f"write {path}")
            return write(data)

        return torn

    def _note_link(self, source: str, target: str) -> None:
        if paths := self._unsynced.get(Path(source).stat().st_ino):
            paths.add(target)

    # ------------------------------------------------------------ what happens

    def _happens(self, what: str) -> None:
        if self.fault.only not in what or getattr(self._inside, "now", False):
            return
        with self._lock:
            self.count += 1
            is_now = self.count == self.fault.at
        if not is_now:
            return
        self._inside.now = True
        os.write(self._note, f"{self.fault.action} at {self.count}: {what}\n".encode())
        if self.fault.action == "cut":
            for path in (path for paths in self._unsynced.values() for path in paths):
                if os.path.exists(path):  # noqa: PTH110
                    os.truncate(path, os.stat(path).st_size // 2)  # noqa: PTH116
        if self.fault.action in ("kill", "cut"):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault.action == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        self._inside.now = False

    def _is_away(self) -> bool:
        return self.fault.action in ("away", "full") and self.fault.at <= self.count < self.fault.until


def _path_of(handle: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{handle}")  # noqa: PTH115
    except OSError:
        return str(handle)
