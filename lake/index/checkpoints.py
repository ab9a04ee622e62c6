"""Checkpoints: copies of the index in the lake, so that a machine born for one run need not read all of it.

`checkpoints/<time>-<token>-<n>.zst` are pieces of the SQLite file, each a zstd frame of its own; the manifest
`checkpoints/<time>-<token>.json` is written last and names them with their digests, so that half a checkpoint is none.
All of them may be deleted at any time: then an older one serves, or the index is rebuilt from the run records.
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
from lake.storage.prefetch import prefetch
from lake.storage.store import LakeError, Store, sha256_hex
from lake.storage.tombstones import tombstone_names

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

log = logging.getLogger(__name__)

CHECKPOINTS_TO_KEEP = 2  # the second, because the newest may turn out to be damaged
PIECE_BYTES = 2**24  # before compression, four at a time; a request that fails costs one
_COMPRESSION_LEVEL = 1  # most of an index are digests, which no level makes smaller
_ABANDONED_AFTER = timedelta(
    hours=24
)  # pieces without a manifest that are older belong to a writer that died
_TIME_FORMAT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Cadence:
    """A checkpoint is due when the newest one lacks so much. What it lacks is learned from the lake at each cold start,
    row by row; writing one reads and sends the whole index."""

    articles: int = 1_500  # copies among them
    runs: int = 50
    share: float = 0.01  # of a large index at least such a part of its articles

    def is_due(self, articles: int, runs: int, newest: dict[str, Any] | None) -> bool:
        articles_before, runs_before = (newest["articles"], newest["runs"]) if newest else (0, 0)
        return (
            articles - articles_before >= self.threshold(articles_before) or runs - runs_before >= self.runs
        )

    def threshold(self, articles_before: int) -> float:
        """Articles that are not in a checkpoint of so many."""
        return max(self.articles, articles_before * self.share)


@dataclass(frozen=True, slots=True)
class Piece:
    key: str
    start: int  # in the index file
    size: int  # there
    sha256: str  # of the object


class UnusableCheckpoint(Exception):
    """A checkpoint that is damaged, incomplete, or of something else."""


class OtherVersion(UnusableCheckpoint):
    """Sound, perhaps; the version that made it could tell."""


# ---------------------------------------------------------------- reading


def restore(store: Store, path: Path, belongs_to_lake: Callable[[Index], bool]) -> bool:
    """Put the newest checkpoint that can be used where no index is. belongs: whether the lake has what it knows.
    Returns False where there is none; what is passed over is told."""
    names = _manifest_keys(store)
    copy = path.with_name(f"{path.name}.restoring")
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
            _remove_database(path)  # a journal without its file would be played into the new one
            copy.replace(path)
            log.info(
                "index read from %s/%s: %d articles, %.0f MB, in %.1f s",
                store.uri, name, manifest["articles"], manifest["bytes"] / 1e6, time.monotonic() - began,
            )  # fmt: skip
            return True
        finally:
            _remove_database(copy)
    if names:
        log.warning("no checkpoint of %s can be used; the index is rebuilt from all run records", store.uri)
    return False


def _manifest_keys(store: Store) -> list[str]:
    """Keys, the newest first."""
    return sorted((k for k in store.keys("checkpoints/") if k.endswith(".json")), reverse=True)


def _read_manifest(store: Store, name: str) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(store.get(name))
        made_as, pieces = manifest["format"], [Piece(**piece) for piece in manifest["pieces"]]
        if not all(isinstance(manifest[key], int) for key in ("articles", "runs", "bytes")):
            raise TypeError("a count is no number")
    except (ValueError, TypeError, LookupError) as error:
        raise UnusableCheckpoint(f"no manifest of a checkpoint: {error!r}") from error
    if made_as != FORMAT:
        raise OtherVersion(f"made as {made_as!r}, this version makes {FORMAT!r}")
    return {**manifest, "pieces": pieces}


def _fetch_pieces(store: Store, manifest: dict[str, Any], copy: Path) -> None:
    _remove_database(copy)
    with copy.open("xb") as file:
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
        os.fsync(handle)  # renamed before it is durable, a power cut would leave holes that nobody notices


def _check_copy(copy: Path, belongs_to_lake: Callable[[Index], bool]) -> None:
    """Every page was checked before it was written, and its digest since."""
    try:
        with closing(Index(copy)) as index:
            if not belongs_to_lake(index):
                raise UnusableCheckpoint("it knows runs that the lake does not")
    except (sqlite3.DatabaseError, ForeignIndex, SchemeMismatch) as error:
        raise UnusableCheckpoint(str(error)) from error


def faults(store: Store) -> Iterator[str]:
    """What is wrong with the checkpoints that there are, in words; reads all of them."""
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
    try:
        data = store.get(piece.key)
    except KeyError:
        raise UnusableCheckpoint(f"{piece.key} is missing") from None
    if sha256_hex(data) != piece.sha256:
        raise UnusableCheckpoint(f"{piece.key}: another digest than its manifest says")
    return data


# ---------------------------------------------------------------- writing


def write_if_due(store: Store, path: Path, cadence: Cadence) -> str | None:
    """Write a checkpoint of a caught-up index where one is due, and remove old ones. Returns its key. A failure is
    told, and costs the next cold machine some time."""
    try:
        with _try_lock(path.with_name(f"{path.name}.checkpoint.lock")) as is_locked:
            if not is_locked or not path.exists():  # to open it would make an empty one
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
    """The newest checkpoint's manifest, if it is of this version and of this lake as it is now."""
    for name in _manifest_keys(store)[:1]:
        try:
            manifest = _read_manifest(store, name)
            store.get(f"runs/{manifest['last_run']}.json")
            return manifest
        except (UnusableCheckpoint, KeyError):
            return None
    return None


