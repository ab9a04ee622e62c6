"""Leases: an outlet's pages are landed by one machine at a time, and by one crawl of a kind on it.

A lease is an object of the lake, `leases/<name>.json`, taken and renewed by conditional writes, and it belongs to a
working folder (STATE_DIR): the processes of one folder share an index, whose pending rows keep them from doubling a
page, so they share the lease too, and a crash's lease is theirs again at once. Two folders share nothing, and wait for
one another. Whether a lease has run out is reckoned by the store's clock alone.

Inside a folder `alone` keeps two crawls of a kind apart, by a lock that the kernel releases at any death.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import socket
import threading
import uuid
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from lake.storage.store import LakeError, ObjectChanged, Store, TaggedObject, sha256_hex

log = logging.getLogger(__name__)

LEASE_S = 120.0  # after so long without a renewal a lease may be taken by another machine
_RENEWALS_PER_TTL = 4  # in that time, so that a store away for a while costs nothing
_WRITE_TRIES = 20  # where others write the same lease at the same moment


@dataclass(frozen=True, slots=True)
class Holder:
    """Who may land the pages of an outlet. The process is named for people; what counts is the folder."""

    host: str
    pid: int
    folder: str  # the working folder's own id: two machines may have the same name
    run_id: str
    since: str  # UTC, by the holder's clock
    ttl_s: float
    term: int = 1  # one more whenever another folder takes it: what was lost and is ours again was lost
    released: bool = False
    write: str = ""  # another one at each write: no two have the same bytes

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, run {self.run_id}, since {self.since}"


class LeaseHeld(LakeError):
    """Another crawl has the outlet."""

    def __init__(self, name: str, holder: str) -> None:
        super().__init__(f"{name} is being crawled by {holder}")
        self.name = name


class LeaseLost(LakeError):
    """Another machine took the lease, its time being over: what has not landed may be there already."""


@dataclass(slots=True)
class _Lease:
    holder: Holder
    tag: str | None  # of the object as we know it
    shared_lock: IO[str]  # locked by every process of the folder that has the lease
    open_files: ExitStack
    is_lost: bool = False  # for good


class Leases:
    """The leases of one run. `with Leases(…) as leases` gives them back at the end."""

    def __init__(self, store: Store, state: Path, run_id: str, ttl_s: float = LEASE_S) -> None:
        self.store, self.run_id, self.ttl_s = store, run_id, ttl_s
        self.folder = folder_id(state)
        self._locks_folder = state / "locks"
        self._lake_id = sha256_hex(store.uri.encode())[:12]
        self._leases: dict[str, _Lease] = {}
        self._mutex = (
            threading.RLock()
        )  # renewals come from a thread of their own, checks from that of a flush
        self._stop_renewing = threading.Event()
        self._renewal_thread: threading.Thread | None = None

    def __enter__(self) -> Leases:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_renewing.set()
        if self._renewal_thread:
            self._renewal_thread.join()
        is_away = False
        for name in self.names:
            is_away = not self._give_back(name, is_away)
        self._leases.clear()

    @property
    def names(self) -> list[str]:
        return sorted(self._leases)

    def take(self, name: str, *, alone: str | None = None) -> None:
        """Take an outlet's lease; does nothing where the run has it. alone: the kind of crawl of which the machine may
        have one. Raises Held, naming the holder, and LakeError."""
        if name in self._leases:
            return
        with ExitStack() as open_files:
            if alone:
                self._lock_alone(open_files, name, alone)
            shared_lock = open_files.enter_context(self._lock_path(f"lease-{name}").open("a+"))
            fcntl.flock(
                shared_lock, fcntl.LOCK_SH
            )  # waits while the last one of this folder gives the lease back
            holder, tag = self._acquire(name)
            with self._mutex:
                self._leases[name] = _Lease(holder, tag, shared_lock, open_files.pop_all())
        if self._renewal_thread is None:
            self._renewal_thread = threading.Thread(target=self._renew_all, name="leases", daemon=True)
            self._renewal_thread.start()

    def lost(self, names: Iterable[str]) -> set[str]:
        """Which of these another machine has taken by now; the others are renewed by this. Names that the run never
        took are passed over. Raises StoreAway where nobody can tell."""
        with self._mutex:
            return {name for name in names if name in self._leases and not self._renew(name)}

    # ------------------------------------------------------------ in the lake

    def _acquire(self, name: str) -> tuple[Holder, str]:
        holder = Holder(socket.gethostname(), os.getpid(), self.folder, self.run_id, _now(), self.ttl_s)
        for _ in range(_WRITE_TRIES):
            stored = self._read(name)
            if stored:
                current = _parse_holder(stored)
                if current.folder != self.folder:
                    if not current.released and (remaining_s := current.ttl_s - stored.age_s) >= 0:
                        raise LeaseHeld(
                            name, f"{current}; its lease ends in {remaining_s:.0f} s unless it is renewed"
                        )
                    holder = replace(holder, term=current.term + 1)
                else:
                    holder = replace(holder, term=current.term)
            with suppress(ObjectChanged):
                return holder, self._write(name, holder, stored.tag if stored else None)
        raise LeaseHeld(name, "one of many that want it at this moment")

    def _renew(self, name: str) -> bool:
        """False where another machine has it, or had it in between. A process of this folder that renewed it meanwhile
        did so for us."""
        lease = self._leases[name]
        if lease.is_lost:
            return False
        for _ in range(_WRITE_TRIES):
            with suppress(ObjectChanged):
                lease.tag = self._write(name, lease.holder, lease.tag)
                return True
            stored = self._read(name)
            if stored:
                current = _parse_holder(stored)
                lease.is_lost = (current.folder, current.term) != (self.folder, lease.holder.term)
                if lease.is_lost:
                    log.warning("the lease of %s was taken: %s", name, current)
                    return False
            lease.tag = stored.tag if stored else None  # None: somebody cleared the folder of leases
        return True  # only ours write so often

    def _write(self, name: str, holder: Holder, tag: str | None) -> str:
        fields = asdict(replace(holder, write=uuid.uuid4().hex))
        return self.store.swap(_lease_key(name), json.dumps(fields, indent=1).encode(), tag)

    def _read(self, name: str) -> TaggedObject | None:
        try:
            return self.store.look(_lease_key(name))
        except KeyError:
            return None

    def _renew_all(self) -> None:
        while not self._stop_renewing.wait(self.ttl_s / _RENEWALS_PER_TTL):
            with suppress(LakeError):  # away, for all of them; `lost` will tell, before anything lands
                for name in self.names:
                    with self._mutex:
                        if not self._stop_renewing.is_set():
                            self._renew(name)

    def _give_back(self, name: str, is_away: bool) -> bool:
        """The last process of the folder says so in the lake. False where it cannot: then the lease runs out by itself,
        and with the store away there is no use in asking for the next one."""
        lease = self._leases[name]
        with lease.open_files:
            try:
                fcntl.flock(lease.shared_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not is_away and self._renew(name):  # its tag may be that of another process of this folder
                    self._write(name, replace(lease.holder, released=True), lease.tag)
            except (BlockingIOError, ObjectChanged):
                pass  # others of this folder go on with it; or another machine's by now
            except LakeError as error:
                log.warning("the lease of %s could not be given back and runs out by itself: %s", name, error)
                return False
        return not is_away

    # ------------------------------------------------------------ on this machine

    def _lock_alone(self, open_files: ExitStack, name: str, kind: str) -> None:
        file = open_files.enter_context(self._lock_path(f"crawl-{kind}").open("a+"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise LeaseHeld(name, file.read() or "another process of this machine") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}, run {self.run_id}, since {_now()}")
        file.flush()

    def _lock_path(self, name: str) -> Path:
        self._locks_folder.mkdir(parents=True, exist_ok=True)
        return self._locks_folder / f"{self._lake_id}-{quote(name, safe='')}.lock"


def folder_id(state: Path) -> str:
    """The working folder's own id, made at its first use. A copied folder is told apart by its machine's name."""
    path = state / "folder-id"
    state.mkdir(parents=True, exist_ok=True)
    temporary = state / f"folder-id.{uuid.uuid4().hex}"
    if not path.exists():
        temporary.write_text(uuid.uuid4().hex)
        with suppress(FileExistsError):  # another process was quicker
            path.hardlink_to(temporary)
        temporary.unlink()
    return f"{path.read_text().strip()}@{socket.gethostname()}"


def _lease_key(name: str) -> str:
    return f"leases/{quote(name, safe='')}.json"


def _parse_holder(stored: TaggedObject) -> Holder:
    try:
        values: dict[str, Any] = json.loads(stored.data)
        return Holder(**values)
    except (ValueError, TypeError):  # damaged: nobody's once it is old
        return Holder("?", 0, "", "?", "?", LEASE_S, term=int(datetime.now(UTC).timestamp()))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
