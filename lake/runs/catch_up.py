"""Bringing the index up to the lake, and finishing runs that died.

raw is the write-ahead log of a flush: what stands in a dead run's raw parts and has no outcome yet is cleaned from
there and landed under the dead run's own name, so that two rescuers can only write the same part once.
"""

from __future__ import annotations

import fcntl
import json
import logging
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from cleaning import RawPage, Rules
from dedupe import SchemeMismatch, Signature, sign
from lake.index import checkpoints
from lake.index.page_index import Index, move_aside, open_index, run_started_at
from lake.parquet import part_files
from lake.parquet.part_files import Part
from lake.runs.run import Batch, Run, is_run_alive
from lake.schema.columns import restore_record
from lake.schema.records import TABLES, Table
from lake.storage.leases import LeaseHeld, Leases
from lake.storage.prefetch import prefetch
from lake.storage.store import PartExists, Store
from lake.storage.tombstones import tombstone_names
from lake.workers.pool import Workers

log = logging.getLogger(__name__)

# a run of another machine counts as dead after this long without a record
FOREIGN_RUN_DEAD_AFTER = timedelta(hours=24)
# a request that was under way at a process's death may reach the store this much later
_MAX_WRITE_DELAY = timedelta(minutes=15)
_TRIES = 4
# clocks of two machines may differ by as much, a run's id is as much older than its first record, and no more
_CLOCK_MARGIN = timedelta(hours=48)
_STORY_COLUMNS = [
    "id", "outlet", "run_id", "seq", "content_hash", "story_id", "canonical_url", "published_at", "signature",
    "fetched_at", "requested_url",
]  # fmt: skip
Capture = tuple[str, datetime]  # page and time of the fetch: a replay lands several of one page
_REJECT_COLUMNS = ["id", "outlet", "run_id", "seq", "reason", "fetched_at", "retry_at", "requested_url"]


def catch_up(store: Store, path: Path) -> Index:
    """The index of a lake, knowing every finished run; made from a checkpoint where there is none, rebuilt where it
    knows runs that the lake does not."""

    def fill() -> None:
        checkpoints.restore(store, path, lambda index: not _compare_runs(store, index)[1])

    with _exclusive_lock(path):  # several processes that start at once on a cold machine read one checkpoint
        index = open_index(path, fill)
        runs, gone = _compare_runs(store, index)
        if gone:
            index.close()
            move_aside(path, f"it knows {len(gone)} runs that {store.uri} does not")
            index = open_index(path, fill)
            runs = _list_runs(store, index.watermark())
        index.take_down(tombstone_names(store))
        _learn_new_runs(store, index, runs)
    return index


