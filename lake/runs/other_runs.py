"""Learns what runs of other machines land while a run of this machine goes on.

1. A look is one listing of the flush records (lake/storage/flush_records.py) and one of the newest run records, a request
   for each record that is new, and one for each new part. So a look without news costs two requests.
2. The rows enter the index as landed. The keys of their parts are noted there, so that they are not read again when
   the run's record comes.
3. Runs of the same working folder share the index, and are passed over while they live.
4. `find_news` and `read` may be called in any thread; all else belongs to the thread of the index. `enter` works in
   slices of some milliseconds, so that an event loop can do other work in between.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from lake.index.page_index import Index
from lake.parquet.part_files import flush_seq
from lake.runs.catch_up import RunIds, list_runs, rows_to_learn
from lake.runs.run import is_run_alive
from lake.schema.records import Table
from lake.storage import flush_records
from lake.storage.flush_records import FlushRecord, Parts
from lake.storage.store import WRONG_FORM, DamagedObject, LakeError, Store

log = logging.getLogger(__name__)

# with the time that a look takes, well below the 60 s that docs/reliability.md promises
LOOK_INTERVAL_S = 30.0
# Of runs that started longer before the newest one only the records of known, unfinished ones are looked for. A run's
# clock may be slow, and hours of recovery may lie between its id and its first record
_START_MARGIN = timedelta(hours=6)
_SLICE_S = 0.01
_CHECKS_PER_SLICE = 100
_TOLD_AFTER = 3  # looks in a row that failed


@dataclass(frozen=True, slots=True)
class Known:
    """What the index knew before a look."""

    runs: set[str]  # recent runs that have ended
    parts: frozenset[str]  # keys of the parts of other runs


@dataclass(frozen=True, slots=True)
class News:
    """One flush of another run, or the record of a run that has ended, which comes after its flushes."""

    run_id: str
    parts: Parts  # those that are not known, without raw
    has_ended: bool = False
    record: dict[str, Any] | None = None


@dataclass(slots=True)
class Found:
    """The rows of a flush, as far as its parts are in the lake."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)  # parts of which all rows are there


