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
_RENEWALS = 4  # in that time, so that a store away for a while costs nothing
_TRIES = 20  # where others write the same lease at the same moment


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
    users: IO[str]  # locked by every process of the folder that has the lease
    files: ExitStack
    is_lost: bool = False  # for good


class Leases:
    """The leases of one run. `with Leases(…) as leases` gives them back at the end."""

    def __init__(self, store: Store, state: Path, run_id: str, ttl_s: float = LEASE_S) -> None:
        self.store, self.run_id, self.ttl_s = store, run_id, ttl_s
        self.folder = folder_id(state)
        self._locks = state / "locks"
        self._lake = sha256_hex(store.uri.encode())[:12]
        self._held: dict[str, _Lease] = {}
        self._guard = (
            threading.RLock()
        )  # renewals come from a thread of their own, checks from that of a flush
        self._ended = threading.Event()
        self._renewing: threading.Thread | None = None

    def __enter__(self) -> Leases:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._renewing:
            self._renewing.join()
        is_away = False
        for name in self.names:
            is_away = not self._given_back(name, is_away)
        self._held.clear()

    @property
    def names(self) -> list[str]:
        return sorted(self._held)

    def take(self, name: str, *, alone: str | None = None) -> None:
        """Take an outlet's lease; does nothing where the run has it. alone: the kind of crawl of which the machine may
        have one. Raises Held, naming the holder, and LakeError."""
        if name in self._held:
            return
        with ExitStack() as files:
            if alone:
                self._lock_alone(files, name, alone)
            users = files.enter_context(self._file(f"lease-{name}").open("a+"))
            fcntl.flock(users, fcntl.LOCK_SH)  # waits while the last one of this folder gives the lease back
            holder, tag = self._taken(name)
            with self._guard:
                self._held[name] = _Lease(holder, tag, users, files.pop_all())
        if self._renewing is None:
            self._renewing = threading.Thread(target=self._renew_all, name="leases", daemon=True)
            self._renewing.start()

    def lost(self, names: Iterable[str]) -> set[str]:
        """Which of these another machine has taken by now; the others are renewed by this. Names that the run never
        took are passed over. Raises StoreAway where nobody can tell."""
        with self._guard:
            return {name for name in names if name in self._held and not self._renew(name)}

    # ------------------------------------------------------------ in the lake

    def _taken(self, name: str) -> tuple[Holder, str]:
        mine = Holder(socket.gethostname(), os.getpid(), self.folder, self.run_id, _now(), self.ttl_s)
        for _ in range(_TRIES):
            seen = self._look(name)
            if seen:
                last = _holder(seen)
                if last.folder != self.folder:
                    if not last.released and (left_s := last.ttl_s - seen.age_s) >= 0:
                        raise LeaseHeld(
                            name, f"{last}; its lease ends in {left_s:.0f} s unless it is renewed"
                        )
                    mine = replace(mine, term=last.term + 1)
                else:
                    mine = replace(mine, term=last.term)
            with suppress(ObjectChanged):
                return mine, self._write(name, mine, seen.tag if seen else None)
        raise LeaseHeld(name, "one of many that want it at this moment")

    def _renew(self, name: str) -> bool:
        """False where another machine has it, or had it in between. A process of this folder that renewed it meanwhile
        did so for us."""
        lease = self._held[name]
        if lease.is_lost:
            return False
        for _ in range(_TRIES):
            with suppress(ObjectChanged):
                lease.tag = self._write(name, lease.holder, lease.tag)
                return True
            seen = self._look(name)
            if seen:
                last = _holder(seen)
                lease.is_lost = (last.folder, last.term) != (self.folder, lease.holder.term)
                if lease.is_lost:
                    log.warning("the lease of %s was taken: %s", name, last)
                    return False
            lease.tag = seen.tag if seen else None  # None: somebody cleared the folder of leases
        return True  # only ours write so often

    def _write(self, name: str, holder: Holder, tag: str | None) -> str:
        written = asdict(replace(holder, write=uuid.uuid4().hex))
        return self.store.swap(_key(name), json.dumps(written, indent=1).encode(), tag)

    def _look(self, name: str) -> TaggedObject | None:
        try:
            return self.store.look(_key(name))
        except KeyError:
            return None

    def _renew_all(self) -> None:
        while not self._ended.wait(self.ttl_s / _RENEWALS):
            with suppress(LakeError):  # away, for all of them; `lost` will tell, before anything lands
                for name in self.names:
                    with self._guard:
                        if not self._ended.is_set():
                            self._renew(name)

    def _given_back(self, name: str, is_away: bool) -> bool:
        """The last process of the folder says so in the lake. False where it cannot: then the lease runs out by itself,
        and with the store away there is no use in asking for the next one."""
        lease = self._held[name]
        with lease.files:
            try:
                fcntl.flock(lease.users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not is_away and self._renew(name):  # its tag may be that of another process of this folder
                    self._write(name, replace(lease.holder, released=True), lease.tag)
            except (BlockingIOError, ObjectChanged):
                pass  # others of this folder go on with it; or another machine's by now
            except LakeError as error:
                log.warning("the lease of %s could not be given back and runs out by itself: %s", name, error)
                return False
        return not is_away

    # ------------------------------------------------------------ on this machine

    def _lock_alone(self, files: ExitStack, name: str, kind: str) -> None:
        file = files.enter_context(self._file(f"crawl-{kind}").open("a+"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise LeaseHeld(name, file.read() or "another process of this machine") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}, run {self.run_id}, since {_now()}")
        file.flush()

    def _file(self, name: str) -> Path:
        self._locks.mkdir(parents=True, exist_ok=True)
        return self._locks / f"{self._lake}-{quote(name, safe='')}.lock"


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


def _key(name: str) -> str:
    return f"leases/{quote(name, safe='')}.json"


def _holder(seen: TaggedObject) -> Holder:
    try:
        values: dict[str, Any] = json.loads(seen.data)
        return Holder(**values)
    except (ValueError, TypeError):  # damaged: nobody's once it is old
        return Holder("?", 0, "", "?", "?", LEASE_S, term=int(datetime.now(UTC).timestamp()))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
