"""The report of a run: counts the outcomes of its candidates, and makes of them the entries of the run record, the exit
code and the last log line.

Every candidate has exactly one outcome. What is lost on the way has a stat for each kind of loss (`lost/…`).
"""

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
from crawler.reports.monitors import FIELD_NAMES, alerts, carried_facts, outlet_histories, source_counts
from crawler.reports.source_findings import findings, why_failed
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
_FETCH_WORDS: dict[RevisitDecision, str] = {
    "new": "new",
    "changed": "changed",
    "again": "tried again",
    "afresh": "known and asked for all the same",
}
_SKIP_WORDS: dict[RevisitDecision, str] = {
    "known": "known",
    "later": "to be tried again",
    "never": "not worth another try",
    "taken_down": "taken down",
}
_OUTCOMES = ("articles", "copies", "revisions", "rejects", "unchanged")
# settings whose hash the run record holds: they decide what is fetched, how, and how it lands
_CONFIGURATION_SETTINGS = (
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
    """A spider that keeps track of its candidates: crawler.discovery.candidates.CandidateSpider. Hand-written spiders
    may implement it, too, so its names are a contract.

    sources: URL of each source → its facts for the run record. settled(): called after each outcome that is final for
    its URL. unsettled_sources(): URLs of the sources that listed a page which is still to be fetched, now or
    later."""

    sources: dict[str, dict[str, Any]]

    def settled(self, requested_url: str) -> None: ...

    def unsettled_sources(self) -> set[str]: ...


@runtime_checkable
class KeepsSources(Protocol):
    """A spider that keeps the state of its sources for later runs: crawler.discovery.source_spider.SourceSpider.

    remembered(): URL of each source → its state (SourceState.facts()); None where the next run has to read all of
    it."""

    def remembered(self) -> dict[str, dict[str, Any] | None]: ...


class RunReport:
    """Collects what happens in a run. The pipeline Land (crawler/pipeline/land.py) calls it."""

    def __init__(self, crawler: Crawler) -> None:
        assert crawler.stats
        self.crawler, self.stats = crawler, crawler.stats
        self._outlet_counts: dict[str, Counter[str]] = {}  # outlet → counts of its outcomes
        self.alerts: list[str] = []  # of the monitors
        self.notify_record: dict[str, Any] = {}  # for the notify command: at the end, run record and `faults`
        crawler.signals.connect(self._item_error, signals.item_error)
        crawler.signals.connect(self._spider_error, signals.spider_error)

    def facts(self, reason: str | None = None) -> dict[str, Any]:
        """The crawl's own facts for the run records; the lake adds those of the rows and part files. reason: why the
        run ended, as Scrapy calls it; None at its start, when the counts are still left out."""
        spider = self.crawler.spider
        facts: dict[str, Any] = {
            "spider": spider.name if spider else None,
            "configuration": self._configuration_hash(),
        }
        if replay := getattr(spider, "replay", None):  # crawler/spiders/warc.py
            facts["replay"] = replay
        if reason is not None:
            facts |= {
                "reason": reason,
                "candidates": self.stats.get_value("candidates", 0),
                "asked": self._decision_counts("asked", FETCH_DECISIONS),
                "skipped": self._decision_counts("skipped", SKIP_DECISIONS),
                "outlets": self._facts_by_outlet(),
                "sources": self._source_facts(reason),
                "requests": self.stats.get_value("downloader/request_count", 0),
                "bytes_received": self.stats.get_value("downloader/response_bytes", 0),
                "spider_errors": self.stats.get_value("spider_errors", 0),
            }
        return facts

    def _decision_counts(self, kind: str, names: tuple[str, ...]) -> dict[str, int]:
        counts = {name: self.stats.get_value(f"{kind}/{name}", 0) for name in names}
        return {name: count for name, count in counts.items() if count}

    def _facts_by_outlet(self) -> dict[str, Any]:
        outlet_crawls = getattr(self.crawler.spider, "outlet_crawls", None)
        facts: dict[str, Any] = outlet_crawls.facts() if outlet_crawls else self._single_outlet_facts()
        keys = sorted(facts.keys() | self._outlet_counts.keys())
        return {key: {**facts.get(key, {}), **self._outlet_counts.get(key, {})} for key in keys}

    def _single_outlet_facts(self) -> dict[str, Any]:
        """Outlet → facts of its sources, where the run is a crawl of one outlet for new pages; else empty. An archive
        crawl has none, so that the monitors do not compare it with crawls for new pages."""
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
        """Compare the outlets with their earlier runs; add the alerts, and the facts that monitors carry from record
        to record, to the run's facts. Nothing is done for an unfinished run, nor where the lake cannot be read."""
        outlets: dict[str, dict[str, Any]] = facts["outlets"]
        watched = [
            k for k, o in outlets.items() if "answered" in o and o.get("ended", "finished") == "finished"
        ]
        # rows that wait in the outbox mean that the store is away
        if facts["reason"] != "finished" or not watched or run.outbox.waiting:
            return
        now = datetime.now(UTC)
        try:
            earlier = outlet_histories(run.store, watched, now)
        except LakeError as error:
            log.warning("the monitors cannot compare the run with earlier ones: %s", error)
            return
        for key in watched:
            history, outlet = earlier[key], known_outlets().by_name.get(key)
            before = next((h for h in history if "last_article_at" in h), None)
            outlets[key] |= carried_facts(outlets[key], before, now)
            outlet_alerts = alerts(outlets[key], history, outlet.limits if outlet else Limits(), now)
            self.alerts += [f"{key}: {alert}" for alert in outlet_alerts]
        facts["monitors"] = self.alerts

    def _source_facts(self, reason: str) -> dict[str, Any]:
        """The facts of the spider's sources. `complete` holds only where no page that the source listed is still to
        be fetched; `visited` (the state for later runs) is set only by a run that finished."""
        spider = self.crawler.spider
        if not isinstance(spider, KeepsCandidates):
            return {}
        unsettled = spider.unsettled_sources()
        remembered = spider.remembered() if reason == "finished" and isinstance(spider, KeepsSources) else {}
        by_url = {url: dict(facts) for url, facts in spider.sources.items()}
        for url, facts in by_url.items():
            if "complete" in facts:
                facts["complete"] = facts["complete"] and url not in unsettled
            if "visited" in facts:
                facts["visited"] = remembered.get(url)
        return by_url

    def _configuration_hash(self) -> str:
        settings = {name: self.crawler.settings.get(name) for name in _CONFIGURATION_SETTINGS}
        return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def opened(self, opening: Opening) -> None:
        """The run has begun: count the dead runs and spools that were recovered first."""
        if opening.recovered:
            self.stats.set_value("recovered_runs", len(opening.recovered))
        if opening.unspooled:
            self.stats.set_value("unspooled/objects", opening.unspooled)

    def refused(self, error: LakeError) -> None:
        """The run cannot begin, and nothing is fetched: set the exit code and log the error."""
        self.stats.set_value(EXIT_STAT, EXIT_HELD if isinstance(error, LeaseHeld) else EXIT_FAILED)
        self.notify_record = {"faults": [str(error)]}
        log.error("%s", error)

    def spooled(self, run: Run) -> None:
        """A part set was spooled instead of stored: update the spool's stats."""
        spool = run.outbox.spool
        assert spool
        self.stats.set_value("spool/objects", len(spool.keys))
        self.stats.max_value("spool/bytes", spool.bytes)

    def count(self, result: Result, request: RawPage | Reject) -> None:
        """Count a candidate's outcome. request: names the requested URL and its outlet."""
        if result.settled and (spider := self._candidate_spider):
            spider.settled(request.requested_url)
        outlet = self._outlet_counts.setdefault(request.outlet, Counter())
        outlet[result.outcome] += 1
        if result.reason:
            outlet[f"rejects/{result.reason}"] += 1
        elif result.values:
            outlet.update(f"with/{name}" for column, name in FIELD_NAMES.items() if result.values[column])
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
    def _candidate_spider(self) -> KeepsCandidates | None:
        """The spider, where it keeps track of its candidates."""
        spider = self.crawler.spider
        return spider if isinstance(spider, KeepsCandidates) else None

    def lost(self, rows: int) -> None:
        """Count rows that could not be landed."""
        if rows:
            self.stats.inc_value("lost/not_landed", rows)

    def _item_error(self) -> None:
        self.stats.inc_value("lost/item_errors")

    def _spider_error(self) -> None:
        self.stats.inc_value("spider_errors")

    def close(self, run: Run, reason: str) -> None:
        """Set the exit code and the record for the notify command, and log in one line what the run did."""
        spider, candidates = self.crawler.spider, self.stats.get_value("candidates")
        outcomes = {name: self.stats.get_value(f"outcome/{name}", 0) for name in _OUTCOMES}
        left_for_later = self.stats.get_value("left", 0)
        without_outcome = (
            candidates - sum(outcomes.values()) - left_for_later
            if candidates is not None and reason == "finished"
            else 0
        )
        if without_outcome:
            self.stats.set_value("lost/without_outcome", without_outcome)
        if spooled_rows := run.spooled_rows:
            self.stats.set_value("spool/rows", spooled_rows)
        faults = [*self._crawl_faults(without_outcome), *_spool_faults(run)]
        self.notify_record = {**run.record, "faults": faults}
        forfeited = f"{run.forfeited.total()} left to another machine" if run.forfeited else ""
        alert_text = "; ".join(self.alerts)
        source_text = "; ".join(self._source_findings())
        code_if_landed = EXIT_MONITOR if alert_text else EXIT_LANDED
        self.stats.set_value(EXIT_STAT, EXIT_FAILED if faults else EXIT_HELD if forfeited else code_if_landed)
        log.log(
            logging.ERROR if faults else logging.WARNING if alert_text else logging.INFO,
            "%s: %s → %s%s%s%s",
            spider.name if spider else run.run_id,
            ", ".join(filter(None, [self._summary(outcomes), forfeited])),
            run.store.uri,
            f"; FAILED: {'; '.join(faults)}" if faults else "",
            f"; CHANGED: {alert_text}" if alert_text else "",
            f"; SOURCES: {source_text}" if source_text else "",
        )

    def _summary(self, outcomes: dict[str, int]) -> str:
        """`212 known, 14 new, 1 to be tried again → 12 articles, 2 rejects`: the revisit decisions and
        unchanged sources, then the outcomes."""
        fetched, skipped = (
            self._decision_counts("asked", FETCH_DECISIONS),
            self._decision_counts("skipped", SKIP_DECISIONS),
        )
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
        words, counts = {**_FETCH_WORDS, **_SKIP_WORDS}, {**fetched, **skipped}
        decision_text = ", ".join(
            [
                *(f"{counts[decision]} {words[decision]}" for decision in order if decision in counts),
                *self._source_summary(),
            ]
        )
        outcome_texts = [f"{count} {name}" for name, count in outcomes.items() if count]
        if reserved := self.stats.get_value("outcome/rejects/tdm_reserved", 0):
            outcome_texts.append(f"{reserved} left because text and data mining is reserved (TDM)")
        if gone := self.stats.get_value("gone", 0):
            outcome_texts.append(f"{gone} gone")
        return " → ".join(
            filter(
                None,
                [
                    decision_text,
                    ", ".join(outcome_texts) or ("nothing new" if decision_text else "nothing found"),
                ],
            )
        )

    def _source_summary(self) -> Iterator[str]:
        """The number of sources that were unchanged, and of those that were not due for a fetch."""
        if unchanged := self.stats.get_value("sources/unchanged", 0):
            yield f"{unchanged} source{'s' * (unchanged > 1)} unchanged"
        if skipped := self.stats.get_value("sources/not_due", 0):
            sources = getattr(self.crawler.spider, "sources", {})
            next_at = min(s["not_due"] for s in sources.values() if "not_due" in s)
            yield f"{skipped} source{'s' * (skipped > 1)} not due before {next_at[11:19]} UTC (-a fresh=1 asks now)"

    def _source_findings(self) -> Iterator[str]:
        """What the last line says of sources that failed or were read only in part, where the crawl did not fail."""
        outlet_crawls = getattr(self.crawler.spider, "outlet_crawls", None)
        yield from (
            outlet_crawls.findings()
            if outlet_crawls
            else findings(getattr(self.crawler.spider, "sources", {}))
        )

    def _crawl_faults(self, without_outcome: int) -> Any:
        """What went wrong in the crawl, as texts for the log line; without_outcome: candidates without an outcome."""
        sources = getattr(self.crawler.spider, "sources", {})
        outlet_crawls = getattr(self.crawler.spider, "outlet_crawls", None)
        if lost := self.stats.get_value("lost/not_landed", 0):
            yield f"{lost} candidates did not land"
        if without_outcome:
            yield f"{without_outcome} candidates have no outcome"
        if outlet_crawls:
            yield from outlet_crawls.faults()
        elif why := why_failed(sources):
            yield why
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


def _spool_faults(run: Run) -> Iterator[str]:
    """A text for the log line where rows are still spooled."""
    spool = run.outbox.spool
    if spool and spool.keys:
        yield (
            f"{run.spooled_rows} candidates wait in {spool.folder} ({len(spool.keys)} objects); the next start "
            "of any crawl on this machine lands them"
        )
