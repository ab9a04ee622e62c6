"""Brings the local index up to date with the finished runs of the lake, and finishes runs that died.

`raw` is the write-ahead log of a flush. Pages in a dead run's raw parts that have no outcome yet are cleaned from
there. Their rows land under the dead run's own id: two processes that finish the same run can write each part only
once.
"""

from __future__ import annotations

import fcntl
import logging
import socket
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from cleaning import RawPage, Rules
from cleaning.wording import counted
from dedupe import SchemeMismatch, Signature, sign
from lake.index import checkpoints
from lake.index.page_index import (
    ForeignIndex,
    Index,
    move_aside,
    open_index,
    remove_set_aside,
    run_started_at,
)
from lake.parquet import part_files
from lake.parquet.part_files import Part
from lake.runs.run import Batch, Run, is_run_alive
from lake.schema.columns import restore_record
from lake.schema.records import TABLES, ProcessedPage, Table, requested_id
from lake.storage.flush_records import FlushRecord
from lake.storage.leases import LeaseHeld, Leases
from lake.storage.local_files import private_folder, private_opener
from lake.storage.prefetch import prefetch
from lake.storage.state_folder import forget_answers, remove_dead_locks
from lake.storage.store import PartExists, Store, parse_json_object, telling_damage
from lake.storage.taken_down_addresses import TakenDownAddresses, clean_record, taken_down_addresses
from lake.storage.tombstones import tombstone_names
from lake.workers.pool import Workers

log = logging.getLogger(__name__)

# a run of another machine that holds no leases counts as dead this long after its start
FOREIGN_RUN_DEAD_AFTER = timedelta(hours=24)
# a write request that was under way when a process died may reach the store this much later
_MAX_WRITE_DELAY = timedelta(minutes=15)
_TRIES = 4
# upper bound of two differences: between the clocks of two machines, and between a run's id and its first record
_CLOCK_MARGIN = timedelta(hours=48)
_STORY_COLUMNS = [
    "id", "outlet", "run_id", "seq", "content_hash", "story_id", "canonical_url", "published_at", "signature",
    "fetched_at", "requested_url",
]  # fmt: skip
_RECOVERY_COLUMNS = ["title", "relation", "copy_of", "similarity"]  # for what the record says of articles
# id of the requested URL and time of the fetch: a replay lands several captures of one page
Capture = tuple[str, datetime]
_REJECT_COLUMNS = ["id", "outlet", "run_id", "seq", "reason", "fetched_at", "retry_at", "requested_url"]


def catch_up(store: Store, path: Path) -> Index:
    """Open the index at `path`, with every finished run of the lake learned. A missing index is restored from a
    checkpoint. An index that knows runs that the lake does not have is moved aside and rebuilt. Raises LakeError
    where the lake cannot be read."""

    def fill() -> None:
        checkpoints.restore(store, path, lambda index: not _compare_runs(store, index)[1])

    with _exclusive_lock(path):  # processes that start together on a new machine restore one checkpoint, once
        checkpoints.remove_leftovers(path)
        index = open_index(path, fill)
        runs, gone = _compare_runs(store, index)
        if gone:
            index.close()
            move_aside(path, f"it knows {counted(len(gone), 'run')} that {store.uri} does not")
            index = open_index(path, fill)
            runs = list_runs(store, index.watermark())
        index.take_down(tombstone_names(store))
        _learn_new_runs(store, index, runs)
        if index.is_to_erase():
            erase_takedowns(index)
    return index


def forget_in_index(store: Store, path: Path) -> bool | None:
    """Remove from the index at `path`, and from the files beside it, what was taken down. Returns None where there is
    no index, and False where something is left to the next start. A file that cannot be used is deleted: it is rebuilt
    from the lake. Raises LakeError."""
    with _exclusive_lock(path):
        checkpoints.remove_leftovers(path)
        remove_set_aside(path)
        if not path.exists():
            return None
        try:
            with closing(Index(path)) as index:
                index.take_down(tombstone_names(store))
                return erase_takedowns(index)
        except (sqlite3.DatabaseError, ForeignIndex, SchemeMismatch) as error:
            if isinstance(error, sqlite3.OperationalError):  # locked, or the disk is full
                log.warning("index %s is left to the next start: %s", path, error)
                return False
            checkpoints.remove_database(path)
            return True


