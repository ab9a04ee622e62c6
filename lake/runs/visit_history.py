"""When each outlet was visited: what a visit did not find was not listed yet.

A visit is known by the first page that its run was the first to land, and, where it found nothing new, by the record of
a run in which every source of the outlet answered.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from lake.index.page_index import run_started_at
from lake.storage.prefetch import prefetch
from lake.storage.store import Store

_SPIDERS_WITHOUT_VISITS = {"urls", "warc", "reclean"}  # runs that are told which pages to take
_PREFETCHED_RECORDS = 8


class VisitHistory:
    """first_seen: of each page its outlet, the run that landed it first, and when it was seen first."""

    def __init__(self, store: Store, first_seen: Iterable[tuple[str, str, datetime]]) -> None:
        visited_at = {(outlet, run_id): run_started_at(run_id) for outlet, run_id in _complete_visits(store)}
        for outlet, run_id, seen_at in first_seen:
            if _spider_name(run_id) not in _SPIDERS_WITHOUT_VISITS:
                visit = outlet, run_id
                visited_at[visit] = min(seen_at, visited_at.get(visit, seen_at))
        self._visits: dict[str, list[tuple[datetime, str]]] = {}
        for (outlet, run_id), at in sorted(visited_at.items(), key=lambda visit: (visit[1], visit[0])):
            self._visits.setdefault(outlet, []).append((at, run_id))

    def last_visit_before(self, outlet: str, run_id: str, seen_at: datetime) -> datetime | None:
        """The last visit before a page was seen in this run; None: none is known."""
        visits = self._visits.get(outlet, [])
        earlier = reversed(visits[: bisect_left(visits, (seen_at, ""))])
        return next((at for at, visiting_run in earlier if visiting_run != run_id), None)


def _complete_visits(store: Store) -> Iterator[tuple[str, str]]:
    """Outlets and the runs to whose end all of the outlet's sources had been asked and had answered."""
    keys = [key for key in store.keys("runs/") if not key.endswith(".started.json")]

    def read(key: str) -> dict[str, Any]:
        try:
            record: dict[str, Any] = json.loads(store.get(key))
        except (KeyError, ValueError):  # removed meanwhile, or damaged: `python -m lake verify` tells
            return {}
        return record

    for record in prefetch(read, keys, _PREFETCHED_RECORDS):
        if record.get("reason") == "finished":
            for outlet, facts in record.get("outlets", {}).items():
                if _has_all_answers(facts):
                    yield outlet, record["run_id"]


def _has_all_answers(facts: dict[str, Any]) -> bool:
    if facts.get("ended", "finished") != "finished" or not facts.get("sources"):
        return False
    return facts.get("dead_sources") == 0 and facts.get("not_due") == 0


def _spider_name(run_id: str) -> str:
    return run_id.split("-", 1)[-1].rpartition("-")[0]
