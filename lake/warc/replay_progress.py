"""Where a replay goes on: derived from what has landed, and from nothing else.

The replay hands pages to the pipeline in order and lets it come to rest after every WINDOW pages. What a run landed
from a file therefore tells how far it had come: all pages before the WINDOW last rows had their outcome before those
were begun, and landed with them or before them, because rows land in the order of their outcomes.
"""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lake.parquet.reading import rows_of
from lake.storage.store import Store
from lake.warc.member_stream import FIRST_PLACE, RecordPlace

WINDOW = 256  # pages; part of a replay's key, so that a change makes old progress void
CaptureMark = tuple[RecordPlace, str, datetime]  # place, page id, fetched_at: one capture
_START_RECORD = re.compile(r"runs/(?P<run>[^/]+-warc-[0-9a-f]{8})\.started\.json")


@dataclass(slots=True)
class Progress:
    """What has landed of one file."""

    start: RecordPlace = (
        FIRST_PLACE  # every page before it has its outcome, and what was to land of it has landed
    )
    landed: set[CaptureMark] = field(default_factory=set)  # captures from start on


def capture_source(file: str, place: RecordPlace) -> str:
    """The `source` column of a replayed page."""
    return f"{file}#{place}"


def replay_progress(store: Store, key: str) -> dict[str, Progress]:
    """By file, after the earlier replays of the same key."""
    by_file: dict[str, Progress] = {}
    for record in _finished_replays(store, key):
        for file, marks in _last_captures(store.uri, record).items():
            progress = by_file.setdefault(file, Progress())
            if len(marks) > WINDOW:
                progress.start = max(progress.start, marks[0][0])
            progress.landed = {m for m in progress.landed.union(marks) if m[0] >= progress.start}
    return by_file


def _finished_replays(store: Store, key: str) -> Iterator[dict[str, Any]]:
    """The records of the finished replays of this key; those that died were finished before this one began."""
    keys = set(store.keys("runs/"))
    for name in sorted(keys):
        match = _START_RECORD.fullmatch(name)
        end_record = f"runs/{match['run']}.json" if match else ""
        if end_record in keys and json.loads(store.get(name)).get("replay") == key:
            yield json.loads(store.get(end_record))


def _last_captures(uri: str, record: dict[str, Any]) -> dict[str, list[CaptureMark]]:
    """The WINDOW + 1 last captures that a run landed of each file, in order."""
    heaps: dict[str, list[CaptureMark]] = {}
    for file, mark in _landed_captures(
        uri, (p["key"] for p in record["parts"] if p["table"] == "raw" and p["rows"])
    ):
        heap = heaps.setdefault(file, [])
        if len(heap) <= WINDOW:
            heapq.heappush(heap, mark)
        else:
            heapq.heappushpop(heap, mark)
    return {file: sorted(heap) for file, heap in heaps.items()}


def _landed_captures(uri: str, keys: Iterable[str]) -> Iterator[tuple[str, CaptureMark]]:
    for key in keys:
        with suppress(FileNotFoundError):  # expired: its captures are read again, and found unchanged
            for row in rows_of(uri, key, ["source", "id", "fetched_at"]):
                file, _, place = (row["source"] or "").rpartition("#")
                yield file, (RecordPlace.parse(place), row["id"], row["fetched_at"])
