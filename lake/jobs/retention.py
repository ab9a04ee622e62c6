"""Removes parts of `raw` that are older than the retention time.

raw holds what pages were cleaned from. Everything that is known of a page is in the other tables, so no page is
forgotten, and an index that is rebuilt afterwards is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from lake.storage import flush_records
from lake.storage.store import Store


@dataclass(slots=True)
class ExpiryResult:
    """What was removed, or would be in a dry run."""

    parts: int = 0  # of raw
    days: set[str] = field(default_factory=set)  # of landing, ISO dates
    kept_runs: set[str] = field(default_factory=set)  # runs without a record, whose raw is still needed


def expire(store: Store, raw_days: int, today: date, *, dry_run: bool = False) -> ExpiryResult:
    """Remove the raw parts that landed more than raw_days before today (UTC). It may be interrupted at any part, and
    called again. Raises LakeError."""
    result = ExpiryResult()
    keys = list(_raw_parts_before(store, (today - timedelta(days=raw_days)).isoformat()))
    unfinished = _unfinished_runs(store)
    for day, key in keys:
        run_id = key.rpartition("/")[2].rpartition("-")[0]
        if run_id in unfinished:  # raw is the write-ahead log of such a run
            result.kept_runs.add(run_id)
            continue
        if not dry_run:
            store.remove(key)
        result.parts += 1
        result.days.add(day)
    if not dry_run:
        _remove_flush_records(store, unfinished)
    return result


def _remove_flush_records(store: Store, unfinished: set[str]) -> None:
    """Remove the flush records that ended runs have left, where no crawl starts any more that would do it."""
    ended = {key.removeprefix("runs/").removesuffix(".json") for key in store.keys("runs/")} - unfinished
    for key in list(store.keys(flush_records.PREFIX)):
        if flush_records.run_of(key) in ended:
            store.remove(key)


def _raw_parts_before(store: Store, first_kept_day: str) -> Iterator[tuple[str, str]]:
    """(day, key) of the raw parts that landed before a day."""
    for key in store.keys("raw/day="):
        day = key.split("/")[1].removeprefix("day=")
        if key.endswith(".parquet") and day < first_kept_day:
            yield day, key


def _unfinished_runs(store: Store) -> set[str]:
    """The ids of runs with a start record and no end record."""
    names = {key.removeprefix("runs/") for key in store.keys("runs/")}
    started = {n.removesuffix(".started.json") for n in names if n.endswith(".started.json")}
    return {run_id for run_id in started if f"{run_id}.json" not in names}
