"""How the outlets fared lately, from the run records of the lake; no Parquet is read."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from lake.storage.store import Store

_OWN = 10  # records of an outlet's own runs, newest first; an article that is older counts as none
_SHARED = 50  # records of runs over many outlets: shards of a day are many
SHARED_NAME = "all"  # crawler/spiders/all.py
READERS = 8


@dataclass(frozen=True, slots=True)
class Health:
    last_run: datetime  # when the newest finished run ended; UTC
    last_article: datetime | None  # when the newest run ended that landed any; None: none of those looked at
    candidates: int  # of the newest run
    sources: int  # that it asked
    dead: int  # of these, that gave nothing to read


def outlet_health(store: Store, names: Collection[str]) -> dict[str, Health]:
    """By outlet; those that never ran to an end are missing. Raises LakeError."""
    runs = runs_by_name(store)
    own = {name: keys[:_OWN] for name, keys in runs.items() if name in names}
    known: dict[str, Health] = {}
    with ThreadPoolExecutor(READERS) as readers:
        for name, fared in zip(own, readers.map(lambda n: _own(store, n, own[n]), own), strict=True):
            _add(known, name, fared)
        for record in readers.map(lambda key: read_record(store, key), runs[SHARED_NAME][:_SHARED]):
            for name, fared in _members(record):
                if name in names:
                    _add(known, name, fared)
    return known


def runs_by_name(store: Store, since: datetime | None = None) -> dict[str, list[str]]:
    """The keys of run records by the spider's name, newest first. Raises LakeError."""
    runs: dict[str, list[str]] = defaultdict(list)
    after = f"runs/{since:%Y%m%dT%H%M%SZ}" if since else ""
    for key in sorted(store.keys("runs/", after=after), reverse=True):
        if key.endswith(".json") and not key.endswith(".started.json"):
            runs[key.partition("-")[2].rpartition("-")[0]].append(key)
    return runs


def _add(known: dict[str, Health], name: str, fared: Health | None) -> None:
    """The newer run tells; an article may be of the other."""
    before = known.get(name)
    if before is None or fared is None:
        if fared:
            known[name] = fared
        return
    newer = max(before, fared, key=lambda h: h.last_run)
    articles = [h.last_article for h in (before, fared) if h.last_article]
    known[name] = replace(newer, last_article=max(articles, default=None))


def _own(store: Store, name: str, keys: list[str]) -> Health | None:
    """Of an outlet's own runs: no more records are read than it takes to find an article."""
    known: dict[str, Health] = {}
    for key in keys:
        if record := read_record(store, key):
            sources = record.get("sources", {})
            dead = sum(bool(facts.get("error")) for facts in sources.values())
            counts = record.get("outlets", {}).get(name) or record["counts"]
            _add(known, name, _health(record, counts, record.get("candidates", 0), len(sources), dead))
            if known[name].last_article:
                break
    return known.get(name)


def _members(record: dict[str, Any] | None) -> Iterator[tuple[str, Health]]:
    """Of a run over many outlets, those whose sources it asked; others have an article there by a redirect only."""
    for name, facts in (record or {}).get("outlets", {}).items():
        if record and "sources" in facts:
            yield (
                name,
                _health(record, facts, facts.get("candidates", 0), facts["sources"], facts["dead_sources"]),
            )


def _health(
    record: dict[str, Any], counts: dict[str, Any], candidates: int, sources: int, dead: int
) -> Health:
    ended = datetime.fromisoformat(record["finished_at"])
    landed = any(counts.get(table) for table in ("articles", "copies", "revisions"))
    return Health(ended, ended if landed else None, candidates, sources, dead)


def read_record(store: Store, key: str) -> dict[str, Any] | None:
    """None where it is gone in between, or no record."""
    try:
        found: dict[str, Any] = json.loads(store.get(key))
    except (KeyError, ValueError):
        return None
    return found
