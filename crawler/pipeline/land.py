"""The second pipeline: a cleaned page is judged, becomes a row, and the row lands in the lake.

Any spider may yield a RawPage (crawler.discovery.candidates.page_of makes one from a response); it needs nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack, suppress
from typing import Any

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider, DropItem

from cleaning import RawPage
from crawler.pipeline.from_settings import lake_of, rules_of
from crawler.pipeline.lease_claims import lease_claims
from crawler.reports.run_report import RunReport
from lake.runs.run import Batch, Result
from lake.schema.records import ProcessedPage, Reject
from lake.storage.leases import LeaseHeld, LeaseLost
from lake.storage.spool import SpoolFailed
from lake.storage.store import LakeError, StoreAway

log = logging.getLogger(__name__)


class Land:
    """Refined → a row in the lake. Flushes by rows, bytes and age, off the event loop."""

    def __init__(self, crawler: Crawler) -> None:
        settings = crawler.settings
        self.crawler = crawler
        self.lake = lake_of(settings)
        self.spool_bytes = settings.getint("SPOOL_BYTES")
        self.limits = (
            settings.getint("FLUSH_ROWS"),
            settings.getint("FLUSH_BYTES"),
            settings.getfloat("FLUSH_AGE_S"),
        )
        self.report = RunReport(crawler)
        self._held = ExitStack()
        self._judging = asyncio.Lock()
        self._flushing = asyncio.Lock()
        self._closing = asyncio.Event()
        self._failure: Exception | None = None  # rows were lost
        self._forfeited: set[str] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Land:
        pipeline = cls(crawler)
        crawler.signals.connect(pipeline.spider_closed, signals.spider_closed)
        return pipeline

    def open_spider(self) -> None:
        """Find the lake, finish what died, and announce the run; all before the first request."""
        assert self.crawler.spider
        spider = self.crawler.spider
        try:
            self.run, opening = self._held.enter_context(
                self.lake.run(spider.name, rules_of, self.report.facts(), lease_claims(spider))
            )
        except LakeError as error:
            self.report.refused(error)
            raise CloseSpider("held" if isinstance(error, LeaseHeld) else "lake_away") from error
        self.report.opened(opening)
        for outlet, held in opening.held.items():
            log.warning("%s", held)
            self._leave(outlet, "held")
        self._clock = asyncio.get_running_loop().create_task(self._flush_by_age())

    async def process_item(self, item: Any) -> Any:
        if not isinstance(item, ProcessedPage):
            return item
        async with self._judging:  # one in a turn of the event loop, which has other things to do as well
            result = self.run.add(item)
            self.report.count(result, first_request(item))
            await asyncio.sleep(0)
        rows, held, _ = self.run.waiting
        if rows >= self.limits[0] or held >= self.limits[1]:
            await self._flush()
        return _shown(result)

    async def _flush_by_age(self) -> None:
        while not self._closing.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), min(1.0, self.limits[2]))
            if self.run.waiting[2] >= self.limits[2]:
                await self._flush()

    async def _flush(self) -> None:
        async with self._flushing:  # one part at a time: a copy never lands before its original
            if self._failure is None and (batch := self.run.cut()):
                try:
                    await asyncio.to_thread(self.run.write, batch)
                except LakeError as error:
                    self._not_landed(error, batch)
                except Exception as error:  # whatever it is, nothing may count as landed that has not
                    self._lose(error, batch)
                self.run.mark_landed()
                await asyncio.to_thread(self.run.index.move_journal)
                self._leave_forfeited()

    def _not_landed(self, error: LakeError, batch: Batch) -> None:
        """The rows are in the spool. While the store is away the crawl goes on, as far as the spool may grow."""
        if isinstance(error, SpoolFailed):
            self._lose(error, batch)
            return
        spool = self.run.outbox.spool
        assert spool
        self.report.spooled(self.run)
        if not isinstance(error, StoreAway):
            log.error("landing failed: %s", error)
            self._stop("lease_lost" if isinstance(error, LeaseLost) else "landing_failed")
        elif spool.bytes >= self.spool_bytes:
            log.error("the spool %s is full (SPOOL_BYTES): nothing more is fetched; %s", spool.folder, error)
            self._stop("spool_full")
        else:
            log.warning("the store is away; %d objects wait in %s: %s", len(spool.keys), spool.folder, error)

    def _lose(self, error: Exception, batch: Batch) -> None:
        """Nothing more is fetched; what did not land is not known and will be fetched again."""
        self._failure = error
        log.error("landing failed: %s", error, exc_info=None if isinstance(error, LakeError) else error)
        self.report.lost(sum(len(rows) for table, rows in batch.tables.items() if table != "raw"))
        self._stop("landing_failed")

    def _leave_forfeited(self) -> None:
        """Stop what another machine does by now."""
        for outlet in self.run.forfeited.keys() - self._forfeited:
            self._forfeited.add(outlet)
            log.error(
                "another machine has taken the lease of %s: its pages are left to it from here on", outlet
            )
            self._leave(outlet, "lease_lost")

    def _leave(self, outlet: str, why: str) -> None:
        """A crawl of many outlets goes on with the others."""
        if leave := getattr(self.crawler.spider, "leave", None):
            leave(outlet, why)
        else:
            self._stop(why)

    def _stop(self, reason: str) -> None:
        engine = self.crawler.engine
        if engine and engine.running:
            asyncio.get_running_loop().create_task(engine.close_spider_async(reason=reason))

    async def close_spider(self) -> None:
        if not hasattr(self, "run"):
            return
        self._closing.set()
        await self._clock  # not cancelled: a flush under way would land without anybody's knowing
        await self._flush()
        if self._failure:
            self.report.lost(self.run.waiting[0])

    def spider_closed(self, reason: str) -> None:
        """Last of all: the run record, or, where rows were lost, none, so that the next start recovers the run."""
        with self._held:
            if not hasattr(self, "run"):
                return
            try:
                self._close_run(reason)
            except Exception as error:  # as above
                if not (isinstance(error, LakeError) and self.run.outbox.waiting):
                    log.error("the run record could not be written: %s", error)
                    self.report.lost(1)
            self.report.close(self.run, reason)

    def _close_run(self, reason: str) -> None:
        if self._failure:
            self.run.abandon()
        else:
            facts = self.report.facts(reason)
            self.report.watch(self.run, facts)
            self.run.finish(reason, facts)


def first_request(item: ProcessedPage) -> RawPage | Reject:
    """What says which address was asked for first, and whose it is."""
    request = item.page or item.reject
    assert request, "a processed item comes from a page or is a reject"
    return request


def _shown(result: Result) -> dict[str, Any]:
    """What Scrapy shows, counts and exports (-o): the rows that landed."""
    if result.outcome == "unchanged":
        raise DropItem(f"unchanged: {result.url}", log_level="DEBUG")
    if result.outcome == "rejects":
        raise DropItem(f"no article ({result.reason}): {result.url}", log_level="INFO")
    values = dict(result.values or {})
    values.pop("signature", None)
    return {"table": result.outcome, **values}
