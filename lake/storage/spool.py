"""Keeps objects that the store could not take on this machine's disk, until they can be sent.

Each object lies in the spool under its final key. Order is kept: while an object is in the spool, all later objects
of the run go there too, the run record last. So the lake never has a copy without its original, nor a run record that
names a part file which is not there.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from lake.schema.records import TABLES
from lake.storage.folder_store import FolderStore
from lake.storage.state_folder import SPOOL, lake_id, state_failures_told
from lake.storage.store import LakeError, Store

_DISCARDED = ".discarded"  # ending of a folder's name


class SpoolFailed(LakeError):
    """Neither the store nor the spool took the objects. Their pages are lost, and a later run fetches them again."""


class Spool:
    """The spooled objects of one run, in a folder whose name is the run's id."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.run_id = folder, folder.name
        self._disk = FolderStore(folder, private=True)
        with state_failures_told(folder):
            self.keys = self._list_keys()  # oldest first
            self.bytes = sum((folder / key).stat().st_size for key in self.keys)

    def _list_keys(self) -> list[str]:
        """Return the keys in the folder, in the order in which they have to land."""
        kinds = ("flushes", *TABLES, "runs")
        keys = [k for kind in kinds if (self.folder / kind).is_dir() for k in self._disk.keys(f"{kind}/")]
        return sorted(keys, key=lambda k: (_flush_seq(k), kinds.index(k.partition("/")[0])))

    def add(self, key: str, data: bytes) -> None:
        """Put an object at the end of the spool; it is synced to disk on return. Raises LakeError."""
        self._disk.put_new(key, data)
        self.keys.append(key)
        self.bytes += len(data)

    def get(self, key: str) -> bytes:
        """Return one spooled object. Raises KeyError where there is none, and LakeError."""
        return self._disk.get(key)

    def land(self, store: Store) -> Iterator[str]:
        """Write all spooled objects to the lake, oldest first, and yield each key once it has landed.

        Raises LakeError."""
        while self.keys:
            key = self.keys[0]
            data = self.get(key)
            store.put_new(key, data)
            with state_failures_told(self.folder):
                (self.folder / key).unlink()
            del self.keys[0]
            self.bytes -= len(data)
            yield key
        self.discard()

    def discard(self) -> None:
        """Delete the run's spool folder with all that is in it.

        It is renamed first: a death half-way would else leave a run record that names parts which are gone."""
        with state_failures_told(self.folder):
            with suppress(FileNotFoundError):
                self.folder.rename(self.folder.with_name(f"{self.run_id}.{uuid.uuid4().hex}{_DISCARDED}"))
            remove_discarded(self.folder.parent)


def remove_discarded(folder: Path) -> None:
    """Delete what is left of discarded spools. folder: of a lake's spools."""
    for path in folder.glob(f"*{_DISCARDED}"):
        shutil.rmtree(path, ignore_errors=True)  # another process may do the same


class Outbox:
    """Sends a run's objects to the lake, directly or through the spool while the store does not take them."""

    def __init__(self, store: Store, spool: Spool | None = None) -> None:
        self.store, self.spool = store, spool

    def send(self, objects: Sequence[tuple[str, bytes]], may_land: Callable[[], None] = lambda: None) -> None:
        """Write the spooled objects to the lake and then these (key, data) pairs, in order.

        may_land: called first; raises LakeError if nothing may land now. If anything fails to land, what remains of
        the given objects goes to the spool and the error is raised (LakeError or a subclass); without a spool it is
        raised at once. Raises SpoolFailed where spooling failed too."""
        remaining = list(objects)
        try:
            may_land()
            self.drain()
            while remaining:
                self.store.put_new(*remaining[0])
                del remaining[0]
        except LakeError as error:
            if self.spool is None:
                raise
            try:
                for key, data in remaining:
                    self.spool.add(key, data)
            except LakeError as spool_error:
                raise SpoolFailed(f"{error}; and the spool failed: {spool_error}") from error
            raise

    def drain(self) -> None:
        """Write all spooled objects to the lake. Raises LakeError."""
        if self.spool and self.spool.keys:
            for _ in self.spool.land(self.store):
                pass

    @property
    def waiting(self) -> list[str]:
        """The keys of the spooled objects, which are not in the lake yet; oldest first."""
        return list(self.spool.keys) if self.spool else []


def spool_folder(state: Path, uri: str) -> Path:
    """Return the folder of a lake's spools, with a sub-folder for each run. uri: of the lake."""
    return state / SPOOL / lake_id(uri)


def _flush_seq(key: str) -> float:
    """Return the number of the flush that a part or a flush record belongs to; infinity for a run record, which lands
    last."""
    if key.startswith("runs/"):
        return float("inf")
    return int(key.rpartition("-")[2].partition(".")[0])