class OtherRuns:
    """The runs of other machines, as far as this machine's index has learned them."""

    def __init__(
        self,
        store: Store,
        index: Index,
        locks: Path,
        interval_s: float = LOOK_INTERVAL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """locks: the folder of this machine's run locks. interval_s: between two looks; 0: `look_if_due` never looks."""
        self.store, self.index, self.interval_s = store, index, interval_s
        self.counts: Counter[str] = Counter(looks=0, missed=0, rows=0)
        self._locks, self._clock = locks, clock
        self._next_look = clock()
        self._missed_in_a_row = 0
        self._runs_after, self._known_after = index.watermark(), ""
        self._flush_records: dict[str, FlushRecord] = {}  # by key: those of runs that have not ended
        self._left_behind: list[str] = []  # flush records of runs that have ended
        # keys that are not read again before their run has ended: parts with rows that were taken down, and what cannot
        # be read
        self._passed: set[str] = set()

    # ------------------------------------------------------------ a whole look

    def look(self) -> None:
        """Learn what is new, where the caller may block. Raises LakeError."""
        for news in self.find_news(self.known()):
            for _ in self.enter(news, self.read(news)):
                pass
        self.looked()

    def look_if_due(self) -> None:
        """Look where `interval_s` has passed since the last look began. A look that fails is missed; the next may
        succeed."""
        if self.interval_s and not self.wait_s:
            try:
                self.look()
            except LakeError as error:
                self.missed(error)

    @property
    def wait_s(self) -> float:
        """Seconds until the next look is due."""
        return max(0.0, self._next_look - self._clock())

    def looked(self) -> None:
        """A look came to its end."""
        if self._missed_in_a_row >= _TOLD_AFTER:
            log.info("what other machines land is seen again")
        self._missed_in_a_row = 0

    def missed(self, error: Exception) -> None:
        """A look failed: count it, and tell where it lasts."""
        self.counts["missed"] += 1
        self._missed_in_a_row += 1
        if self._missed_in_a_row == _TOLD_AFTER:
            log.warning(
                "%d looks in a row at what other machines land have failed; copies of what they land meanwhile may"
                " become originals: %s", _TOLD_AFTER, error,
            )  # fmt: skip

    # ------------------------------------------------------------ its steps

    def known(self) -> Known:
        """Return what the index knows; the first step of a look."""
        self._next_look = self._clock() + self.interval_s
        return Known(self.index.run_ids(self._known_after), self.index.learned_parts())

    def find_news(self, known: Known) -> list[News]:
        """Return the flushes and ended runs that are not known, those of one run in order. Raises LakeError."""
        self.counts["looks"] += 1
        # flush records first: one that is removed before its listing belongs to a run whose record is in the other
        keys = list(self.store.keys(flush_records.PREFIX))
        runs = list_runs(self.store, self._runs_after)
        named = {flush_records.run_of(key) for key in keys}
        ours = {run_id for run_id in runs.started | named if is_run_alive(self._locks, run_id) is True}
        ended = {
            run_id for run_id in runs.finished - known.runs - ours if _record_key(run_id) not in self._passed
        }
        self._left_behind = [key for key in keys if flush_records.run_of(key) in known.runs]
        self._read_flush_records(keys, known.runs | ended | ours)
        # two records of a run may name the same parts
        parts = dict.fromkeys(part for record in self._flush_records.values() for part in record.parts)
        news = [*_flushes(parts, known.parts | self._passed)]
        for run_id in sorted(ended):
            news += self._of_ended_run(run_id, known)
        self._forget_older_runs(runs, ended, ours, keys)
        return news

    def _read_flush_records(self, keys: list[str], passed_over: set[str]) -> None:
        """Read the flush records that are new, and forget those that are gone. passed_over: ids of runs."""
        records: dict[str, FlushRecord] = {}
        for key in keys:
            if key in self._passed or flush_records.run_of(key) in passed_over:
                continue
            try:
                records[key] = self._flush_records.get(key) or flush_records.parse(key, self.store.get(key))
            except KeyError:  # removed since: a later record names its parts, or the run has ended
                continue
            except ValueError as error:
                self._pass_over(key, error)
        self._flush_records = records

    def _of_ended_run(self, run_id: str, known: Known) -> Iterator[News]:
        """The news of a run with a run record. Nothing, where the record cannot be read."""
        try:
            record = json.loads(self.store.get(_record_key(run_id)))
            parts = sorted(
                ((p["table"], p["key"]) for p in record["parts"]), key=lambda part: flush_seq(part[1])
            )
        except WRONG_FORM as error:
            self._pass_over(_record_key(run_id), error)
            return
        yield from _flushes(parts, known.parts, has_ended=True)
        yield News(run_id, (), has_ended=True, record=record)

    def _pass_over(self, key: str, error: Exception) -> None:
        """Do not read an object again in this process; `python -m lake verify` says what is wrong with it."""
        log.warning("%s/%s cannot be read, and is passed over: %r", self.store.uri, key, error)
        self._passed.add(key)

    def _forget_older_runs(self, runs: RunIds, ended: set[str], ours: set[str], keys: list[str]) -> None:
        """Let the next look list only what may bring news: run records from the oldest run on that is not learned."""
        waiting = RunIds(runs.started | ended, runs.finished - ended).watermark(
            datetime.now(UTC), _START_MARGIN, passed_over=ours
        )
        self._runs_after = max(self._runs_after, waiting)
        oldest = min((flush_records.run_of(key) for key in keys), default=self._runs_after)
        self._known_after = min(self._runs_after, oldest.partition("-")[0])

    def read(self, news: News) -> Found:
        """Return the rows of a flush, up to the first part that is not there: those behind it are written later.
        Raises LakeError."""
        found = Found()
        for table, key in news.parts:
            try:
                rows = rows_to_learn(self.store, table, key)
            except (KeyError, DamagedObject) as error:
                if news.has_ended:
                    self._pass_over(_record_key(news.run_id), error)
                elif not isinstance(error, KeyError):
                    self._pass_over(key, error)
                break
            found.rows += rows
            if not any(map(self.index.taken_down.covers, rows)):
                found.keys.append(key)
            elif news.has_ended:  # they landed during the takedown
                from lake.parquet.row_removal import remove_rows  # as in lake/runs/run.py

                remove_rows(self.store, self.index.taken_down, [key])
            else:
                self._passed.add(key)  # not noted, so that the part is read again when its run has ended
        found.rows.sort(key=itemgetter("fetched_at", "id"))
        return found

    def enter(self, news: News, found: Found) -> Iterator[None]:
        """Enter the rows of a flush, or a run record, into the index. Yields between two transactions."""
        rows = iter(found.rows)
        is_over = not found.rows and not found.keys
        while not is_over:
            with self.index.transaction():
                until = time.perf_counter() + _SLICE_S
                for values in rows:
                    self.index.learn_row(values)
                    self.counts["rows"] += 1
                    if time.perf_counter() >= until:
                        break
                else:
                    self.index.note_learned(news.run_id, found.keys)
                    is_over = True
            yield
        if news.record and _record_key(news.run_id) not in self._passed:
            yield from self._enter_record(news.record)

    def _enter_record(self, record: dict[str, Any]) -> Iterator[None]:
        checked = record.get("checked", ())
        for start in range(0, len(checked), _CHECKS_PER_SLICE):
            with self.index.transaction():
                self.index.learn_checks(record["run_id"], checked[start : start + _CHECKS_PER_SLICE])
            yield
        with self.index.transaction():
            self.index.drop_pending(record["run_id"])
            self.index.learn_record({**record, "checked": ()})
        yield

    # ------------------------------------------------------------ what is left behind

    def remove_left_behind(self) -> None:
        """Remove the flush records that the last look found of ended runs: a run that died after its run record has
        left them, and one whose record waited in a spool."""
        with suppress(LakeError):  # a later start does it
            for key in self._left_behind:
                self.store.remove(key)


def _flushes(
    parts: Iterable[tuple[Table, str]], known: Collection[str], *, has_ended: bool = False
) -> Iterator[News]:
    """The parts that are to be read, flush by flush."""
    to_read = [part for part in parts if part[0] != "raw" and part[1] not in known]
    for name, flush in groupby(to_read, key=lambda part: part[1].rpartition("/")[2]):
        yield News(name.rpartition("-")[0], tuple(flush), has_ended)


def _record_key(run_id: str) -> str:
    return f"runs/{run_id}.json"