def erase_takedowns(index: Index) -> bool:
    """Remove from this machine's files for a lake what was taken down: the index is built anew, and indexes that were
    moved aside and the kept answers of sites are deleted. Returns False where something is left to the next start."""
    remove_set_aside(index.path)
    forget_answers(index.path.parent)
    try:
        return index.erase()
    except sqlite3.Error as error:  # the disk is full, or another process writes for long
        log.warning("index %s still holds unused bytes of what was taken down: %s", index.path, error)
        return False


@contextmanager
def _exclusive_lock(path: Path) -> Iterator[None]:
    private_folder(path.parent)
    with open(path.with_name(f"{path.name}.lock"), "a", opener=private_opener) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _compare_runs(store: Store, index: Index) -> tuple[RunIds, set[str]]:
    """Return the lake's runs after the index's watermark, and the ids that the index knows and the lake does not.

    The index is read before the lake is listed, because other processes of this machine finish runs and advance the
    watermark meanwhile: a run that the index knew before the listing is in a listing from the old watermark."""
    watermark = index.watermark()
    known = _recent_known_runs(index, watermark)
    runs = list_runs(store, watermark)
    return runs, known - runs.finished


def _recent_known_runs(index: Index, watermark: str) -> set[str]:
    """The known runs of the last days before the newest one. Older runs are not compared with the lake: their records
    may have been removed."""
    known = index.run_ids(watermark)
    cutoff = _cutoff_id(moment for run_id in known if (moment := _start_time(run_id)))
    return {run_id for run_id in known if run_id > cutoff}


def learn_finished(store: Store, index: Index) -> None:
    """Learn the runs that have finished since `catch_up`, on this machine or another. Raises LakeError."""
    _learn_new_runs(store, index, list_runs(store, index.watermark()))


def _learn_new_runs(store: Store, index: Index, runs: RunIds) -> None:
    new_runs = sorted(runs.finished - index.run_ids())
    addresses = taken_down_addresses(store, index.taken_down)
    for run_id, record in prefetch(lambda run_id: (run_id, store.get(f"runs/{run_id}.json")), new_runs):
        _learn_run_record(store, index, run_id, record, addresses)
    index.advance_watermark(runs.watermark(datetime.now(UTC)))


@dataclass(frozen=True, slots=True)
class RunIds:
    """Run ids, which sort by the time at which the runs started."""

    started: set[str]  # with a start record
    finished: set[str]  # with an end record

    def watermark(
        self, now: datetime, margin: timedelta = _CLOCK_MARGIN, passed_over: Collection[str] = ()
    ) -> str:
        """The id up to which no new run will appear. It lies before every unfinished run but those that are passed
        over, and before every run that started within the margin of the newest: a record of such a run may still be on
        its way, or its machine's clock may be slow."""
        starts = (moment for run_id in self.started | self.finished if (moment := _start_time(run_id)))
        unfinished = (self.started - self.finished).difference(passed_over)
        return min({_cutoff_id((min(moment, now) for moment in starts), margin), *unfinished})


def _cutoff_id(moments: Iterable[datetime], margin: timedelta = _CLOCK_MARGIN) -> str:
    """An id prefix that sorts before the ids of all runs that started within the margin of the latest of these
    times. Returns "" where there are none."""
    latest = max(moments, default=None)
    return f"{latest - margin:%Y%m%dT%H%M%SZ}" if latest else ""


def _start_time(run_id: str) -> datetime | None:
    """The start time that the id holds; None where the id is not of our form."""
    try:
        return run_started_at(run_id)
    except ValueError:  # a file under runs/ that no run of ours wrote
        return None


def list_runs(store: Store, since: str = "") -> RunIds:
    """The runs whose ids sort after a watermark. Only that part of runs/ is listed."""
    started: set[str] = set()
    finished: set[str] = set()
    for key in store.keys("runs/", after=f"runs/{since}"):
        name = key.removeprefix("runs/")
        if name.endswith(".started.json"):
            started.add(name.removesuffix(".started.json"))
        elif name.endswith(".json"):
            finished.add(name.removesuffix(".json"))
    return RunIds(started, finished)


