"""Fails the Nth write, fsync, link, rename, unlink or object request of each operation on a lake, for N = 1, 2, 3, … until a
pass goes untouched; then the same operation without a fault has to give what an unbroken one gives.

An operation that meets a fault succeeds, or says so by an exception that callers know. Every step is in this process.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from botocore.client import Config

from cleaning import Rules
from demo.object_store import ObjectStore
from lake.index import checkpoints
from lake.index.page_index import Index
from lake.jobs.learn_boilerplate import learn
from lake.jobs.reclean import Recleaning
from lake.jobs.retention import expire
from lake.jobs.story_clusters import cluster_lake
from lake.jobs.takedown import forget
from lake.jobs.verify import verify
from lake.parquet.part_files import read_rows
from lake.parquet.raw_page_selection import RawPageSelection
from lake.runs.session import Claim, Lake
from lake.schema.records import TABLES
from lake.storage import s3_store
from lake.storage.folder_store import FolderStore
from lake.storage.open_store import open_store
from lake.storage.spool import SpoolFailed
from lake.storage.state_folder import state_failures_told
from lake.storage.store import LakeError, StateFailed
from lake.workers.pool import WorkerLimits, Workers
from tests.lake.faults import FaultyWay, faulty_way
from tests.lake.stories import page, processed, raw, text_of
from tests.lake.test_boilerplate import STORIES
from tests.torture.session import Session

_A = page("https://one.example/bridge", "bridge")
_B = page("https://two.example/library", "library")
_A_COPY = page("https://two.example/bridge-copy", "bridge", cut=6)
_GONE = raw("https://one.example/gone", "", status=404)
_A_LATER = replace(
    page(_A.url, "bridge", extra="A ferry that also runs at night has been found."),
    fetched_at=_A.fetched_at + timedelta(days=1),
)
_CLAIMS = [Claim("one.example", "one.example"), Claim("two.example", "two.example")]
_OTHER_RULES = Rules(lines=("^" + text_of("bridge")[5][:30],))
_MOST_FAULTS = 400  # of one operation and fault: more than any has places
_FOLDER_FAULTS = {"no space": errno.ENOSPC, "broken disk": errno.EIO}
_STORE_FAULTS = ("reset", "lose the reply", "tear the reply", "internal error", "slow down", "full")


@dataclass(frozen=True, slots=True)
class _Operation:
    """What is done to a lake, given by its address and a working folder. before: makes the lake that it is done to."""

    before: Callable[[str, Path], object]
    act: Callable[[str, Path], object]


def run(session: Session) -> None:
    """Run the campaign. Steps: place, operation, fault, and whether it strikes once or from then on."""
    with ExitStack() as stack:
        store = stack.enter_context(_object_store())
        names = [
            f"{place}/{operation}/{fault}/{how}"
            for operation in _OPERATIONS
            for place, faults in (("folder", tuple(_FOLDER_FAULTS)), ("s3", _STORE_FAULTS))
            for fault in faults
            for how in ("once", "from then on")
        ]
        for name in session.steps(names):
            place, operation, fault, how = name.split("/")
            workbench = _Folders(session) if place == "folder" else _Buckets(session, store)
            if not _fail_each(session, workbench, _OPERATIONS[operation], fault, is_once=how == "once"):
                return  # the budget is spent: the step is to be done again


def _fail_each(
    session: Session, workbench: _Folders | _Buckets, operation: _Operation, fault: str, *, is_once: bool
) -> bool:
    """Fail the Nth of all places for each N; return False where the budget was spent before the end."""
    workbench.prepare(operation.before)
    uri, state = workbench.fresh()
    operation.act(uri, state)
    unbroken = _content(uri)
    for number in range(1, _MOST_FAULTS):
        if session.left_s <= 0:
            return False
        uri, state = workbench.fresh()
        problem: Exception | None = None
        with workbench.failing(fault, number, is_once=is_once) as struck:
            try:
                operation.act(uri, state)
            except Exception as error:
                problem = error
        if not struck():
            if problem:
                session.find("escaped", f"without a fault: {problem!r}")
            return True
        session.count("faults", struck())
        if problem is not None and not isinstance(problem, LakeError | OSError):
            session.find("escaped", f"fault {number}: {problem!r}")
        if problem is None and _content(uri) != unbroken:
            session.find("silent", f"fault {number}: {_difference(unbroken, _content(uri))}")
        try:
            operation.act(uri, state)
        except Exception as error:
            session.find("lost", f"fault {number}: the repetition failed: {error!r}")
            continue
        if (found := _content(uri)) != unbroken:
            session.find(_kind_of(found), f"fault {number}: {_difference(unbroken, found)}")
        store = open_store(uri)
        store.probe()  # the next start removes the temporary files that could not be removed
        for trouble in verify(store).faults:
            session.find("torn", f"fault {number}: {trouble}")
    return True


# ---------------------------------------------------------------- operations


def _no_rules(outlet: str) -> Rules:
    return Rules()


def _land(uri: str, state: Path, *pages: Any, name: str = "torture") -> None:
    """A crawl as crawler/pipeline/land.py makes it: while the store is away it goes on into the spool."""
    with Lake(uri, state).run(name, _no_rules, {}, _CLAIMS) as (run, _):
        try:
            for one in pages:
                run.add(processed(one))
                try:
                    run.flush()
                except (SpoolFailed, StateFailed):
                    raise
                except LakeError:
                    pass  # the rows wait in the spool
            run.finish("finished", {})
        except (SpoolFailed, StateFailed):
            with suppress(LakeError):
                run.abandon()
            raise


def _before_run(uri: str, state: Path) -> None:
    _land(uri, state, _A)


def _run(uri: str, state: Path) -> None:
    _land(uri, state, _A_COPY, _B, _GONE)


def _before_recovery(uri: str, state: Path) -> None:
    """A run that died behind the raw part of its only flush."""
    _land(uri, state, _A)
    with Lake(uri, state).run("dies", _no_rules, {}, _CLAIMS) as (run, _):
        for one in (_A_COPY, _B, _GONE):
            run.add(processed(one))
        batch = run.cut()
        assert batch
        batch.tables = {"raw": batch.tables["raw"]}
        run.write(batch)
        run.abandon()


def _before_jobs(uri: str, state: Path) -> None:
    _land(uri, state, _A, _B, _A_COPY, _GONE)
    _land(uri, state, _A_LATER, name="torture-later")


def _before_boilerplate(uri: str, state: Path) -> None:
    with Lake(uri, state).run("torture", _no_rules, {}) as (run, _):
        for one in STORIES:
            run.add(processed(one))
        run.flush()
        run.finish("finished", {})


def _checkpoint(uri: str, state: Path) -> None:
    _land(uri, state)  # an index that has caught up
    lake = Lake(uri, state)
    with state_failures_told(lake.index_path):  # as its callers know what it raises of SQLite
        checkpoints.write(lake.store, lake.index_path)
    for file in state.glob("index-*"):  # and not the folder's id, to which the leases belong
        file.unlink()
    _land(uri, state)  # restores it


def _reclean(uri: str, state: Path) -> None:
    def rules_of(outlet: str) -> Rules:
        return _OTHER_RULES

    lake = Lake(uri, state)
    with (
        lake.run("reclean", rules_of, {}) as (run, opening),
        Workers(WorkerLimits(workers=0)) as workers,
    ):
        try:
            leases = partial(lake.brief_leases, run.run_id)
            outlets = [claim.outlet for claim in _CLAIMS]
            Recleaning(run, opening.others, workers, rules_of, leases, outlets, flush_rows=1).reclean(
                RawPageSelection()
            )
            run.finish("finished", {})
        except BaseException:
            with suppress(LakeError):
                run.abandon()
            raise


_OPERATIONS = {
    "run": _Operation(_before_run, _run),
    "recovery": _Operation(_before_recovery, lambda uri, state: _land(uri, state)),
    "checkpoint": _Operation(_before_jobs, _checkpoint),
    "reclean": _Operation(_before_jobs, _reclean),
    "cluster": _Operation(_before_jobs, lambda uri, state: cluster_lake(open_store(uri), timedelta(days=30))),
    "boilerplate": _Operation(_before_boilerplate, lambda uri, state: learn(open_store(uri))),
    "forget": _Operation(_before_jobs, lambda uri, state: forget(open_store(uri), [_A.id], ["two.example"])),
    "expire": _Operation(
        _before_jobs,
        lambda uri, state: expire(open_store(uri), 1, (datetime.now(UTC) + timedelta(days=9)).date()),
    ),
}


# ---------------------------------------------------------------- what a lake holds


def _content(uri: str) -> dict[str, Any]:
    """What has to be the same after a fault and its repetition: rows, stories, and the newest artefacts of jobs."""
    store = open_store(uri)
    rows = {t: [r for key in store.keys(f"{t}/") for r in read_rows(store, key)] for t in TABLES}
    found: dict[str, Any] = {
        table: sorted((r["id"], r.get("content_hash") or r.get("reason") or "") for r in rows[table])
        for table in TABLES
        if table != "raw"
    }
    found["raw"] = sorted({(r["id"], str(r["fetched_at"])) for r in rows["raw"]})
    stories: dict[str, set[str]] = {}
    for row in (row for table in ("articles", "copies") for row in rows[table]):
        stories.setdefault(row["story_id"], set()).add(row["id"])
    found["stories"] = sorted(map(sorted, stories.values()))
    found["takedowns"] = sorted(store.keys("takedowns/"))
    found["clusters"] = bool(list(store.keys("clusters/")))
    found["boilerplate"] = [store.get(key) for key in store.keys("boilerplate/")][-1:] != []
    return found


def _kind_of(found: dict[str, Any]) -> Any:
    doubled = any(len({i for i, _ in found[t]}) < len(found[t]) for t in ("articles", "copies"))
    return "doubled" if doubled else "lost"


def _difference(wanted: dict[str, Any], found: dict[str, Any]) -> str:
    return "; ".join(f"{k}: {wanted[k]} became {found[k]}" for k in wanted if wanted[k] != found[k])[:600]


# ---------------------------------------------------------------- places


class _Folders:
    """Lakes in a folder. What fails is what is written below it, and the commits of the index."""

    def __init__(self, session: Session) -> None:
        self._base, self._work = session.folder / "base", session.folder / "work"

    def prepare(self, before: Callable[[str, Path], object]) -> None:
        """Make the lake that every fault begins with. Its place is where it is worked on: an index knows its lake."""
        shutil.rmtree(self._base, ignore_errors=True)
        shutil.rmtree(self._work, ignore_errors=True)
        before(*self._places())
        shutil.copytree(self._work, self._base)

    def fresh(self) -> tuple[str, Path]:
        """Return the address of a copy of that lake, and a working folder."""
        shutil.rmtree(self._work, ignore_errors=True)
        shutil.copytree(self._base, self._work)
        return self._places()

    def _places(self) -> tuple[str, Path]:
        return str(self._work / "lake"), self._work / "state"

    @contextmanager
    def failing(self, fault: str, number: int, *, is_once: bool) -> Iterator[Callable[[], int]]:
        """Let the Nth place fail in the block; yield what tells how many failed."""
        left, struck = [number], [0]

        def strike(path: object) -> None:
            if not str(path).startswith(str(self._work)):
                return
            left[0] -= 1
            if left[0] == 0 or (left[0] < 0 and not is_once):
                struck[0] += 1
                raise OSError(_FOLDER_FAULTS[fault], os.strerror(_FOLDER_FAULTS[fault]), str(path))

        def first(function: Callable[..., Any]) -> Callable[..., Any]:
            def call(path: Any, *arguments: Any, **more: Any) -> Any:
                strike(Path(f"/proc/self/fd/{path}").resolve() if isinstance(path, int) else path)
                return function(path, *arguments, **more)

            return call

        def opened(path: Any, mode: str = "r", *arguments: Any, **more: Any) -> Any:
            if set(mode) & set("wxa+"):
                strike(path)
            return real_open(path, mode, *arguments, **more)

        @contextmanager
        def transaction(index: Index) -> Iterator[None]:
            with real_transaction(index):
                yield
                try:
                    strike(index.path)
                except OSError as error:
                    failure = sqlite3.OperationalError("database or disk is full")
                    failure.sqlite_errorcode = sqlite3.SQLITE_FULL
                    raise failure from error

        real_open, real_transaction = io.open, Index._transaction
        names = ("fsync", "link", "replace", "rename", "unlink")
        with ExitStack() as patches:
            for name in names:
                patches.enter_context(patch.object(os, name, first(getattr(os, name))))
            patches.enter_context(patch.object(io, "open", opened))
            patches.enter_context(patch.object(Index, "_transaction", transaction))
            yield lambda: struck[0]


class _Buckets:
    """Lakes in a real S3 server. What fails are the requests on the way to it."""

    def __init__(self, session: Session, store: tuple[FaultyWay, str]) -> None:
        self._folder, (self._way, self._bucket) = session.folder / "s3", store
        self._objects: dict[str, bytes] = {}
        self._count = 0

    def prepare(self, before: Callable[[str, Path], object]) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        before(str(self._folder / "lake"), self._folder / "state")
        store = FolderStore(self._folder / "lake")
        self._objects = {key: store.get(key) for key in store.keys("") if not key.startswith(".")}

    def fresh(self) -> tuple[str, Path]:
        """A new prefix, and a new working folder of the same machine: its index is made from the lake."""
        self._count += 1
        uri, state = (
            f"{self._bucket}/{os.getpid()}-{id(self)}-{self._count}",
            self._folder / f"state-{self._count}",
        )
        store = open_store(uri)
        for key, data in self._objects.items():
            store.put_new(key, data)
        shutil.rmtree(self._folder / f"state-{self._count - 1}", ignore_errors=True)
        state.mkdir()
        shutil.copy(self._folder / "state" / "folder-id", state)
        return uri, state

    @contextmanager
    def failing(self, fault: str, number: int, *, is_once: bool) -> Iterator[Callable[[], int]]:
        left, before = [number], len(self._way.done)

        def decide(request: bytes) -> str | None:
            left[0] -= 1
            return fault if left[0] == 0 or (left[0] < 0 and not is_once) else None

        self._way.fault = decide
        try:
            with patch.dict(os.environ, {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._way.port}"}):
                yield lambda: len(self._way.done) - before
        finally:
            self._way.fault = lambda request: None


@contextmanager
def _object_store() -> Iterator[tuple[FaultyWay, str]]:
    """The faulty way to a real S3 server, and a bucket on it. boto3 tries nothing again, so that each fault is felt; its
    clients are kept, because making one takes longer than all requests of an operation."""
    config = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 1})
    clients: dict[str, Any] = {}
    open_client = s3_store.S3Store._open_client

    def kept_client(store: s3_store.S3Store) -> Any:
        address = os.environ["AWS_ENDPOINT_URL"]
        if address not in clients:
            clients[address] = open_client(store)
        return clients[address]

    with ExitStack() as stack:
        store = stack.enter_context(ObjectStore())
        way = stack.enter_context(faulty_way(store.port))
        stack.enter_context(patch.dict(os.environ, store.environ))
        stack.enter_context(patch.object(s3_store, "_CONFIG", config))
        stack.enter_context(patch.object(s3_store, "_PAUSES_S", (0.0,)))
        stack.enter_context(patch.object(s3_store.S3Store, "_open_client", kept_client))
        yield way, store.bucket("torture")
