"""Lands what earlier runs of this machine had to spool, before a new run begins.

The objects land as they are if nobody finished the run or landed one of its pages since. Else its raw pages are cleaned
and judged again in a run of their own. A spool whose outlet another machine is crawling waits.
"""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cleaning import Rules
from cleaning.wording import counted
from lake.index.page_index import Index
from lake.parquet import part_files
from lake.runs.catch_up import (
    articles_to_process,
    erase_takedowns,
    group_by_article,
    keeps_removed_texts,
    learn_finished,
    learn_run,
    recover_dead_runs,
)
from lake.runs.run import Run, is_run_alive, new_run_id, run_lock
from lake.storage.folder_store import FolderStore
from lake.storage.leases import LeaseHeld, Leases
from lake.storage.local_files import open_locked
from lake.storage.spool import Spool, remove_discarded, spool_folder
from lake.storage.state_folder import spool_lock
from lake.storage.store import PartExists, Store, parse_json_object
from lake.storage.taken_down_addresses import clean_record, taken_down_addresses
from lake.storage.tombstones import TakenDown, tombstone_names
from lake.workers.pool import Workers

log = logging.getLogger(__name__)


def recover_spools(
    store: Store,
    index: Index,
    state: Path,
    rules_of: Callable[[str], Rules],
    open_leases: Callable[[], Leases],
    workers: Workers,
    look: Callable[[], None],
) -> int:
    """Land every spool, and return the number of objects that left them.

    state: the state folder of this machine. open_leases: called for each spool; its leases are held until the spool
    has landed. look: called before each page is judged anew (OtherRuns.look_if_due). A spool whose outlet another
    machine is crawling waits for a later start. Raises LakeError."""
    recovered = 0
    folder = spool_folder(state, store.uri)
    remove_discarded(folder)
    for path in sorted(folder.iterdir() if folder.is_dir() else ()):
        with hold_spool(path, state / "locks") as is_ours, open_leases() as leases:
            if not is_ours:
                continue
            clean_spool(store, path, index.taken_down)
            spool = Spool(path)
            if not spool.keys:  # the run died before the first object was complete
                spool.discard()
                continue
            try:
                for name in _start_record(store, spool.run_id).get("leases", []):
                    leases.take(name)
            except LeaseHeld as error:
                log.warning("what run %s has spooled waits in %s: %s", spool.run_id, path, error)
                continue
            learn_finished(store, index)
            # an earlier start may have died while it judged this spool again; its pending entries would hide pages
            recover_dead_runs(
                store, index, state / "locks", rules_of, open_leases, workers, look, spooled_by=spool.run_id
            )
            recovered += len(spool.keys)
            _land_spool(store, index, spool, state / "locks", rules_of, workers, look)
    return recovered


@contextmanager
def hold_spool(path: Path, locks: Path) -> Iterator[bool]:
    """Hold the lock under which spools are landed. Yields whether the spool is still there and its run has ended."""
    with open_locked(spool_lock(locks.parent), fcntl.LOCK_EX):
        yield path.is_dir() and not is_run_alive(locks, path.name)


def clean_spool(store: Store, folder: Path, taken_down: TakenDown) -> int:
    """Take what was taken down out of a spool, and temporary files that its run left; return the number of objects that
    this changed. The notes of the rewritten parts go to the lake. Raises LakeError, KeyError where the spool has
    landed meanwhile."""
    disk, changed = FolderStore(folder, private=True), 0
    disk.remove_leftovers()
    if taken_down:
        from lake.parquet.row_removal import remove_rows  # as in lake/runs/run.py

        keys = list(disk.keys(""))
        changed += len(remove_rows(disk, taken_down, [k for k in keys if k.endswith(".parquet")], store))
        addresses = taken_down_addresses(store, taken_down)
        changed += sum(clean_record(disk, key, addresses) for key in keys if key.startswith("runs/"))
    return changed


def _land_spool(
    store: Store,
    index: Index,
    spool: Spool,
    locks: Path,
    rules_of: Callable[[str], Rules],
    workers: Workers,
    look: Callable[[], None],
) -> None:
    """Land the objects as they are where nothing has happened since; otherwise judge the pages again."""
    objects, run_id = len(spool.keys), spool.run_id
    try:
        if _is_untouched(store, index, spool):
            for _ in spool.land(store):
                pass
            # rows that were taken down meanwhile are removed as the run is learned
            index.take_down(tombstone_names(store))
            if index.is_to_erase():
                erase_takedowns(index)
            with suppress(KeyError):  # it died before its record: recovered from raw later
                learn_run(store, index, run_id)
            told, are = counted(objects, "object"), "is" if objects == 1 else "are"
            log.warning("%s that run %s had spooled %s in the lake now", told, run_id, are)
            return
    except PartExists:
        pass  # another machine took the run for dead, and wrote parts under these names
    _judge_again(store, index, spool, locks, rules_of, workers, look)


def _is_untouched(store: Store, index: Index, spool: Spool) -> bool:
    """Whether, since it was spooled, nobody has finished the run or landed one of its pages."""
    with suppress(KeyError):
        record = f"runs/{spool.run_id}.json"
        return store.get(record) == (spool.get(record) if record in spool.keys else None)
    disk = FolderStore(spool.folder)
    outcome_parts = [k for k in spool.keys if not k.startswith(("flushes/", "raw/", "runs/"))]
    return not any(
        _has_landed_since(index, spool.run_id, values)
        for key in outcome_parts
        for values in part_files.read_rows(disk, key, ["id", "content_hash"])
    )


def _has_landed_since(index: Index, run_id: str, values: dict[str, Any]) -> bool:
    """Whether another run has landed a row of this page with the same text, or a later run has landed any."""
    landed = index.landed_row(values["id"])
    if landed is None or landed.run_id == run_id:
        return False
    has_same_text = values["content_hash"] is not None and values["content_hash"] == landed.content_hash
    return has_same_text or landed.run_id > run_id


def _judge_again(
    store: Store,
    index: Index,
    spool: Spool,
    locks: Path,
    rules_of: Callable[[str], Rules],
    workers: Workers,
    look: Callable[[], None],
) -> None:
    """Clean and judge the spooled pages again in a run of its own, as if they were fetched just now: they may have
    landed in another way meanwhile."""
    disk = FolderStore(spool.folder)
    with index.transaction():
        index.drop_pending(spool.run_id)
    keeps_texts = keeps_removed_texts(store, spool.run_id)
    run = Run(store, index, new_run_id("spool", datetime.now(UTC)), removed_texts=keeps_texts)
    with run_lock(locks, run.run_id, store.uri):
        run.start({"locks": str(locks.resolve()), "spooled_by": spool.run_id, "removed_texts": keeps_texts})
        for key in (k for k in spool.keys if k.startswith("raw/")):
            articles = group_by_article(part_files.read_rows(disk, key))
            for processed in workers.process_all(articles_to_process(articles, rules_of)):
                look()
                run.add(processed)
            run.flush()
        run.finish("recovered", {"spooled_by": spool.run_id})
    log.warning(
        "what run %s had spooled was judged anew: %s", spool.run_id, dict(run.counts) or "nothing new"
    )
    spool.discard()


def _start_record(store: Store, run_id: str) -> dict[str, Any]:
    """The facts of the run's start record; none where it was lost."""
    key = f"runs/{run_id}.started.json"
    try:
        return parse_json_object(key, store.get(key))
    except KeyError:  # the record was lost
        return {}
