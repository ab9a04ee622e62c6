"""The report of a run: counts the outcomes of its candidates, and makes of them the entries of the run record, the exit
code and the last word.

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
from crawler.reports.endings import LEFT_TO_OTHERS, ending_of
from crawler.reports.faults import EndedCrawl, faults
from crawler.reports.last_word import LastWord
from crawler.reports.monitors import FIELD_NAMES, alerts, carried_facts, outlet_histories, source_counts
from crawler.reports.source_findings import findings
from crawler.reports.summary import summary
from crawler.reports.troubles import FAILED, SeenOutlet, trouble_lines
from lake.runs.other_runs import OtherRuns
from lake.runs.revisit_policy import FETCH_DECISIONS, SKIP_DECISIONS
from lake.runs.run import Result, Run
from lake.runs.session import Opening
from lake.schema.records import Reject
from lake.storage.leases import LeaseHeld
from lake.storage.store import LakeError
from outlets import Limits, Outlet

log = logging.getLogger(__name__)

EXIT_STAT = "exit_code"
EXIT_LANDED, EXIT_FAILED, EXIT_CONFIGURATION, EXIT_HELD, EXIT_MONITOR = range(5)  # docs/operating.md
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
        self._seen: dict[str, SeenOutlet] = {}  # by outlet
        self.alerts: list[str] = []  # of the monitors
        self.state_failure: str | None = None  # why the working folder cannot be used any more
        name = crawler.spider.name if crawler.spider else ""
        self.last_word = LastWord(name, faults=["the crawl did not come to its end; its log says why"])
        self.notify_record: dict[str, Any] = {}  # for the notify command: at the end, run record and `faults`
        crawler.signals.connect(self._item_error, signals.item_error)
        crawler.signals.connect(self._spider_error, signals.spider_error)
        crawler.signals.connect(self._engine_stopped, signals.engine_stopped)

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
                "outlets": self._facts_by_outlet(reason),
                "sources": self._source_facts(reason),
                "requests": self.stats.get_value("downloader/request_count", 0),
                "bytes_received": self.stats.get_value("downloader/response_bytes", 0),
                "spider_errors": self.stats.get_value("spider_errors", 0),
            }
        return facts

    def _decision_counts(self, kind: str, names: tuple[str, ...]) -> dict[str, int]:
        counts = {name: self.stats.get_value(f"{kind}/{name}", 0) for name in names}
        return {name: count for name, count in counts.items() if count}

    def _facts_by_outlet(self, reason: str) -> dict[str, Any]:
        outlet_crawls = getattr(self.crawler.spider, "outlet_crawls", None)
        facts: dict[str, Any] = outlet_crawls.facts() if outlet_crawls else self._single_outlet_facts()
        for outlet in facts.values():
            if outlet.get("ended") == "shutdown":  # its crawl was under way when the whole crawl ended
                outlet["ended"] = reason
        counts = {key: seen.counts for key, seen in self._seen.items() if seen.counts}
        return {
            key: {**facts.get(key, {}), **counts.get(key, {}), **self._held_loop(key)}
            for key in sorted(facts.keys() | counts.keys())
        }

    def _held_loop(self, outlet: str) -> dict[str, float]:
        """For how long an outlet held the event loop; empty where it did not."""
        held_s = self.stats.get_value(f"event_loop/held_s/{outlet}")
        return {"held_loop_s": held_s} if held_s else {}

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
        to record, to the run's facts. Nothing is done for outlets that another machine crawls, nor where the lake
        cannot be read."""
        outlets: dict[str, dict[str, Any]] = facts["outlets"]
        ended = {k: o.get("ended", facts["reason"]) for k, o in outlets.items() if "answered" in o}
        watched = [key for key, reason in ended.items() if reason not in LEFT_TO_OTHERS]
        if not watched:
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
            seen = {"ended": ended[key], **outlets[key]}
            outlet_alerts = alerts(seen, history, outlet.limits if outlet else Limits(), now)
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
        """The run cannot begin, and nothing is fetched: set the exit code and the last word."""
        self.stats.set_value(EXIT_STAT, EXIT_HELD if isinstance(error, LeaseHeld) else EXIT_FAILED)
        self.notify_record = {"faults": [str(error)]}
        name = self.last_word.name
        held = isinstance(error, LeaseHeld)
        self.last_word = LastWord(name, str(error)) if held else LastWord(name, faults=[str(error)])
        self._engine_stopped()  # it does not start

    def spooled(self, run: Run) -> None:
        """A part set was spooled instead of stored: update the spool's stats."""
        spool = run.outbox.spool
        assert spool
        self.stats.set_value("spool/objects", len(spool.keys))
        self.stats.max_value("spool/bytes", spool.bytes)

    def looked(self, others: OtherRuns) -> None:
        """The run has looked at what other machines land: update the stats of these looks."""
        for name, count in others.counts.items():
            self.stats.set_value(f"other_runs/{name}", count)

    def count(self, result: Result, request: RawPage | Reject) -> None:
        """Count a candidate's outcome. request: names the requested URL and its outlet."""
        if result.settled and (spider := self._candidate_spider):
            spider.settled(request.requested_url)
        seen = self._seen.setdefault(request.outlet, SeenOutlet())
        seen.examples.setdefault(result.reason or result.outcome, request.requested_url)
        self._add_result(request.outlet, result)
        for revised in result.revised:
            self._add_result(revised.outlet, revised.before, -1)
            self._add_result(revised.outlet, revised.after)

    def _add_result(self, outlet: str, result: Result, by: int = 1) -> None:
        """Add an outcome to the counts of its outlet and to the stats. by: -1 takes it back."""
        counts: Counter[str] = Counter({result.outcome: 1})
        if result.reason:
            counts[f"rejects/{result.reason}"] = 1
        stats = Counter({f"outcome/{name}": count for name, count in counts.items()})
        if result.gone:
            stats["gone"] = 1
        if result.values and not result.reason:
            counts.update(f"with/{name}" for column, name in FIELD_NAMES.items() if result.values[column])
            counts["chars/kept"] = len(result.values["text"])
            counts["chars/removed"] = sum(
                cut["chars"] for cut in result.values["removed"] if cut["stage"] != "extraction"
            )
            stats.update(f"removed/{cut['kind']}" for cut in result.values["removed"])
        outlet_counts = self._seen.setdefault(outlet, SeenOutlet()).counts
        for name, count in counts.items():
            outlet_counts[name] += by * count
            if not outlet_counts[name]:  # taken back
                del outlet_counts[name]
        for name, count in stats.items():
            self.stats.inc_value(name, by * count)

    @cached_property
    def _candidate_spider(self) -> KeepsCandidates | None:
        """The spider, where it keeps track of its candidates."""
        spider = self.crawler.spider
        return spider if isinstance(spider, KeepsCandidates) else None

    def lost(self, rows: int) -> None:
        """Count rows that could not be landed."""
        if rows:
            self.stats.inc_value("lost/not_landed", rows)

    def _item_error(self, item: Any) -> None:
        self.stats.inc_value("lost/item_errors")
        if isinstance(item, RawPage):
            seen = self._seen.setdefault(item.outlet, SeenOutlet())
            seen.failed += 1
            seen.examples.setdefault(FAILED, item.requested_url)

    def _spider_error(self) -> None:
        self.stats.inc_value("spider_errors")

    def close(self, run: Run, reason: str) -> None:
        """Set the exit code, the record for the notify command, and the last word."""
        ending = ending_of(self.crawler, reason)
        crawl = EndedCrawl(self.stats, self.crawler.spider, run, ending, self.state_failure)
        if ending.is_whole and crawl.without_outcome:
            self.stats.set_value("lost/without_outcome", crawl.without_outcome)
        if spooled_rows := run.spooled_rows:
            self.stats.set_value("spool/rows", spooled_rows)
        found = faults(crawl)
        stopped = None if ending.is_failure else ending.words
        self.notify_record = {**run.record, "faults": found, **({"stopped": stopped} if stopped else {})}
        code_if_landed = EXIT_MONITOR if self.alerts else EXIT_LANDED
        self.stats.set_value(
            EXIT_STAT, EXIT_FAILED if found else EXIT_HELD if run.forfeited else code_if_landed
        )
        decisions = {
            **self._decision_counts("asked", FETCH_DECISIONS),
            **self._decision_counts("skipped", SKIP_DECISIONS),
        }
        self.last_word = LastWord(
            self.last_word.name or run.run_id,
            f"{summary(crawl, decisions, run.forfeited.total())} → {run.store.uri}",
            stopped,
            found,
            self.alerts,
            trouble_lines(self._seen, self.crawler.spider, [*found, *self.alerts]),
            list(self._source_findings()),
        )

    def fail(self, fault: str) -> None:
        """Add a fault that was noticed after the end."""
        self.stats.set_value(EXIT_STAT, EXIT_FAILED)
        self.last_word.faults.append(fault)
        self.notify_record = {**self.notify_record, "faults": self.last_word.faults}

    def _source_findings(self) -> Iterator[str]:
        """What the last line says of sources that failed or were read only in part, where the crawl did not fail."""
        outlet_crawls = getattr(self.crawler.spider, "outlet_crawls", None)
        yield from (
            outlet_crawls.findings()
            if outlet_crawls
            else findings(getattr(self.crawler.spider, "sources", {}))
        )

    def _engine_stopped(self) -> None:
        """Say the last word, behind Scrapy's own last lines, unless a command is to say it."""
        if not self.crawler.settings.getbool("LAST_WORD_WAITS"):
            self.last_word.say()