def write(store: Store, path: Path) -> str:
    """Returns the manifest's key. Other processes go on using the index meanwhile. Raises LakeError, sqlite3.Error,
    and Unusable where the index is damaged."""
    name = f"checkpoints/{datetime.now(UTC):{_TIME_FORMAT}}-{secrets.token_hex(4)}"
    copy = path.with_name(f"{path.name}.snapshot")
    try:
        facts, known_takedowns = _snapshot(path, copy)
        size = copy.stat().st_size
        with copy.open("rb") as file:
            handle = file.fileno()

            def write_piece(start: int) -> Piece:
                data = os.pread(handle, PIECE_BYTES, start)
                compressed, key = (
                    zstd.compress(data, _COMPRESSION_LEVEL),
                    f"{name}-{start // PIECE_BYTES:05d}.zst",
                )
                store.put_new(key, compressed)
                return Piece(key, start, len(data), sha256_hex(compressed))

            pieces = [asdict(piece) for piece in prefetch(write_piece, range(0, size, PIECE_BYTES))]
    finally:
        _remove_database(copy)
    # a takedown from now on finds the pieces and removes them; one before, the next run knows of
    if tombstone_names(store) - known_takedowns:
        for piece in pieces:
            store.remove(piece["key"])
        raise UnusableCheckpoint("it still knows what was taken down meanwhile")
    manifest = {"format": FORMAT, **facts, "bytes": size, "pieces": pieces}
    store.put_new(f"{name}.json", json.dumps(manifest, indent=1).encode())
    log.info("checkpoint %s.json written: %d articles, %.0f MB", name, facts["articles"], size / 1e6)
    return f"{name}.json"


def _snapshot(path: Path, copy: Path) -> tuple[dict[str, Any], frozenset[str]]:
    """A copy of what has landed, without what is pending, and sound; what it holds, and the takedowns it knows of."""
    _remove_database(copy)
    with closing(sqlite3.connect(path, timeout=60)) as live, closing(sqlite3.connect(copy)) as target:
        live.backup(target)  # in one read transaction: writers neither wait nor show
    with closing(Index(copy)) as index:
        with index.transaction():
            for run_id in index.pending_runs():
                index.drop_pending(run_id)
        if problem := index.integrity_problem():
            raise UnusableCheckpoint(f"the index {path} is damaged: {problem}; delete it, and it is rebuilt")
        runs = index.run_ids()
        facts = {"articles": len(index.signatures), "runs": len(runs), "last_run": max(runs, default="")}
        return facts, index.takedowns()


def _remove_old_checkpoints(store: Store) -> None:
    """All but the newest, and what writers that died have left. A manifest goes first: half a checkpoint is none."""
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
    """Whether no other process of this machine is at it."""
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _remove_database(path: Path) -> None:
    """A database with its journals, and the mark that it was found damaged (lake/index/page_index.py)."""
    for suffix in ("", "-wal", "-shm", "-journal", ".damaged"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
