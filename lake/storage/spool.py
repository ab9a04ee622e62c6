"""The spool: what the store could not take waits on this machine's disk, durable, under its final key.

Order is kept: once something waits, everything after it waits behind it, the run record last of all. So the lake
never has a copy without its original, nor a record that names a part which is not there.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lake.schema.records import TABLES
from lake.storage.folder_store import FolderStore
from lake.storage.store import LakeError, Store, sha256_hex


class SpoolFailed(LakeError):
    """Neither the store nor the spool took it: it is lost, and will be fetched again."""


class Spool:
    """One run's objects on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.run_id = folder, folder.name
        self._disk = FolderStore(folder)
        self.keys = self._list_keys()  # oldest first
        self.bytes = sum((folder / key).stat().st_size for key in self.keys)

    def _list_keys(self) -> list[str]:
        kinds = (*TABLES, "runs")
        keys = [k for kind in kinds if (self.folder / kind).is_dir() for k in self._disk.keys(f"{kind}/")]
        return sorted(keys, key=lambda k: (_flush_seq(k), kinds.index(k.partition("/")[0])))

    def add(self, key: str, data: bytes) -> None:
        """Durable on return. Raises LakeError."""
        self._disk.put_new(key, data)
        self.keys.append(key)
        self.bytes += len(data)

    def get(self, key: str) -> bytes:
        return self._disk.get(key)

    def land(self, store: Store) -> Iterator[str]:
        """Bring everything to the lake, oldest first; yields the keys as they land. Raises LakeError."""
        while self.keys:
            key = self.keys[0]
            data = self.get(key)
            store.put_new(key, data)
            (self.folder / key).unlink()
            del self.keys[0]
            self.bytes -= len(data)
            yield key
        self.discard()

    def discard(self) -> None:
        if self.folder.exists():
            shutil.rmtree(self.folder)


class Outbox:
    """The way of a run's objects into the lake: straight, or over the spool while the store does not take them."""

    def __init__(self, store: Store, spool: Spool | None = None) -> None:
        self.store, self.spool = store, spool

    def send(self, objects: Sequence[tuple[str, bytes]], may_land: Callable[[], None] = lambda: None) -> None:
        """Land what waits and then these, in order. may_land raises LakeError where nothing may land now. Raises what
        kept any of them from landing, after what is left has been spooled; SpoolFailed where that failed too."""
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
        """Land what waits. Raises LakeError."""
        if self.spool and self.spool.keys:
            for _ in self.spool.land(self.store):
                pass

    @property
    def waiting(self) -> list[str]:
        """The keys of what is not in the lake yet."""
        return list(self.spool.keys) if self.spool else []


def spool_folder(state: Path, uri: str) -> Path:
    """The folder that holds a folder for each run of a lake."""
    return state / "spool" / sha256_hex(uri.encode())[:12]


def _flush_seq(key: str) -> float:
    if key.startswith("runs/"):
        return float("inf")
    return int(key.rpartition("-")[2].removesuffix(".parquet"))
