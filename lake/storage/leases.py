"""Gives out leases, so that only one machine at a time lands the pages of an outlet.

1. A lease is the object `leases/<name>.json` of the lake. It is taken and renewed by conditional writes.
2. A lease belongs to a working folder (STATE_DIR), not to a process. The processes of one folder share an index,
   whose pending rows keep them from landing a page twice, so they share the lease too. After a crash the next process
   of the folder has the lease at once.
3. Two folders share no index. The second waits until the first gives the lease back or stops renewing it.
4. Only the store's clock decides whether a lease has expired, because the clocks of two machines may differ.
5. Within a folder, `alone` lets only one crawl of a kind run. It is a file lock, which the kernel releases when the
   process dies for whatever reason.
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

from lake.storage.local_files import open_locked, private_folder, temporary_file
from lake.storage.state_folder import FOLDER_ID, LOCKS, lake_id
from lake.storage.store import WRONG_FORM, LakeError, ObjectChanged, Store, TaggedObject

log = logging.getLogger(__name__)

LEASE_S = 120.0  # a lease that was not renewed for so long may be taken by another machine
_RENEWALS_PER_TTL = 4  # several, so that a store that is away for a short time costs no lease
_WRITE_TRIES = 20  # attempts at a conditional write while other processes write the same lease


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease. The working folder decides; host, process and run are named for people only."""

    host: str
    pid: int
    folder: str  # folder_id(); the host name alone would not do, as two machines may have the same one
    run_id: str
    since: str  # UTC, by the holder's clock
    ttl_s: float  # the lease expires if it is not renewed for so long
    # grows by one whenever another folder takes the lease: who lost it and took it again can tell that it was lost
    term: int = 1
    released: bool = False  # given back, so another folder need not wait
    brief: bool = False  # held while one batch lands, so another folder may wait for it
    write: str = ""  # random at each write, because Store.swap needs different bytes each time

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, run {self.run_id}, since {self.since}"


class LeaseHeld(LakeError):
    """Another crawl holds the lease of the outlet, or runs on this machine although it must be alone."""

    def __init__(self, name: str, holder: str, *, is_brief: bool = False) -> None:
        super().__init__(f"{name} is being crawled by {holder}")
        self.name = name
        self.is_brief = is_brief  # it is given back in seconds


class LeaseLost(LakeError):
    """The lease expired and another machine took it.

    It may have landed the pages that this run has not landed yet."""


@dataclass(slots=True)
class _Lease:
    """A lease that this run holds."""

    holder: Holder
    tag: str | None  # tag of the lease object as this process last wrote or read it; None: it is gone
    shared_lock: IO[str]  # lock file; each process of the folder that uses the lease locks it, shared
    open_files: ExitStack  # closing it releases the file locks
    is_lost: bool = False  # once True, always True


