"""Finds where an interrupted replay of WARC files resumes, from the rows in the lake alone.

The replay hands pages to the pipeline in order, and waits after every WINDOW pages until all of them have their
outcome. So the rows that a run landed from a file tell how far it had come: every page before the last WINDOW rows
had its outcome before these were begun. It landed with them or before them, because rows land in the order of their
outcomes.
"""

from __future__ import annotations

import heapq
import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from lake.parquet.reading import rows_of
from lake.storage.store import DamagedObject, Store, parse_json_object, telling_damage
from lake.warc.member_stream import FIRST_PLACE, RecordPlace

log = logging.getLogger(__name__)

WINDOW = 256  # pages; part of a replay's key, so that a change invalidates old progress
CaptureMark = tuple[RecordPlace, str, datetime]  # place, page id, fetched_at: one capture
_START_RECORD = re.compile(r"runs/(?P<run>[^/]+-warc-[0-9a-f]{8})\.started\.json")


@dataclass(slots=True)
class Progress:
    """How much of one file has landed."""

    start: RecordPlace = FIRST_PLACE  # every page before it has its outcome, and its rows have landed
    landed: set[CaptureMark] = field(default_factory=set)  # the landed captures from `start` on


def capture_source(file: str, place: RecordPlace) -> str:
    """The value of the column `source` of a replayed page."""
    return f"{file}#{place}"


def replay_progress(store: Store, key: str) -> dict[str, Progress]:
    """The progress of each file, from the earlier replays with the same key. Raises LakeError."""
    by_file: dict[str, Progress] = {}
    for raw_parts in _finished_replays(store, key):
        for file, marks in _last_captures(store.uri, raw_parts).items():
            progress = by_file.setdefault(file, Progress())
            if len(marks) > WINDOW:
                progress.start = max(progress.start, marks[0][0])
            progress.landed = {m for m in progress.landed.union(marks) if m[0] >= progress.start}
    return by_file


def _finished_replays(store: Store, key: str) -> Iterator[list[str]]:
    """The parts of raw of each finished replay with this key. Replays that died were finished before this one began."""
    keys = set(store.keys("runs/"))
    for name in sorted(keys):
        match = _START_RECORD.fullmatch(name)
        end_record = f"runs/{match['run']}.json" if match else ""
        if end_record not in keys:
            continue
        try:
            if parse_json_object(name, store.get(name)).get("replay") != key:
                continue
            record = parse_json_object(end_record, store.get(end_record))
            with telling_damage(end_record):
                raw_parts = [p["key"] for p in record["parts"] if p["table"] == "raw" and p["rows"]]
        except DamagedObject as error:
            log.warning("the captures of a replay are read again, and known pages are passed over: %s", error)
            continue
        yield raw_parts


def _last_captures(uri: str, raw_parts: Iterable[str]) -> dict[str, list[CaptureMark]]:
    """The last WINDOW + 1 captures that a run landed from each file, in order of place."""
    heaps: dict[str, list[CaptureMark]] = {}
    for file, mark in _landed_captures(uri, raw_parts):
        heap = heaps.setdefault(file, [])
        if len(heap) <= WINDOW:
            heapq.heappush(heap, mark)
        else:
            heapq.heappushpop(heap, mark)
    return {file: sorted(heap) for file, heap in heaps.items()}


def _landed_captures(uri: str, keys: Iterable[str]) -> Iterator[tuple[str, CaptureMark]]:
    """(file, capture) for every row of these parts of raw. A later page of an article has its outcome with the first:
    it counts as none, for WINDOW counts outcomes."""
    for key in keys:
        with suppress(
            FileNotFoundError
        ):  # removed by retention: its captures are read again, and turn out unchanged
            for row in rows_of(uri, key, ["source", "id", "fetched_at", "part_of"]):
                if row.get("part_of"):  # parts that are older than this column do not have it
                    continue
                file, _, place = (row["source"] or "").rpartition("#")
                yield file, (RecordPlace.parse(place), row["id"], row["fetched_at"])
