"""Tells when runs visited an outlet, so that the publication of a page can be dated to after the visit before it.

A page that a visit did not find was not listed yet. A visit is dated by the first page that its run was the first to
land. Where it found nothing new, it counts if the run's record says that every source of the outlet answered.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from lake.index.page_index import run_started_at
from lake.storage.prefetch import prefetch
from lake.storage.store import DamagedObject, Store, parse_json_object

_SPIDERS_WITHOUT_VISITS = {"urls", "warc", "reclean"}  # they are told which pages to fetch
_PREFETCHED_RECORDS = 8


class VisitHistory:
    """The visits of every outlet, from the lake's run records and first landings."""

    def __init__(self, store: Store, first_seen: Iterable[tuple[str, str, datetime]]) -> None:
        """first_seen: for each page its outlet, the run that landed it first, and the time of its first fetch. Raises
        LakeError."""
        visited_at = {(outlet, run_id): run_started_at(run_id) for outlet, run_id in _complete_visits(store)}
        for outlet, run_id, seen_at in first_seen:
            if _spider_name(run_id) not in _SPIDERS_WITHOUT_VISITS:
                visit = outlet, run_id
                visited_at[visit] = min(seen_at, visited_at.get(visit, seen_at))
        self._visits: dict[str, list[tuple[datetime, str]]] = {}
        for (outlet, run_id), at in sorted(visited_at.items(), key=lambda visit: (visit[1], visit[0])):
            self._visits.setdefault(outlet, []).append((at, run_id))

    def last_visit_before(self, outlet: str, run_id: str, seen_at: datetime) -> datetime | None:
        """The time of the last visit, by another run, before a page was first fetched; None where none is known.
        run_id: the run that landed the page first. seen_at: the page's first fetch."""
        visits = self._visits.get(outlet, [])
        earlier = reversed(visits[: bisect_left(visits, (seen_at, ""))])
        return next((at for at, visiting_run in earlier if visiting_run != run_id), None)


def _complete_visits(store: Store) -> Iterator[tuple[str, str]]:
    """(outlet, run id) for each outlet and finished run in which all sources of the outlet were read and answered."""
    keys = [key for key in store.keys("runs/") if not key.endswith(".started.json")]

    def read(key: str) -> dict[str, Any]:
        try:
            return parse_json_object(key, store.get(key))
        except (KeyError, DamagedObject):  # removed meanwhile, or damaged: `python -m lake verify` reports it
            return {}

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