class Leases:
    """The leases of one run. `with Leases(…) as leases` gives them back at the end.

    A background thread renews the leases from the first `take` on."""

    def __init__(
        self, store: Store, state: Path, run_id: str, ttl_s: float = LEASE_S, *, are_brief: bool = False
    ) -> None:
        """are_brief: they are given back within seconds, so that others wait for them."""
        self.store, self.run_id, self.ttl_s, self._are_brief = store, run_id, ttl_s, are_brief
        self.folder = folder_id(state)
        self._state, self._locks_folder = state, state / LOCKS
        self._lake_id = lake_id(store.uri)
        self._leases: dict[str, _Lease] = {}
        # leases are renewed by a background thread and checked by the thread that flushes
        self._mutex = threading.RLock()
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
        """The outlets whose leases this run took and has not given back, sorted; lost ones included."""
        return sorted(self._leases)

    def take(self, name: str, *, alone: str | None = None) -> None:
        """Take the lease of an outlet; do nothing if this run has it already.

        alone: a kind of crawl of which one machine may run only one at a time; None: any number. Raises LeaseHeld,
        which names the holder, where others have the outlet, and LakeError where the store fails."""
        if name in self._leases:
            return
        with ExitStack() as open_files:
            if alone:
                self._lock_alone(open_files, name, alone)
            # waits while the last process of this folder gives the lease back
            shared_lock = open_files.enter_context(
                open_locked(self._lock_path(f"lease-{name}"), fcntl.LOCK_SH)
            )
            holder, tag = self._acquire(name)
            with self._mutex:
                self._leases[name] = _Lease(holder, tag, shared_lock, open_files.pop_all())
        if self._renewal_thread is None:
            self._renewal_thread = threading.Thread(target=self._renew_all, name="leases", daemon=True)
            self._renewal_thread.start()

    def lost(self, names: Iterable[str]) -> set[str]:
        """Return which of these outlets' leases another machine has taken; renew the others.

        Names whose lease this run never took are ignored. Raises StoreAway where the store does not answer."""
        with self._mutex:
            return {name for name in names if name in self._leases and not self._renew(name)}

    # ------------------------------------------------------------ in the lake

    def _acquire(self, name: str) -> tuple[Holder, str]:
        """Write the lease in the lake; return what was written and its tag. Raises LeaseHeld, LakeError."""
        holder = Holder(socket.gethostname(), os.getpid(), self.folder, self.run_id, _now(), self.ttl_s)
        holder = replace(holder, brief=self._are_brief)
        for _ in range(_WRITE_TRIES):
            stored = self._read(name)
            if stored:
                current = _parse_holder(stored)
                if current.folder != self.folder:
                    if not current.released and (remaining_s := current.ttl_s - stored.age_s) >= 0:
                        raise LeaseHeld(
                            name,
                            f"{current}; its lease ends in {remaining_s:.0f} s unless it is renewed",
                            is_brief=current.brief,
                        )
                    holder = replace(holder, term=current.term + 1)
                else:
                    holder = replace(holder, term=current.term)
            with suppress(ObjectChanged):
                return holder, self._write(name, holder, stored.tag if stored else None)
        raise LeaseHeld(name, "one of many that want it at this moment")

    def _renew(self, name: str) -> bool:
        """Renew one lease; return False if another machine has it, or had it in between.

        If another process of this folder wrote the lease meanwhile, the lease is still ours."""
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
            lease.tag = stored.tag if stored else None  # None: somebody deleted the lease object
        return True  # only processes of this folder write so often

    def _write(self, name: str, holder: Holder, tag: str | None) -> str:
        """Write the lease object if it still has this tag; return the new tag. Raises ObjectChanged, LakeError."""
        fields = asdict(replace(holder, write=uuid.uuid4().hex))
        fields = asdict(replace(holder, write=uuid.uuid4().hex))
        if not holder.brief:
            del fields["brief"]  # older versions take a lease with a field that they do not know for damaged
        return self.store.swap(lease_key(name), json.dumps(fields, indent=1).encode(), tag)

    def _read(self, name: str) -> TaggedObject | None:
        try:
            return self.store.look(lease_key(name))
        except KeyError:
            return None

    def _renew_all(self) -> None:
        while not self._stop_renewing.wait(self.ttl_s / _RENEWALS_PER_TTL):
            try:
                for name in self.names:
                    with self._mutex:
                        if not self._stop_renewing.is_set():
                            self._renew(name)
            # whatever it is, this thread goes on: `lost` checks the leases again before anything lands, and the next
            # renewal may succeed. The store is away for all leases alike, so the others wait, too
            except Exception as error:
                log.warning("a lease could not be renewed, and is tried again: %s", _words(error))

    def _give_back(self, name: str, is_away: bool) -> bool:
        """Stop using a lease; the folder's last process marks it as released in the lake. Return False if it cannot.

        Then the lease expires by itself. is_away: the store failed for an earlier lease, so it is not asked again."""
        lease = self._leases[name]
        with lease.open_files:
            try:
                fcntl.flock(lease.shared_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # renewed first, because another process of this folder may have changed the tag
                if not is_away and self._renew(name):
                    self._write(name, replace(lease.holder, released=True, brief=False), lease.tag)
            except (BlockingIOError, ObjectChanged):
                pass  # others of this folder still use it, or another machine has taken it
            except Exception as error:  # the others are given back all the same
                log.warning(
                    "the lease of %s could not be given back and runs out by itself: %s", name, _words(error)
                )
                return not isinstance(error, LakeError)
        return not is_away

    # ------------------------------------------------------------ on this machine

    def _lock_alone(self, open_files: ExitStack, name: str, kind: str) -> None:
        """Lock this kind of crawl on this machine. Raises LeaseHeld where another process has it."""
        path = self._lock_path(f"crawl-{kind}")
        try:
            file = open_files.enter_context(open_locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            with suppress(FileNotFoundError):
                raise LeaseHeld(name, path.read_text() or "another process of this machine") from None
            raise LeaseHeld(name, "another process of this machine") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}, run {self.run_id}, since {_now()}")
        file.flush()

    def _lock_path(self, name: str) -> Path:
        private_folder(self._state, LOCKS)
        return self._locks_folder / f"{self._lake_id}-{quote(name, safe='')}.lock"


def folder_id(state: Path) -> str:
    """Return the id of a working folder, which is created at the first use.

    It ends with the host name: a folder that was copied to another machine gets another id there."""
    path = private_folder(state) / FOLDER_ID
    if not path.exists():
        with temporary_file(state / f"{FOLDER_ID}.{uuid.uuid4().hex}", private=True) as file:
            file.write(uuid.uuid4().hex.encode())
            file.flush()
            os.fsync(file.fileno())  # half an id after a power cut would be another folder's
            with suppress(FileExistsError):  # another process created it first
                path.hardlink_to(file.name)
    return f"{path.read_text().strip()}@{socket.gethostname()}"


def lease_key(name: str) -> str:
    """Return the key of an outlet's lease."""
    return f"leases/{quote(name, safe='')}.json"


def read_holder(data: bytes) -> Holder | None:
    """Return who holds a lease, by the content of its object; None where it is no lease."""
    try:
        values: dict[str, Any] = json.loads(data)
        holder = Holder(**values)
        return replace(holder, ttl_s=float(holder.ttl_s), term=int(holder.term))
    except WRONG_FORM:
        return None


def _parse_holder(stored: TaggedObject) -> Holder:
    # the object is damaged: nobody is this holder, so the lease is free once it expires
    nobody = Holder("?", 0, "", "?", "?", LEASE_S, term=int(datetime.now(UTC).timestamp()))
    return read_holder(stored.data) or nobody


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, LakeError) else f"{type(error).__name__}: {error}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
