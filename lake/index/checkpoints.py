"""Writes copies of the index to the lake (checkpoints), and restores the index from one where a machine has none.

1. A new machine that reads a checkpoint need not read the whole lake to build its index.
2. The objects `checkpoints/<time>-<token>-<n>.zst` are pieces of the SQLite file, each a zstd frame of its own.
3. The manifest `checkpoints/<time>-<token>.json` is written last. It lists the pieces with their digests, so an
   unfinished checkpoint, which has no manifest, is never read.
4. All these objects may be deleted at any time. Then an older checkpoint is used, or the index is rebuilt from the
   run records.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dedupe import SchemeMismatch
from lake.index.page_index import FORMAT, ForeignIndex, Index
from lake.storage.local_files import PRIVATE_FILE, private_opener
from lake.storage.prefetch import prefetch
from lake.storage.store import WRONG_FORM, LakeError, Store, sha256_hex
from lake.storage.tombstones import tombstone_names

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

log = logging.getLogger(__name__)

CHECKPOINTS_TO_KEEP = 2  # two, because the newest may turn out to be damaged
PIECE_BYTES = 2**24  # before compression; four are in memory at a time, and a failed request repeats only one
_ZSTD_LEVEL = 1  # an index is mostly digests, which no level compresses
_ABANDONED_AFTER = timedelta(hours=24)  # older pieces without a manifest were left by a writer that died
_TIME_FORMAT = "%Y%m%dT%H%M%SZ"
_RESTORING, _SNAPSHOT = ".restoring", ".snapshot"  # endings of the names of copies


@dataclass(frozen=True, slots=True)
class Cadence:
    """How far the newest checkpoint may fall behind the index before the next one is due.

    What a checkpoint lacks is read from the lake, row by row, at each start without an index. Writing a checkpoint
    reads and sends the whole index."""

    articles: int = 1_500  # new articles since then, copies included
    runs: int = 50  # new runs since then
    share: float = 0.01  # a large index waits for at least this share of new articles

    def is_due(self, articles: int, runs: int, newest: dict[str, Any] | None) -> bool:
        """Whether a checkpoint of an index with so many articles and runs is due.

        newest: manifest of the newest checkpoint; None if there is none."""
        articles_before, runs_before = (newest["articles"], newest["runs"]) if newest else (0, 0)
        return (
            articles - articles_before >= self.threshold(articles_before) or runs - runs_before >= self.runs
        )

    def threshold(self, articles_before: int) -> float:
        """Return how many new articles make a checkpoint due if the newest one has articles_before articles."""
        return max(self.articles, articles_before * self.share)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a checkpoint. Its fields are an entry of the manifest."""

    key: str
    start: int  # byte offset in the index file
    size: int  # bytes in the index file, before compression
    sha256: str  # of the compressed object


class UnusableCheckpoint(Exception):
    """The checkpoint is damaged or incomplete, or not of this lake."""


class OtherVersion(UnusableCheckpoint):
    """The checkpoint was written by another version of the program, and only that version could check it."""


# ---------------------------------------------------------------- reading