def learn_run(store: Store, index: Index, run_id: str) -> None:
    """Enter a finished run into the index. Raises KeyError where it has no record, LakeError where it cannot be
    read."""
    addresses = taken_down_addresses(store, index.taken_down)
    _learn_run_record(store, index, run_id, store.get(f"runs/{run_id}.json"), addresses)


def _learn_run_record(
    store: Store, index: Index, run_id: str, data: bytes, addresses: TakenDownAddresses
) -> None:
    """Enter a run record into the index, all of it or nothing. Raises DamagedObject where it is no record of this run,
    or names parts that are not there."""
    key = f"runs/{run_id}.json"
    record = parse_json_object(key, data)
    with telling_damage(key):
        if record["run_id"] != run_id:
            raise ValueError(f"it is of run {record['run_id']}")
        if index.taken_down and addresses.without(record) != record:  # its run ended during the takedown
            clean_record(store, key, addresses)
            record = addresses.without(record)
    with telling_damage(key), index.transaction():
        index.drop_pending(run_id)
        with index.signatures.catching_up():
            learned = index.learned_parts()  # before the run had ended: lake/runs/other_runs.py
            parts = [(p["table"], p["key"]) for p in record["parts"] if p["key"] not in learned]
            _learn_parts(store, index, parts)
        try:
            index.learn_record(record)
        except (
            sqlite3.InterfaceError,
            sqlite3.ProgrammingError,
        ) as error:  # a value of a type that has no column
            raise ValueError(error) from error


def _learn_parts(
    store: Store, index: Index, keys: Sequence[tuple[Table, str]], more: Sequence[str] = ()
) -> dict[Capture, dict[str, Any]]:
    """Enter the rows of these parts into the index, and return them by the captures that they were made from. more:
    columns of articles, copies and revisions to be read besides.

    The order is that of the verdicts: flush by flush, and inside a flush by time of fetch. It matters, because the
    signature index learns in that order which text recurs in an outlet."""
    captures: dict[Capture, dict[str, Any]] = {}
    has_taken_down_rows = False
    to_read = sorted(
        (part for part in keys if part[0] != "raw"), key=lambda part: part_files.flush_seq(part[1])
    )
    flushes = prefetch(
        lambda part: (part_files.flush_seq(part[1]), rows_to_learn(store, *part, more)), to_read
    )
    for _, flush in groupby(flushes, key=itemgetter(0)):
        for values in sorted((v for _, rows in flush for v in rows), key=itemgetter("fetched_at", "id")):
            index.learn_row(values)
            if more:
                captures[_capture(values)] = values
            has_taken_down_rows = has_taken_down_rows or index.taken_down.covers(values)
    if has_taken_down_rows:
        from lake.parquet.row_removal import remove_rows  # as in lake/runs/run.py

        remove_rows(store, index.taken_down, [key for _, key in keys])  # the rows landed during the takedown
    return captures


def _capture(values: dict[str, Any]) -> Capture:
    """Return the capture that a row of any table was made from."""
    return requested_id(values["requested_url"] or "", values["id"]), values["fetched_at"]


