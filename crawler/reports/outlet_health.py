"""Reads each outlet's recent health (last run, last article, dead sources) from the run records of the lake.

No Parquet file is read.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from crawler.reports.source_findings import failure_of
from lake.storage.store import Store

# newest records read: of an outlet's own runs (an older article counts as none), and of runs over many outlets (more,
# because one day may have many shards)
_OUTLET_RECORDS = 10
_SHARED_RECORDS = 50
SHARED_NAME = "all"  # the spider of runs over many outlets; crawler/spiders/all.py
READERS = 8  # threads


@dataclass(frozen=True, slots=True)
class Health:
    """What the recent run records say of one outlet. Times are UTC."""

    last_run: datetime  # end of the newest finished run
    last_article: datetime | None  # end of the newest run with an article; None if none was read
    candidates: int  # of the newest run
    sources: int  # that the newest run fetched
    dead: int  # sources of these that could not be read


def outlet_health(store: Store, names: Collection[str]) -> dict[str, Health]:
    """The health of each of the named outlets; those without a finished run are missing. Raises LakeError."""
    runs = runs_by_name(store)
    own_keys = {name: keys[:_OUTLET_RECORDS] for name, keys in runs.items() if name in names}
    by_outlet: dict[str, Health] = {}
    with ThreadPoolExecutor(READERS) as readers:
        for name, health in zip(
            own_keys,
            readers.map(lambda n: _health_from_own_runs(store, n, own_keys[n]), own_keys),
            strict=True,
        ):
            _merge(by_outlet, name, health)
        for record in readers.map(lambda key: read_record(store, key), runs[SHARED_NAME][:_SHARED_RECORDS]):
            for name, health in _health_in_shared_run(record):
                if name in names:
                    _merge(by_outlet, name, health)
    return by_outlet


def runs_by_name(store: Store, since: datetime | None = None) -> dict[str, list[str]]:
    """Spider name → keys of its run records, newest first; all, or those since a time. Raises LakeError."""
    runs: dict[str, list[str]] = defaultdict(list)
    after = f"runs/{since:%Y%m%dT%H%M%SZ}" if since else ""
    for key in sorted(store.keys("runs/", after=after), reverse=True):
        if key.endswith(".json") and not key.endswith(".started.json"):
            runs[key.partition("-")[2].rpartition("-")[0]].append(key)
    return runs


def _merge(by_outlet: dict[str, Health], name: str, health: Health | None) -> None:
    """Merge a run's health into an outlet's: all facts come from the newer run, but last_article from either."""
    before = by_outlet.get(name)
    if before is None or health is None:
        if health:
            by_outlet[name] = health
        return
    newer = max(before, health, key=lambda h: h.last_run)
    articles = [h.last_article for h in (before, health) if h.last_article]
    by_outlet[name] = replace(newer, last_article=max(articles, default=None))


def _health_from_own_runs(store: Store, name: str, keys: list[str]) -> Health | None:
    """Health from an outlet's own runs. Records are read, newest first, only until one has an article."""
    by_outlet: dict[str, Health] = {}
    for key in keys:
        if record := read_record(store, key):
            sources = record.get("sources", {})
            dead = sum(bool(failure_of(facts)) for facts in sources.values())
            counts = record.get("outlets", {}).get(name) or record["counts"]
            _merge(
                by_outlet,
                name,
                _health_from_record(record, counts, record.get("candidates", 0), len(sources), dead),
            )
            if by_outlet[name].last_article:
                break
    return by_outlet.get(name)


def _health_in_shared_run(record: dict[str, Any] | None) -> Iterator[tuple[str, Health]]:
    """Outlet and health for each outlet whose sources a run over many outlets fetched. The record may name others,
    which have an article there through a redirect only."""
    for name, facts in (record or {}).get("outlets", {}).items():
        if record and "sources" in facts:
            yield (
                name,
                _health_from_record(
                    record, facts, facts.get("candidates", 0), facts["sources"], facts["dead_sources"]
                ),
            )


def _health_from_record(
    record: dict[str, Any], counts: dict[str, Any], candidates: int, sources: int, dead: int
) -> Health:
    ended = datetime.fromisoformat(record["finished_at"])
    has_articles = any(counts.get(table) for table in ("articles", "copies", "revisions"))
    return Health(ended, ended if has_articles else None, candidates, sources, dead)


def read_record(store: Store, key: str) -> dict[str, Any] | None:
    """A run record by its key; None where it was deleted meanwhile or is no JSON. Raises LakeError."""
    try:
        record: dict[str, Any] = json.loads(store.get(key))
    except (KeyError, ValueError):
        return None
    return record