def restore(store: Store, path: Path, belongs_to_lake: Callable[[Index], bool]) -> bool:
    """Restore the index at `path` from the newest usable checkpoint; return False if there is none.

    belongs_to_lake: whether the lake has all runs that a restored index knows. Logs a warning for each checkpoint
    that is skipped. Raises LakeError where the store fails."""
    names = _manifest_keys(store)
    copy = path.with_name(path.name + _RESTORING)
    for name in names:
        began = time.monotonic()
        try:
            manifest = _read_manifest(store, name)
            _fetch_pieces(store, manifest, copy)
            _check_copy(copy, belongs_to_lake)
        except (UnusableCheckpoint, KeyError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else error
            log.warning("%s/%s passed over: %s", store.uri, name, reason)
            continue
        else:
            remove_database(path)  # SQLite would apply an orphaned journal to the new file
            copy.replace(path)
            log.info(
                "index read from %s/%s: %d articles, %.0f MB, in %.1f s",
                store.uri, name, manifest["articles"], manifest["bytes"] / 1e6, time.monotonic() - began,
            )  # fmt: skip
            return True
        finally:
            remove_database(copy)
    if names:
        log.warning("no checkpoint of %s can be used; the index is rebuilt from all run records", store.uri)
    return False


def _manifest_keys(store: Store) -> list[str]:
    """Return the keys of all manifests, newest first."""
    return sorted((k for k in store.keys("checkpoints/") if k.endswith(".json")), reverse=True)


def _read_manifest(store: Store, name: str) -> dict[str, Any]:
    """Return a manifest, its pieces as Piece.

    Raises UnusableCheckpoint, KeyError where there is none, and LakeError."""
    try:
        manifest: dict[str, Any] = json.loads(store.get(name))
        made_as, pieces = manifest["format"], [Piece(**piece) for piece in manifest["pieces"]]
        if not all(isinstance(manifest[key], int) for key in ("articles", "runs", "bytes")):
            raise TypeError("a count is no number")
        if not all(0 <= piece.start <= piece.start + piece.size <= manifest["bytes"] for piece in pieces):
            raise ValueError("a piece lies outside of the file")
    except WRONG_FORM as error:
        raise UnusableCheckpoint(f"no manifest of a checkpoint: {error!r}") from error
    if made_as != FORMAT:
        raise OtherVersion(f"made as {made_as!r}, this version makes {FORMAT!r}")
    return {**manifest, "pieces": pieces}


def _fetch_pieces(store: Store, manifest: dict[str, Any], copy: Path) -> None:
    """Write the SQLite file of a checkpoint to `copy`. Raises UnusableCheckpoint, LakeError."""
    remove_database(copy)
    with open(copy, "xb", opener=private_opener) as file:
        handle = file.fileno()

        def fetch_piece(piece: Piece) -> None:
            try:
                os.pwrite(handle, zstd.decompress(_get_piece(store, piece)), piece.start)
            except zstd.ZstdError as error:
                raise UnusableCheckpoint(f"{piece.key}: {error}") from error

        for _ in prefetch(fetch_piece, manifest["pieces"]):
            pass
        if os.fstat(handle).st_size != manifest["bytes"]:
            raise UnusableCheckpoint("not as long as its manifest says")
        os.fsync(handle)  # if it were renamed before it is on disk, a power cut could leave unnoticed holes


def _check_copy(copy: Path, belongs_to_lake: Callable[[Index], bool]) -> None:
    """Open the restored copy and check that it belongs to the lake. Raises UnusableCheckpoint.

    The database pages need no check: the writer ran SQLite's own, and the digests of the pieces were compared."""
    try:
        with closing(Index(copy)) as index:
            if not belongs_to_lake(index):
                raise UnusableCheckpoint("it knows runs that the lake does not")
    except (sqlite3.DatabaseError, ForeignIndex, SchemeMismatch) as error:
        raise UnusableCheckpoint(str(error)) from error


def faults(store: Store) -> Iterator[str]:
    """Yield a message for each checkpoint that cannot be used; reads all of them.

    Checkpoints of another version are skipped. Raises LakeError where the store fails."""
    for name in _manifest_keys(store):
        try:
            manifest = _read_manifest(store, name)
            for _ in prefetch(lambda piece: _get_piece(store, piece), manifest["pieces"]):
                pass
        except OtherVersion:
            continue
        except UnusableCheckpoint as error:
            yield f"{name}: {error}; it is passed over, and may be deleted"


def _get_piece(store: Store, piece: Piece) -> bytes:
    """Return a compressed piece. Raises UnusableCheckpoint where it is missing or has another digest."""
    try:
        data = store.get(piece.key)
    except KeyError:
        raise UnusableCheckpoint(f"{piece.key} is missing") from None
    if sha256_hex(data) != piece.sha256:
        raise UnusableCheckpoint(f"{piece.key}: another digest than its manifest says")
    return data


# ---------------------------------------------------------------- writing


def write_if_due(store: Store, path: Path, cadence: Cadence) -> str | None:
    """Write a checkpoint of the index if one is due, and remove old ones; return the manifest's key, else None.

    path: of an index that has caught up with the lake. A failure is only logged: a machine without an index will
    start more slowly, and nothing is lost."""
    try:
        with _try_lock(path.with_name(f"{path.name}.checkpoint.lock")) as is_locked:
            if not is_locked or not path.exists():  # opening a missing index would create an empty one
                return None
            with closing(Index(path)) as index:
                articles, runs = len(index.signatures), len(index.run_ids())
            if not cadence.is_due(articles, runs, _newest_manifest(store)):
                return None
            name = write(store, path)
            _remove_old_checkpoints(store)
            return name
    except (LakeError, OSError, sqlite3.Error, ForeignIndex, SchemeMismatch, UnusableCheckpoint) as error:
        log.warning("no checkpoint of the index was written: %s", error)
        return None


def _newest_manifest(store: Store) -> dict[str, Any] | None:
    """Return the newest checkpoint's manifest; None unless this version can read it and the lake has its last run."""
    for name in _manifest_keys(store)[:1]:
        try:
            manifest = _read_manifest(store, name)
            store.get(f"runs/{manifest['last_run']}.json")
            return manifest
        except (UnusableCheckpoint, KeyError):
            return None
    return None


def write(store: Store, path: Path) -> str:
    """Write a checkpoint of the index at `path`; return the manifest's key.

    Other processes may use the index meanwhile. Raises LakeError where the store fails, sqlite3.Error, and
    UnusableCheckpoint where the index is damaged or knows a page that was taken down meanwhile."""
    name = f"checkpoints/{datetime.now(UTC):{_TIME_FORMAT}}-{secrets.token_hex(4)}"
    copy = path.with_name(path.name + _SNAPSHOT)
    try:
        facts, known_takedowns = _snapshot(path, copy)
        size = copy.stat().st_size
        with copy.open("rb") as file:
            handle = file.fileno()

            def write_piece(start: int) -> Piece:
                data = os.pread(handle, PIECE_BYTES, start)
                compressed, key = zstd.compress(data, _ZSTD_LEVEL), f"{name}-{start // PIECE_BYTES:05d}.zst"
                store.put_new(key, compressed)
                return Piece(key, start, len(data), sha256_hex(compressed))

            pieces = [asdict(piece) for piece in prefetch(write_piece, range(0, size, PIECE_BYTES))]
    finally:
        remove_database(copy)
    # a later takedown finds these pieces and removes them; an earlier one has its tombstone in this listing
    if tombstone_names(store) - known_takedowns:
        for piece in pieces:
            store.remove(piece["key"])
        raise UnusableCheckpoint("it still knows what was taken down meanwhile")
    manifest = {"format": FORMAT, **facts, "bytes": size, "pieces": pieces}
    store.put_new(f"{name}.json", json.dumps(manifest, indent=1).encode())
    log.info("checkpoint %s.json written: %d articles, %.0f MB", name, facts["articles"], size / 1e6)
    return f"{name}.json"


def _snapshot(path: Path, copy: Path) -> tuple[dict[str, Any], frozenset[str]]:
    """Copy the index without its pending rows to `copy`, and check the copy.

    Returns the facts for the manifest, and the names of the tombstones that the copy knows. Raises UnusableCheckpoint
    where it is damaged."""
    remove_database(copy)
    copy.touch(PRIVATE_FILE)
    with closing(sqlite3.connect(path, timeout=60)) as live, closing(sqlite3.connect(copy)) as target:
        # one read transaction: writers need not wait, and what they write meanwhile is not copied
        live.backup(target)
    with closing(Index(copy)) as index:
        with index.transaction():
            for run_id in index.pending_runs():
                index.drop_pending(run_id)
        if index.is_to_erase():
            index.erase()
        if problem := index.integrity_problem():
            raise UnusableCheckpoint(f"the index {path} is damaged: {problem}; delete it, and it is rebuilt")
        runs = index.run_ids()
        facts = {"articles": len(index.signatures), "runs": len(runs), "last_run": max(runs, default="")}
        return facts, index.takedowns()


def _remove_old_checkpoints(store: Store) -> None:
    """Delete all but the newest checkpoints, and the pieces that writers left when they died.

    The manifest goes first, because pieces without a manifest are never read."""
    keys = list(store.keys("checkpoints/"))
    names = sorted((k.removesuffix(".json") for k in keys if k.endswith(".json")), reverse=True)
    for name in names[CHECKPOINTS_TO_KEEP:]:
        store.remove(f"{name}.json")
    abandoned_before = f"checkpoints/{datetime.now(UTC) - _ABANDONED_AFTER:{_TIME_FORMAT}}"
    for key in keys:
        name = key.rpartition("-")[0]
        if key.endswith(".zst") and (
            name in names[CHECKPOINTS_TO_KEEP:] or (name not in names and name < abandoned_before)
        ):
            store.remove(key)


# ---------------------------------------------------------------- on this machine


@contextmanager
def _try_lock(lock: Path) -> Iterator[bool]:
    """Hold a file lock during the block; yields False if another process of this machine has it."""
    with open(lock, "a", opener=private_opener) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def remove_leftovers(path: Path) -> None:
    """Delete the copies of the index that died half-way to or from a checkpoint. path: of the index, whose lock the
    caller holds (lake/runs/catch_up.py)."""
    remove_database(path.with_name(path.name + _RESTORING))
    with _try_lock(path.with_name(f"{path.name}.checkpoint.lock")) as is_locked:
        if is_locked:
            remove_database(path.with_name(path.name + _SNAPSHOT))


def remove_database(path: Path) -> None:
    """Delete a database with its journals and its damage marker (lake/index/page_index.py)."""
    for suffix in ("", "-wal", "-shm", "-journal", ".damaged"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
