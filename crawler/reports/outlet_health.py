"""Reads each outlet's recent health (last run, last outcome, last article, dead sources, what monitors said) from the run
records of the lake, and says whether the outlet is in trouble.

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

from cleaning.wording import counted
from crawler.reports.endings import HARMLESS
from crawler.reports.source_findings import failure_of
from lake.storage.store import Store
from outlets import Limits

# newest records read: of an outlet's own runs (an older article counts as none), and of runs over many outlets (more,
# because one day may have many shards)
_OUTLET_RECORDS = 10
_SHARED_RECORDS = 50
SHARED_NAME = "all"  # the spider of runs over many outlets; crawler/spiders/all.py
READERS = 8  # threads
_LANDED = ("articles", "copies", "revisions")
# such a page is no article, or not a wanted one: it says nothing against the outlet
_HARMLESS_REASONS = frozenset({"gallery", "video", "listing", "part", "not_selected"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the pages of one run."""

    at: datetime  # end of the run
    landed: int  # articles, copies and revisions
    unchanged: int
    rejects: int
    reasons: dict[str, int]  # of the rejects
    monitors: tuple[str, ...]  # what the monitors said of the outlet


@dataclass(frozen=True, slots=True)
class Health:
    """What the recent run records say of one outlet. Times are UTC."""

    last_run: datetime  # end of the newest finished run
    last_article: datetime | None  # end of the newest run with an article; None if none was read
    candidates: int  # of the newest run
    sources: int  # that the newest run fetched
    dead: int  # sources of these that could not be read
    ended: str  # how the newest run ended, as `finished`
    spider_errors: int  # in the newest run; 0 for a run over many outlets, whose errors are not told apart
    monitors: tuple[str, ...]  # what they said of the newest run
    last_outcome: Outcome | None  # of the newest run in which a page had an outcome; None if none was read

    @property
    def troubles(self) -> list[str]:
        """What is wrong with the outlet, as phrases; empty for a healthy one."""
        outcome = self.last_outcome
        told = []
        if self.ended not in HARMLESS:
            told.append(f"the last run ended early: {self.ended}")
        if self.sources and self.dead == self.sources:
            told.append("no source answered")
        if self.spider_errors:
            told.append(f"{counted(self.spider_errors, 'error')} in the spider")
        if (
            outcome
            and not outcome.landed
            and not outcome.unchanged
            and outcome.reasons.keys() - _HARMLESS_REASONS
            # a single page that is none says little of an outlet whose articles land
            and (outcome.rejects >= Limits().min_pages or not self.last_article)
        ):
            pages = counted(outcome.rejects, "page")
            told.append(f"nothing landed of {pages}: {count_reasons(outcome.reasons)}")
        elif not self.last_article and self.sources and self.ended == "finished" and not told:
            told.append("no article so far")
        return [*told, *dict.fromkeys([*self.monitors, *(outcome.monitors if outcome else ())])]


def count_reasons(reasons: dict[str, int]) -> str:
    """`paywall 4, soft_404 1`, the most frequent first."""
    return ", ".join(
        f"{reason} {count}" for reason, count in sorted(reasons.items(), key=lambda r: (-r[1], r[0]))
    )


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
    outcomes = [h.last_outcome for h in (before, health) if h.last_outcome]
    by_outlet[name] = replace(
        newer,
        last_article=max(articles, default=None),
        last_outcome=max(outcomes, key=lambda o: o.at, default=None),
    )


def _health_from_own_runs(store: Store, name: str, keys: list[str]) -> Health | None:
    """Health from an outlet's own runs. Records are read, newest first, only until one has an article."""
    by_outlet: dict[str, Health] = {}
    for key in keys:
        if record := read_record(store, key):
            sources = record.get("sources", {})
            dead = sum(bool(failure_of(facts)) for facts in sources.values())
            health = _health_from_record(
                record,
                name,
                {**record["counts"], **record.get("outlets", {}).get(name, {})},
                ended=record.get("reason", "finished"),
                candidates=record.get("candidates", 0),
                sources=len(sources),
                dead=dead,
            )
            _merge(by_outlet, name, replace(health, spider_errors=record.get("spider_errors", 0)))
            if by_outlet[name].last_article and by_outlet[name].last_outcome:
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
                    record,
                    name,
                    facts,
                    ended=facts.get("ended", "finished"),
                    candidates=facts.get("candidates", 0),
                    sources=facts["sources"],
                    dead=facts["dead_sources"],
                ),
            )


def _health_from_record(
    record: dict[str, Any],
    name: str,
    counts: dict[str, Any],
    *,
    ended: str,
    candidates: int,
    sources: int,
    dead: int,
) -> Health:
    """Health from one record. counts: what the record says of the outlet, with the outcomes of its pages."""
    ended_at = datetime.fromisoformat(record["finished_at"])
    prefix = f"{name}: "
    monitors = tuple(
        alert.removeprefix(prefix) for alert in record.get("monitors", ()) if alert.startswith(prefix)
    )
    outcome = Outcome(
        ended_at,
        sum(counts.get(table, 0) for table in _LANDED),
        counts.get("unchanged", 0),
        counts.get("rejects", 0),
        {k.removeprefix("rejects/"): n for k, n in counts.items() if k.startswith("rejects/")},
        monitors,
    )
    # the time of the last article goes from record to record
    carried = datetime.fromisoformat(counts["last_article_at"]) if counts.get("last_article_at") else None
    return Health(
        last_run=ended_at,
        last_article=ended_at if outcome.landed else carried,
        candidates=candidates,
        sources=sources,
        dead=dead,
        ended=ended,
        spider_errors=0,
        monitors=monitors,
        last_outcome=outcome if outcome.landed or outcome.unchanged or outcome.rejects else None,
    )


def read_record(store: Store, key: str) -> dict[str, Any] | None:
    """A run record by its key; None where it was deleted meanwhile or is no JSON. Raises LakeError."""
    try:
        record: dict[str, Any] = json.loads(store.get(key))
    except (KeyError, ValueError):
        return None
    return record
