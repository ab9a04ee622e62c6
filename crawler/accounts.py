"""The books of a run: every candidate has one outcome, every loss a named stat, and the run an exit code."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import Any

from scrapy import signals
from scrapy.crawler import Crawler

from lake.run import Result, Run

log = logging.getLogger(__name__)

EXIT_STAT = "exit_code"
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


class Accounts:
    def __init__(self, crawler: Crawler) -> None:
        assert crawler.stats
        self.crawler, self.stats = crawler, crawler.stats
        crawler.signals.connect(self._item_error, signals.item_error)
        crawler.signals.connect(self._spider_error, signals.spider_error)

    def facts(self, reason: str | None = None) -> dict[str, Any]:
        """What the run's records say besides the parts; reason once the run has ended."""
        spider = self.crawler.spider
        facts: dict[str, Any] = {
            "spider": spider.name if spider else None,
            "configuration": self._configuration(),
        }
        if reason is not None:
            facts |= {
                "reason": reason,
                "candidates": self.stats.get_value("candidates", 0),
                "sources": getattr(spider, "sources", {}),
                "requests": self.stats.get_value("downloader/request_count", 0),
                "bytes_received": self.stats.get_value("downloader/response_bytes", 0),
                "spider_errors": self.stats.get_value("spider_errors", 0),
            }
        return facts

    def _configuration(self) -> str:
        settings = {name: self.crawler.settings.get(name) for name in _SHAPING}
        return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def recovered(self, runs: list[Run]) -> None:
        if runs:
            self.stats.set_value("recovered_runs", len(runs))

    def count(self, result: Result) -> None:
        self.stats.inc_value(f"outcome/{result.outcome}")
        if result.reason:
            self.stats.inc_value(f"outcome/rejects/{result.reason}")
        for cut in (result.values or {}).get("removed", ()):
            self.stats.inc_value(f"removed/{cut['kind']}")

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
        without = (
            candidates - sum(outcomes.values()) if candidates is not None and reason == "finished" else 0
        )
        if without:
            self.stats.set_value("lost/without_outcome", without)
        faults = list(self._faults(without))
        self.stats.set_value(EXIT_STAT, 1 if faults else 0)
        told = ", ".join(f"{count} {name}" for name, count in outcomes.items() if count) or "nothing found"
        name = spider.name if spider else run.run_id
        log.log(
            logging.ERROR if faults else logging.INFO,
            "%s: %s → %s%s",
            name,
            told,
            run.store.uri,
            f"; FAILED: {'; '.join(faults)}" if faults else "",
        )

    def _faults(self, without: int) -> Any:
        sources = getattr(self.crawler.spider, "sources", {})
        if lost := self.stats.get_value("lost/not_landed", 0):
            yield f"{lost} candidates did not land"
        if without:
            yield f"{without} candidates have no outcome"
        if sources and all(s["error"] for s in sources.values()):
            yield "no source answered"
        candidates = self.stats.get_value("candidates", 0)
        if candidates and self.stats.get_value("unreachable", 0) == candidates:
            yield "no candidate answered"
        if errors := self.stats.get_value("lost/item_errors", 0):
            yield f"{errors} pages failed in the pipeline"
        if errors := self.stats.get_value("spider_errors", 0):
            yield f"{errors} errors in the spider"