def rows_to_learn(store: Store, table: Table, key: str, more: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The columns that the index needs. Texts whose signatures are of another scheme are signed again."""
    if table == "rejects":
        rejects = part_files.read_rows(store, key, _REJECT_COLUMNS)
        # in parts of schema version 2 the id is that of the page that answered
        return [{**values, "id": requested_id(values["requested_url"], values["id"])} for values in rejects]
    rows = part_files.read_rows(store, key, [*_STORY_COLUMNS, *more])
    try:
        for values in rows:
            Signature.from_bytes(values["signature"])
    except SchemeMismatch:
        rows = part_files.read_rows(store, key, [*_STORY_COLUMNS, *more, "text"])
        for values in rows:
            values["signature"] = sign(values.pop("text")).to_bytes()
    return rows


# ---------------------------------------------------------------- runs that died


def recover_dead_runs(
    store: Store,
    index: Index,
    locks: Path,
    rules_of: Callable[[str], Rules],
    open_leases: Callable[[], Leases],
    workers: Workers,
    look: Callable[[], None],
    spooled_by: str | None = None,
) -> list[Run]:
    """Finish every dead run from its raw parts, and return these runs. Raises LakeError.

    locks: the folder of this machine's run locks. open_leases: called for each dead run; its leases are held until
    the run is finished. look: called before each page is judged (OtherRuns.look_if_due). spooled_by: finish only the
    runs that judged the spool of this run again."""
    runs = list_runs(store, index.watermark())
    started, finished = runs.started, runs.finished
    with index.transaction():  # of runs that died before they wrote a start record, or whose record was lost
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
                recovered.append(_finish_dead_run(store, index, run_id, rules_of, workers, look))
    return [run for run in recovered if run]


def clear_dead_locks(store: Store, index: Index, locks: Path) -> None:
    """Delete the lock files of dead runs that nobody has to finish any more, and of leases that nobody uses. Raises
    LakeError."""
    runs = list_runs(store, index.watermark())
    remove_dead_locks(locks, store.uri, runs.started - runs.finished, runs.finished)


def _start_record(store: Store, run_id: str) -> dict[str, Any]:
    """The facts that a run wrote when it started. Raises KeyError where there is no such record."""
    key = f"runs/{run_id}.started.json"
    return parse_json_object(key, store.get(key))


def keeps_removed_texts(store: Store, run_id: str) -> bool:
    """Whether a run's rows keep the texts that cleaning removed (the setting REMOVED_TEXTS)."""
    try:
        return bool(_start_record(store, run_id).get("removed_texts", True))
    except KeyError:  # the record was lost
        return True


def _take_over_if_dead(store: Store, locks: Path, run_id: str, leases: Leases) -> bool:
    """Return whether the run is dead and this process may land its pages; then `leases` holds its outlets.

    A run of another machine is dead if its leases can be taken. One without leases counts as dead
    FOREIGN_RUN_DEAD_AFTER after its start."""
    is_alive = is_run_alive(locks, run_id)
    if is_alive:
        return False
    facts = _start_record(store, run_id)
    with telling_damage(f"runs/{run_id}.started.json"):
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
    store: Store,
    index: Index,
    run_id: str,
    rules_of: Callable[[str], Rules],
    workers: Workers,
    look: Callable[[], None],
) -> Run | None:
    """Finish a dead run and return it. None where its record is there by now, because it ended after all or another
    process finished it, or where every attempt failed."""
    for _ in range(_TRIES):
        with suppress(KeyError):
            store.get(f"runs/{run_id}.json")
            learn_run(store, index, run_id)
            return None
        try:
            return _try_to_finish(store, index, run_id, rules_of, workers, look)
        except PartExists:  # the dead run's last write arrived late, or another process finishes the same run
            with index.transaction():
                index.drop_pending(run_id)
    log.warning("run %s cannot be finished yet; the next start tries again", run_id)
    return None


def _try_to_finish(
    store: Store,
    index: Index,
    run_id: str,
    rules_of: Callable[[str], Rules],
    workers: Workers,
    look: Callable[[], None],
) -> Run:
    """Complete the flush that was under way, and write the run's record. Raises PartExists where a part that is to be
    written is there by now."""
    keys = _find_parts(store, run_id)
    with index.transaction():
        index.drop_pending(run_id)
        learned = _learn_parts(store, index, keys, _RECOVERY_COLUMNS)
    last_seq = max((part_files.flush_seq(k) for _, k in keys), default=-1)
    run = Run(
        store, index, run_id, first_seq=max(last_seq, 0), removed_texts=keeps_removed_texts(store, run_id)
    )
    run.parts = [part_files.describe_part(store, table, key) for table, key in keys]

    def clean_again(rows: list[dict[str, Any]]) -> ProcessedPage:
        return next(workers.process_all(articles_to_process([rows], rules_of)))

    landed_at = datetime.now(UTC)
    for rows in (part_files.read_rows(store, key) for table, key in keys if table == "raw"):
        articles = group_by_article(rows)
        # after the last part: the time of the last flush
        landed_at = articles[-1][0]["landed_at"] if articles else landed_at
        unprocessed = []
        for article in articles:
            if (row := learned.get(_capture(article[0]))) is None:
                unprocessed.append(article)
            elif "reason" not in row:
                run.remember(restore_record(RawPage, article[0]), row)
        for processed in workers.process_all(articles_to_process(unprocessed, rules_of)):
            look()
            run.former.compare(processed, clean_again)
            run.add(processed)
    batch = run.cut(landed_at) or Batch(max(last_seq, 0), landed_at, {})
    written_tables = {table for table, key in keys if part_files.flush_seq(key) == last_seq}
    run.parts += _complete_last_flush(store, run_id, last_seq, written_tables, batch)
    index.landed(run_id, batch.seq)
    recovered_rows = sum(run.counts[t] for t in TABLES)
    run.finish("recovered", {"recovered_rows": recovered_rows})
    pages = counted(recovered_rows, "page")
    log.warning("run %s had died: %s landed from its raw parts", run_id, pages)
    return run


