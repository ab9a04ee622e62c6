"""The books of a run: every candidate has one outcome, every loss a named stat, and the run an exit code."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

from scrapy import signals
from scrapy.crawler import Crawler

from cleaning import RawPage
from crawler.outlet_files import known_outlets
from crawler.reports.monitors import FIELDS, alerts, carried_facts, outlet_histories, source_counts
from lake.runs.revisit_policy import FETCH_DECISIONS, SKIP_DECISIONS, RevisitDecision
from lake.runs.run import Result, Run
from lake.runs.session import Opening
from lake.schema.records import Reject
from lake.storage.leases import LeaseHeld
from lake.storage.store import LakeError
from outlets import Limits, Outlet

log = logging.getLogger(__name__)

EXIT_STAT = "exit_code"
EXIT_LANDED, EXIT_FAILED, EXIT_CONFIGURATION, EXIT_HELD, EXIT_MONITOR = range(5)  # docs/operating.md
_WHY_ASKED: dict[RevisitDecision, str] = {
    "new": "new",
    "changed": "changed",
    "again": "tried again",
    "afresh": "known and asked for all the same",
}
_WHY_NOT: dict[RevisitDecision, str] = {
    "known": "known",
    "later": "to be tried again",
    "never": "not worth another try",
    "taken_down": "taken down",
}
_OUTCOMES = ("articles", "copies", "revisions", "rejects", "unchanged")
_SHAPING = (
    "LAKE_URI",
    "OUTLETS_DIR",
    "ROBOTSTXT_OBEY",
    "DOWNLOAD_DELAY",
    "FLUSH_ROWS",
    "FLUSH_BYTES",
    "FLUSH_AGE_S",
)


@runtime_checkable
class KeepsCandidates(Protocol):
    """What a spider knows of its candidates: crawler.discovery.candidates.CandidateSpider."""

    sources: dict[str, dict[str, Any]]

    def settled(self, requested_url: str) -> None: ...

    def unsettled_sources(self) -> set[str]: ...


@runtime_checkable
class KeepsSources(Protocol):
    """What a spider knows of its sources: crawler.discovery.source_spider.SourceSpider."""

    def remembered(self) -> dict[str, dict[str, Any] | None]: ...


class RunReport:
    def __init__(self, crawler: Crawler) -> None:
        assert crawler.stats
        self.crawler, self.stats = crawler, crawler.stats
        self._outlets: dict[str, Counter[str]] = {}  # outcomes of each
        self.alerts: list[str] = []  # of the monitors
        self.told: dict[str, Any] = {}  # at the end: the run record, and `faults`; crawler/reports/notify.py
        crawler.signals.connect(self._item_error, signals.item_error)
        crawler.signals.connect(self._spider_error, signals.spider_error)

    def facts(self, reason: str | None = None) -> dict[str, Any]:
        """What the run's records say besides the parts; reason once the run has ended."""
        spider = self.crawler.spider
        facts: dict[str, Any] = {
            "spider": spider.name if spider else None,
            "configuration": self._configuration(),
        }
        if replay := getattr(spider, "replay", None):  # crawler/spiders/warc.py
            facts["replay"] = replay
        if reason is not None:
            facts |= {
                "reason": reason,
                "candidates": self.stats.get_value("candidates", 0),
                "asked": self._numbers("asked", FETCH_DECISIONS),
                "skipped": self._numbers("skipped", SKIP_DECISIONS),
                "outlets": self._of_each_outlet(),
                "sources": self._sources(reason),
                "requests": self.stats.get_value("downloader/request_count", 0),
                "bytes_received": self.stats.get_value("downloader/response_bytes", 0),
                "spider_errors": self.stats.get_value("spider_errors", 0),
            }
        return facts

    def _numbers(self, kind: str, names: tuple[str, ...]) -> dict[str, int]:
        counts = {name: self.stats.get_value(f"{kind}/{name}", 0) for name in names}
        return {name: count for name, count in counts.items() if count}

    def _of_each_outlet(self) -> dict[str, Any]:
        members = getattr(self.crawler.spider, "outlet_crawls", None)
        told: dict[str, Any] = members.facts() if members else self._of_one_outlet()
        keys = sorted(told.keys() | self._outlets.keys())
        return {key: {**told.get(key, {}), **self._outlets.get(key, {})} for key in keys}

    def _of_one_outlet(self) -> dict[str, Any]:
        """Of a crawl of what is new of one outlet; an archive is no measure for the monitors."""
        spider = self.crawler.spider
        outlet = getattr(spider, "outlet", None)
        if (
            not isinstance(outlet, Outlet)
            or not isinstance(spider, KeepsCandidates)
            or getattr(spider, "backfill", False)
        ):
            return {}
        return {outlet.key: source_counts(spider.sources.values())}

    def watch(self, run: Run, facts: dict[str, Any]) -> None:
        """Add to a run's facts what the monitors remember, and what they have to tell."""
        outlets: dict[str, dict[str, Any]] = facts["outlets"]
        watched = [
            k for k, o in outlets.items() if "answered" in o and o.get("ended", "finished") == "finished"
        ]
        if facts["reason"] != "finished" or not watched or run.outbox.waiting:  # else the store is away
            return
        now = datetime.now(UTC)
        try:
            earlier = outlet_histories(run.store, watched, now)
        except LakeError as error:
            log.warning("the monitors cannot compare the run with earlier ones: %s", error)
            return
        for key in watched:
            history, known = earlier[key], known_outlets().by_name.get(key)
            before = next((h for h in history if "last_article_at" in h), None)
            outlets[key] |= carried_facts(outlets[key], before, now)
            told = alerts(outlets[key], history, known.limits if known else Limits(), now)
            self.alerts += [f"{key}: {complaint}" for complaint in told]
        facts["monitors"] = self.alerts

    def _sources(self, reason: str) -> dict[str, Any]:
        """The spider's, `complete` only where nothing more is to come of the pages that the source named, and `visited`
        only of a run that went to its end."""
        spider = self.crawler.spider
        if not isinstance(spider, KeepsCandidates):
            return {}
        unsettled = spider.unsettled_sources()
        remembered = spider.remembered() if reason == "finished" and isinstance(spider, KeepsSources) else {}
        told = {url: dict(facts) for url, facts in spider.sources.items()}
        for url, facts in told.items():
            if "complete" in facts:
                facts["complete"] = facts["complete"] and url not in unsettled
            if "visited" in facts:
                facts["visited"] = remembered.get(url)
        return told

    def _configuration(self) -> str:
        settings = {name: self.crawler.settings.get(name) for name in _SHAPING}
        return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def opened(self, opening: Opening) -> None:
        if opening.recovered:
            self.stats.set_value("recovered_runs", len(opening.recovered))
        if opening.unspooled:
            self.stats.set_value("unspooled/objects", opening.unspooled)

    def refused(self, error: LakeError) -> None:
        """The run cannot begin: nothing is fetched."""
        self.stats.set_value(EXIT_STAT, EXIT_HELD if isinstance(error, LeaseHeld) else EXIT_FAILED)
        self.told = {"faults": [str(error)]}
        log.error("%s", error)

    def spooled(self, run: Run) -> None:
        spool = run.outbox.spool
        assert spool
        self.stats.set_value("spool/objects", len(spool.keys))
        self.stats.max_value("spool/bytes", spool.bytes)

    def count(self, result: Result, asked: RawPage | Reject) -> None:
        if result.settled and (spider := self._telling):
            spider.settled(asked.requested_url)
        outlet = self._outlets.setdefault(asked.outlet, Counter())
        outlet[result.outcome] += 1
        if result.reason:
            outlet[f"rejects/{result.reason}"] += 1
        elif result.values:
            outlet.update(f"with/{name}" for column, name in FIELDS.items() if result.values[column])
            outlet["chars/kept"] += len(result.values["text"])
            outlet["chars/removed"] += sum(
                cut["chars"] for cut in result.values["removed"] if cut["stage"] != "extraction"
            )
        if result.gone:
            self.stats.inc_value("gone")
        self.stats.inc_value(f"outcome/{result.outcome}")
        if result.reason:
            self.stats.inc_value(f"outcome/rejects/{result.reason}")
        for kind, count in Counter(cut["kind"] for cut in (result.values or {}).get("removed", ())).items():
            self.stats.inc_value(f"removed/{kind}", count)

    @cached_property
    def _telling(self) -> KeepsCandidates | None:
        """The spider, where it keeps books of its own."""
        spider = self.crawler.spider
        return spider if isinstance(spider, KeepsCandidates) else None

    def lost(self, rows: int) -> None:
        if rows:
            self.stats.inc_value("lost/not_landed", rows)

    def _item_error(self) -> None:
        self.stats.inc_value("lost/item_errors")

    def _spider_error(self) -> None:
        self.stats.inc_value("spider_errors")

    def close(self, run: Run, reason: str) -> None:
        """Set the exit code and say in one line what the run did."""
        spider, candidates = self.crawler.spider, self.stats.get_value("candidates")
        outcomes = {name: self.stats.get_value(f"outcome/{name}", 0) for name in _OUTCOMES}
        left_undone = self.stats.get_value("left", 0)
        without = (
            candidates - sum(outcomes.values()) - left_undone
            if candidates is not None and reason == "finished"
            else 0
        )
        if without:
            self.stats.set_value("lost/without_outcome", without)
        if waiting := run.spooled_rows:
            self.stats.set_value("spool/rows", waiting)
        faults = [*self._faults(without), *_faults_of(run)]
        self.told = {**run.record, "faults": faults}
        left = f"{run.forfeited.total()} left to another machine" if run.forfeited else ""
        changed = "; ".join(self.alerts)
        fine = EXIT_MONITOR if changed else EXIT_LANDED
        self.stats.set_value(EXIT_STAT, EXIT_FAILED if faults else EXIT_HELD if left else fine)
        log.log(
            logging.ERROR if faults else logging.WARNING if changed else logging.INFO,
            "%s: %s → %s%s%s",
            spider.name if spider else run.run_id,
            ", ".join(filter(None, [self._told(outcomes), left])),
            run.store.uri,
            f"; FAILED: {'; '.join(faults)}" if faults else "",
            f"; CHANGED: {changed}" if changed else "",
        )

    def _told(self, outcomes: dict[str, int]) -> str:
        """`212 known, 14 new, 1 to be tried again → 12 articles, 2 rejects`: why there is so much, or so little."""
        asked, skipped = self._numbers("asked", FETCH_DECISIONS), self._numbers("skipped", SKIP_DECISIONS)
        order: tuple[RevisitDecision, ...] = (
            "known",
            "new",
            "changed",
            "again",
            "afresh",
            "later",
            "never",
            "taken_down",
        )
        words, counts = {**_WHY_ASKED, **_WHY_NOT}, {**asked, **skipped}
        named = ", ".join(
            [
                *(f"{counts[visit]} {words[visit]}" for visit in order if visit in counts),
                *self._told_of_sources(),
            ]
        )
        found = [f"{count} {name}" for name, count in outcomes.items() if count]
        if reserved := self.stats.get_value("outcome/rejects/tdm_reserved", 0):
            found.append(f"{reserved} left because text and data mining is reserved (TDM)")
        if gone := self.stats.get_value("gone", 0):
            found.append(f"{gone} gone")
        return " → ".join(
            filter(None, [named, ", ".join(found) or ("nothing new" if named else "nothing found")])
        )

    def _told_of_sources(self) -> Iterator[str]:
        """Those that had nothing new to tell, or were not asked."""
        if unchanged := self.stats.get_value("sources/unchanged", 0):
            yield f"{unchanged} source{'s' * (unchanged > 1)} unchanged"
        if skipped := self.stats.get_value("sources/not_due", 0):
            sources = getattr(self.crawler.spider, "sources", {})
            next_at = min(s["not_due"] for s in sources.values() if "not_due" in s)
            yield f"{skipped} source{'s' * (skipped > 1)} not due before {next_at[11:19]} UTC (-a fresh=1 asks now)"

    def _faults(self, without: int) -> Any:
        sources = getattr(self.crawler.spider, "sources", {})
        members = getattr(self.crawler.spider, "outlet_crawls", None)
        if lost := self.stats.get_value("lost/not_landed", 0):
            yield f"{lost} candidates did not land"
        if without:
            yield f"{without} candidates have no outcome"
        if members:
            yield from members.faults()
        elif sources and all(s["error"] for s in sources.values()):
            yield "no source answered"
        if unreadable := self.stats.get_value("warc/unreadable_files", 0):
            yield f"{unreadable} WARC files could not be read"
        candidates = self.stats.get_value("candidates", 0)
        if candidates and self.stats.get_value("unreachable", 0) == candidates:
            yield "no candidate answered"
        outcomes = sum(self.stats.get_value(f"outcome/{name}", 0) for name in _OUTCOMES)
        if outcomes and self.stats.get_value("outcome/rejects/quarantined", 0) == outcomes:
            yield "every page was quarantined"
        if errors := self.stats.get_value("lost/item_errors", 0):
            yield f"{errors} pages failed in the pipeline"
        if errors := self.stats.get_value("spider_errors", 0):
            yield f"{errors} errors in the spider"


def _faults_of(run: Run) -> Iterator[str]:
    spool = run.outbox.spool
    if spool and spool.keys:
        yield (
            f"{run.spooled_rows} candidates wait in {spool.folder} ({len(spool.keys)} objects); the next start "
            "of any crawl on this machine lands them"
        )