@contextmanager
def _exclusive_lock(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _compare_runs(store: Store, index: Index) -> tuple[_RunIds, set[str]]:
    """The lake's runs after the index's frontier, and those that the index knows and the lake does not.

    In this order, for other processes of the machine finish runs and move the frontier meanwhile: what the index knew
    before the lake was listed stands in a listing from where the frontier was."""
    watermark = index.watermark()
    known = _recent_known_runs(index, watermark)
    runs = _list_runs(store, watermark)
    return runs, known - runs.finished


def _recent_known_runs(index: Index, watermark: str) -> set[str]:
    """The runs of the latest days that an index knows: the records of older ones may have been removed."""
    known = index.run_ids(watermark)
    cutoff = _cutoff_id(moment for run_id in known if (moment := _start_time(run_id)))
    return {run_id for run_id in known if run_id > cutoff}


def learn_finished(store: Store, index: Index) -> None:
    """What has been finished since `catch_up`, here or elsewhere."""
    _learn_new_runs(store, index, _list_runs(store, index.watermark()))


def _learn_new_runs(store: Store, index: Index, runs: _RunIds) -> None:
    new_runs = sorted(runs.finished - index.run_ids())
    for record in prefetch(lambda run_id: store.get(f"runs/{run_id}.json"), new_runs):
        _learn_run_record(store, index, json.loads(record))
    index.advance_watermark(runs.watermark(datetime.now(UTC)))


@dataclass(frozen=True, slots=True)
class _RunIds:
    """By their ids, which sort by start."""

    started: set[str]
    finished: set[str]

    def watermark(self, now: datetime) -> str:
        """What will never be news: neither a run that has not ended, nor one that began within the margin of the
        latest, whose first record may be on its way or whose clock may be slow."""
        starts = (moment for run_id in self.started | self.finished if (moment := _start_time(run_id)))
        return min({_cutoff_id(min(moment, now) for moment in starts), *(self.started - self.finished)})


def _cutoff_id(moments: Iterable[datetime]) -> str:
    """What sorts before the ids of all runs that began within the margin of the latest, or later."""
    latest = max(moments, default=None)
    return f"{latest - _CLOCK_MARGIN:%Y%m%dT%H%M%SZ}" if latest else ""


def _start_time(run_id: str) -> datetime | None:
    try:
        return run_started_at(run_id)
    except ValueError:  # a record that somebody put there under a name of its own
        return None


def _list_runs(store: Store, since: str = "") -> _RunIds:
    """The runs after a frontier, without a listing of those before."""
    started: set[str] = set()
    finished: set[str] = set()
    for key in store.keys("runs/", after=f"runs/{since}"):
        name = key.removeprefix("runs/")
        if name.endswith(".started.json"):
            started.add(name.removesuffix(".started.json"))
        elif name.endswith(".json"):
            finished.add(name.removesuffix(".json"))
    return _RunIds(started, finished)


def learn_run(store: Store, index: Index, run_id: str) -> None:
    _learn_run_record(store, index, json.loads(store.get(f"runs/{run_id}.json")))


def _learn_run_record(store: Store, index: Index, record: dict[str, Any]) -> None:
    with index.transaction():
        index.drop_pending(record["run_id"])
        with index.signatures.catching_up():
            _learn_parts(store, index, [(p["table"], p["key"]) for p in record["parts"]])
        index.learn_record(record)


def _learn_parts(store: Store, index: Index, keys: Sequence[tuple[Table, str]]) -> set[Capture]:
    """Enter the rows of the parts in the order in which they were judged: flush by flush, and inside a flush by the
    time of the fetch, because what recurs in an outlet is learned in that order. Returns what they were made of."""
    captures: set[Capture] = set()
    has_taken_down_rows = False
    to_read = sorted((part for part in keys if part[0] != "raw"), key=lambda part: _flush_seq(part[1]))
    flushes = prefetch(lambda part: (_flush_seq(part[1]), _rows_to_learn(store, *part)), to_read)
    for _, flush in groupby(flushes, key=itemgetter(0)):
        for values in sorted((v for _, rows in flush for v in rows), key=itemgetter("fetched_at", "id")):
            index.learn_row(values)
            captures.add((values["id"], values["fetched_at"]))
            has_taken_down_rows = has_taken_down_rows or index.taken_down.covers(values)
    if has_taken_down_rows:
        from lake.parquet.row_removal import remove_rows  # as in lake/runs/run.py

        remove_rows(store, index.taken_down, [key for _, key in keys])  # it landed while it was taken down
    return captures


def _rows_to_learn(store: Store, table: Table, key: str) -> list[dict[str, Any]]:
    """The columns that the index wants; texts signed by another scheme are signed anew."""
    if table == "rejects":
        return part_files.read_rows(store, key, _REJECT_COLUMNS)
    rows = part_files.read_rows(store, key, _STORY_COLUMNS)
    try:
        for values in rows:
            Signature.from_bytes(values["signature"])
    except SchemeMismatch:
        rows = part_files.read_rows(store, key, [*_STORY_COLUMNS, "text"])
        for values in rows:
            values["signature"] = sign(values.pop("text")).to_bytes()
    return rows


def _flush_seq(key: str) -> int:
    return int(key.rpartition("-")[2].removesuffix(".parquet"))


# ---------------------------------------------------------------- runs that died


def recover_dead_runs(
    store: Store,
    index: Index,
    locks: Path,
    rules_of: Callable[[str], Rules],
    open_leases: Callable[[], Leases],
    workers: Workers,
    spooled_by: str | None = None,
) -> list[Run]:
    """Finish every run that died, from what its raw parts hold. locks: the folder of the machine's run locks; leases:
    for the time of a rescue; spooled_by: only those that judged this run's spool anew."""
    runs = _list_runs(store, index.watermark())
    started, finished = runs.started, runs.finished
    with index.transaction():  # entries of runs that died before their first record, or lost them on the way
        for run_id in index.pending_runs() - (started - finished):
            if not is_run_alive(locks, run_id):
                index.drop_pending(run_id)
    recovered = []
    for run_id in sorted(started - finished):
        if spooled_by and _start_record(store, run_id).get("spooled_by") != spooled_by:
            continue
        with open_leases() as leases:
            if _take_over_if_dead(store, locks, run_id, leases):
                learn_finished(store, index)
                recovered.append(_finish_dead_run(store, index, run_id, rules_of, workers))
    return [run for run in recovered if run]


def _start_record(store: Store, run_id: str) -> dict[str, Any]:
    """What a run told of itself when it began."""
    facts: dict[str, Any] = json.loads(store.get(f"runs/{run_id}.started.json"))
    return facts


def keeps_removed_texts(store: Store, run_id: str) -> bool:
    """Whether a run's rows keep the texts of what cleaning cut."""
    try:
        return bool(_start_record(store, run_id).get("removed_texts", True))
    except KeyError:  # a lake that lost its record
        return True


def _take_over_if_dead(store: Store, locks: Path, run_id: str, leases: Leases) -> bool:
    """Whether the run has died and its pages are ours to land: then we have taken the leases of its outlets. That they
    can be taken proves the death of another machine's run; a run without leases has to be silent for long."""
    is_alive = is_run_alive(locks, run_id)
    if is_alive:
        return False
    facts = _start_record(store, run_id)
    is_local = facts.get("locks") == str(locks.resolve()) and facts["host"] == socket.gethostname()
    is_silent = datetime.now(UTC) - datetime.fromisoformat(facts["started_at"]) > FOREIGN_RUN_DEAD_AFTER
    names = facts.get("leases", [])
    try:
        for name in names:
            leases.take(name)
    except LeaseHeld:
        return False
    return is_alive is False or is_local or is_silent or bool(names)


def _finish_dead_run(
    store: Store, index: Index, run_id: str, rules_of: Callable[[str], Rules], workers: Workers
) -> Run | None:
    """None where it has ended after all, or another process finished it first."""
    for _ in range(_TRIES):
        with suppress(KeyError):
            store.get(f"runs/{run_id}.json")
            learn_run(store, index, run_id)
            return None
        try:
            return _try_to_finish(store, index, run_id, rules_of, workers)
        except PartExists:  # the dead run's last request arrived late, or another process is at the same work
            with index.transaction():
                index.drop_pending(run_id)
    log.warning("run %s cannot be finished yet; the next start tries again", run_id)
    return None


def _try_to_finish(
    store: Store, index: Index, run_id: str, rules_of: Callable[[str], Rules], workers: Workers
) -> Run:
    """Bring the flush that was under way to its end, and write the run's record."""
    keys = _find_parts(store, run_id)
    with index.transaction():
        index.drop_pending(run_id)
        learned = _learn_parts(store, index, keys)
    last_seq = max((_flush_seq(k) for _, k in keys), default=-1)
    run = Run(
        store, index, run_id, first_seq=max(last_seq, 0), removed_texts=keeps_removed_texts(store, run_id)
    )
    run.parts = [part_files.describe_part(store, table, key) for table, key in keys]
    landed_at = datetime.now(UTC)
    for rows in (part_files.read_rows(store, key) for table, key in keys if table == "raw"):
        articles = group_by_article(rows)
        landed_at = articles[-1][0]["landed_at"] if articles else landed_at  # of the last flush, in the end
        unprocessed = [pages for pages in articles if (pages[0]["id"], pages[0]["fetched_at"]) not in learned]
        for processed in workers.process_all(articles_to_process(unprocessed, rules_of)):
            run.add(processed)
    batch = run.cut(landed_at) or Batch(max(last_seq, 0), landed_at, {})
    written_tables = {table for table, key in keys if _flush_seq(key) == last_seq}
    run.parts += _complete_last_flush(store, run_id, last_seq, written_tables, batch)
    index.landed(run_id, batch.seq)
    recovered_rows = sum(run.counts[t] for t in TABLES)
    run.finish("recovered", {"recovered_rows": recovered_rows})
    log.warning("run %s had died: %d pages landed from its raw parts", run_id, recovered_rows)
    return run


def group_by_article(rows: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Rows of a raw part: each first page with the later pages of its article, which follow it."""
    articles: list[list[dict[str, Any]]] = []
    for values in rows:
        if values.get("part_of"):  # none in a part that is older than the column
            articles[-1].append(values)
        else:
            articles.append([values])
    return articles


def articles_to_process(
    articles: Iterable[list[dict[str, Any]]], rules_of: Callable[[str], Rules]
) -> Iterator[tuple[RawPage, Rules, list[RawPage]]]:
    """What Workers.refine_all wants, of rows as `by_article` has them."""
    for rows in articles:
        page, *later = (restore_record(RawPage, values) for values in rows)
        yield page, rules_of(page.outlet), later


def _complete_last_flush(
    store: Store, run_id: str, last_seq: int, written_tables: set[Table], batch: Batch
) -> list[Part]:
    """Write what the last flush lacks, and take every name that the dead run may still be writing, if need be by a
    part without rows: a request that was on its way when the process died can reach the store after us."""
    written: list[Part] = []
    if written_tables:
        missing = {t: batch.tables.get(t, []) for t in TABLES if t not in written_tables}
        written += part_files.write_flush(store, missing, run_id, last_seq, batch.landed_at, empty=True)
    late_rows: dict[Table, list[dict[str, Any]]] = {
        t: rows for t, rows in batch.tables.items() if t in written_tables and t != "raw"
    }
    for values in (v for rows in late_rows.values() for v in rows):
        values["seq"] = last_seq + 1
    now = datetime.now(UTC)
    for moment in {m.date(): m for m in (now - _MAX_WRITE_DELAY, now)}.values():
        written += part_files.write_flush(store, {"raw": []}, run_id, last_seq + 1, moment, empty=True)
    return written + part_files.write_flush(store, late_rows, run_id, last_seq + 1, batch.landed_at)


def _find_parts(store: Store, run_id: str) -> list[tuple[Table, str]]:
    """The parts of a run without a record: by prefix, for each day since it began."""
    day, today = (
        datetime.fromisoformat(_start_record(store, run_id)["started_at"]).date(),
        datetime.now(UTC).date(),
    )
    parts: list[tuple[Table, str]] = []
    while day <= today:
        for table in TABLES:
            parts += [(table, key) for key in store.keys(f"{table}/day={day}/{run_id}-")]
        day += timedelta(days=1)
    return sorted(parts, key=lambda k: (_flush_seq(k[1]), TABLES.index(k[0])))