def group_by_article(rows: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Group the rows of a raw part by article: each first page with its later pages, which follow it in the part."""
    articles: list[list[dict[str, Any]]] = []
    for values in rows:
        if values.get("part_of"):  # parts that are older than this column do not have it
            articles[-1].append(values)
        else:
            articles.append([values])
    return articles


def articles_to_process(
    articles: Iterable[list[dict[str, Any]]], rules_of: Callable[[str], Rules]
) -> Iterator[tuple[RawPage, Rules, list[RawPage]]]:
    """Turn the groups of `group_by_article` into the first page, rules and later pages that Workers.process_all
    takes."""
    for rows in articles:
        page, *later = (restore_record(RawPage, values) for values in rows)
        yield page, rules_of(page.outlet), later


def _complete_last_flush(
    store: Store, run_id: str, last_seq: int, written_tables: set[Table], batch: Batch
) -> list[Part]:
    """Write the missing parts of the last flush, and every part name that the dead run may still be writing, if need
    be as an empty part: a write request that was under way when the process died can still reach the store.

    written_tables: the tables that the last flush has parts of. Rows of these tables go to one more flush."""
    written: list[Part] = []
    missing: dict[Table, list[dict[str, Any]]] = {}
    if written_tables:
        missing = {t: batch.tables.get(t, []) for t in TABLES if t not in written_tables}
    late_rows: dict[Table, list[dict[str, Any]]] = {
        t: rows for t, rows in batch.tables.items() if t in written_tables and t != "raw"
    }
    _announce_parts(store, run_id, {last_seq: missing, last_seq + 1: late_rows}, batch.landed_at)
    if missing:
        written += part_files.write_flush(store, missing, run_id, last_seq, batch.landed_at, empty=True)
    for values in (v for rows in late_rows.values() for v in rows):
        values["seq"] = last_seq + 1
    now = datetime.now(UTC)
    for moment in {m.date(): m for m in (now - _MAX_WRITE_DELAY, now)}.values():
        written += part_files.write_flush(store, {"raw": []}, run_id, last_seq + 1, moment, empty=True)
    return written + part_files.write_flush(store, late_rows, run_id, last_seq + 1, batch.landed_at)


def _announce_parts(
    store: Store, run_id: str, flushes: dict[int, dict[Table, list[dict[str, Any]]]], landed_at: datetime
) -> None:
    """Name the parts with rows that are going to be written, by number of the flush and table, in a flush record."""
    names = [
        (t, part_files.part_key(t, run_id, seq, landed_at))
        for seq, tables in flushes.items()
        for t in TABLES
        if t in tables
    ]
    if names:
        record = FlushRecord(run_id, max(flushes), tuple(names))
        with suppress(PartExists):  # of a process that died here, which named the same parts
            store.put_new(record.key, record.encode())


def _find_parts(store: Store, run_id: str) -> list[tuple[Table, str]]:
    """The parts of a run without an end record, found by key prefix for each day since the run started; in order of
    flush, raw first. A clock may have been wrong by _CLOCK_MARGIN, either way: the run's, or that of a rescuer who died."""
    last_day = (datetime.now(UTC) + _CLOCK_MARGIN).date()
    with telling_damage(f"runs/{run_id}.started.json"):
        started_on = datetime.fromisoformat(_start_record(store, run_id)["started_at"]).date()
        day = min(started_on, last_day - _CLOCK_MARGIN) - _CLOCK_MARGIN
    parts: list[tuple[Table, str]] = []
    while day <= last_day:
        for table in TABLES:
            parts += [(table, key) for key in store.keys(f"{table}/day={day}/{run_id}-")]
        day += timedelta(days=1)
    return sorted(parts, key=lambda k: (part_files.flush_seq(k[1]), TABLES.index(k[0])))
