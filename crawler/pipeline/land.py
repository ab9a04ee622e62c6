"""The second item pipeline: judges each cleaned page, makes it a row, and lands the rows in the lake.

Any spider may yield a RawPage (crawler.discovery.candidates.page_of makes one from a response); it needs nothing
else.
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
from cleaning.wording import counted
from crawler.pipeline.clean import Clean
from crawler.pipeline.from_settings import lake_of, rules_of
from crawler.pipeline.lease_claims import lease_claims
from crawler.reports.run_report import RunReport
from lake.runs.run import Batch, Result
from lake.schema.records import ProcessedPage, Reject
from lake.storage.leases import LeaseHeld, LeaseLost
from lake.storage.spool import SpoolFailed
from lake.storage.store import LakeError, StateFailed, StoreAway
from lake.workers.pool import WorkersFailed

log = logging.getLogger(__name__)


class Land:
    """Item pipeline from ProcessedPage to rows in the lake. It flushes rows by number, bytes and age, in a thread off
    the event loop."""

    def __init__(self, crawler: Crawler) -> None:
        settings = crawler.settings
        self.crawler = crawler
        self.lake = lake_of(settings)
        self.spool_bytes = settings.getint("SPOOL_BYTES")
        self.flush_limits = (  # rows, bytes, age in seconds
            settings.getint("FLUSH_ROWS"),
            settings.getint("FLUSH_BYTES"),
            settings.getfloat("FLUSH_AGE_S"),
        )
        self.report = RunReport(crawler)
        self._run_context = ExitStack()
        self._add_lock = asyncio.Lock()
        self._flush_lock = asyncio.Lock()
        self._closing = asyncio.Event()
        self._failure: Exception | None = None  # set once rows were lost
        self._left_outlets: set[str] = set()  # keys of outlets that another machine has taken over

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Land:
        pipeline = cls(crawler)
        crawler.signals.connect(pipeline.spider_closed, signals.spider_closed)
        return pipeline

    @property
    def is_open(self) -> bool:
        """Whether the lake could be opened; where it could not, Scrapy closes the spider once it is open."""
        return hasattr(self, "run")

    def open_spider(self) -> None:
        """Open the lake, recover dead runs and announce this run, all before the first request. Raises CloseSpider
        where the lake cannot be reached or another machine holds the lease."""
        assert self.crawler.spider
        spider = self.crawler.spider
        try:
            self.run, opening = self._run_context.enter_context(
                self.lake.run(spider.name, rules_of, self.report.facts(), lease_claims(spider))
            )
        except LakeError as error:
            self.report.refused(error)
            raise CloseSpider("held" if isinstance(error, LeaseHeld) else "lake_away") from error
        self.report.opened(opening)
        for outlet, lease_held in opening.held.items():
            log.warning("%s", lease_held)
            self._leave_outlet(outlet, "held")
        self.others = opening.others
        self._timers = [
            asyncio.get_running_loop().create_task(timer)
            for timer in (self._flush_by_age(), self._look_at_others())
        ]

    async def process_item(self, item: Any) -> Any:
        """Add a ProcessedPage to the run and return its row. Raises DropItem for a page that gives no row; other
        items pass through."""
        if not isinstance(item, ProcessedPage):
            return item
        await self._compare_with_former(item)
        # one page in each turn of the event loop, so that it serves other work, too
        async with self._add_lock:
            result = self._add(item)
            self.report.count(result, first_request(item))
            await asyncio.sleep(0)
        rows, waiting_bytes, _ = self.run.waiting
        if rows >= self.flush_limits[0] or waiting_bytes >= self.flush_limits[1]:
            await self._flush()
        return _exported_item(result)

    async def _compare_with_former(self, item: ProcessedPage) -> None:
        """Where another version of the cleaner made the page's row, have what was fetched for it cleaned by this one: only a
        page that has changed since becomes a revision. Where that cannot be read, the page becomes one."""
        try:
            known = self.run.former.question(item)
            if known is None or not (rows := await asyncio.to_thread(self.run.former.rows_of, known)):
                return
            cleaner = self.crawler.get_item_pipeline(Clean)
            assert cleaner, "what is cleaned here is cleaned by that pipeline"
            self.run.former.note(known, await cleaner.process_again(rows))
        except (LakeError, OSError, WorkersFailed) as error:
            log.warning(
                "%s: what was fetched before cannot be compared: %s", first_request(item).requested_url, error
            )

    def _add(self, item: ProcessedPage) -> Result:
        """Add a page to the run. Raises DropItem where the working folder fails, and for each page after that."""
        try:
            if not self.report.state_failure:
                return self.run.add(item)
        except StateFailed as error:
            self._handle_state_failure(error)
        self.report.lost(1)
        raise DropItem(f"not landed: {first_request(item).requested_url}", log_level="INFO")

    def _handle_state_failure(self, error: StateFailed) -> None:
        """Stop the crawl: without the index no page can be judged. What was judged before still lands."""
        if not self.report.state_failure:
            log.error("nothing more is fetched: %s", error)
            self.report.state_failure = str(error)
            self._stop_crawl("state_failed")

    async def _flush_by_age(self) -> None:
        """Flush whenever the oldest row has waited for FLUSH_AGE_S, until the crawl closes."""
        while not self._closing.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), min(1.0, self.flush_limits[2]))
            if self.run.waiting[2] >= self.flush_limits[2]:
                await self._flush()

    async def _look_at_others(self) -> None:
        """Look at what other machines land, every SEE_OTHERS_S, until the crawl closes. A look that fails ends no
        crawl."""
        while self.others.interval_s and not self._closing.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self.others.wait_s)
                return
            try:
                await self._look()
            except Exception as error:
                self.others.missed(error)
                if not isinstance(error, LakeError):
                    log.error("what other machines land could not be read: %r", error, exc_info=error)
            self.report.looked(self.others)

    async def _look(self) -> None:
        """Learn what other machines have landed. The event loop waits for no request, and for some milliseconds at a
        time for the index."""
        others = self.others
        for news in await asyncio.to_thread(others.find_news, others.known()):
            found = await asyncio.to_thread(others.read, news)
            for _ in others.enter(news, found):
                await asyncio.sleep(0)
            if self._closing.is_set():
                return
        others.looked()

    async def _flush(self) -> None:
        """Land all rows that wait."""
        async with self._flush_lock:  # one flush at a time: a copy must never land before its original
            if self._failure is None and (batch := self.run.cut()):
                try:
                    await asyncio.to_thread(self.run.write, batch)
                except LakeError as error:
                    self._handle_landing_error(error, batch)
                # whatever failed, rows that have not landed must not count as landed
                except Exception as error:
                    self._note_lost_rows(error, batch)
                try:
                    self.run.mark_landed()
                except StateFailed as error:  # the rows have landed; the next start learns them from the lake
                    self._handle_state_failure(error)
                await asyncio.to_thread(self.run.index.checkpoint_journal)
                self._leave_forfeited_outlets()

    def _handle_landing_error(self, error: LakeError, batch: Batch) -> None:
        """Decide how to go on after rows went to the spool: while the store is away the crawl continues until the
        spool is full; any other error stops it."""
        if isinstance(error, SpoolFailed):
            self._note_lost_rows(error, batch)
            return
        spool = self.run.outbox.spool
        assert spool
        self.report.spooled(self.run)
        if not isinstance(error, StoreAway):
            log.error("landing failed: %s", error)
            self._stop_crawl("lease_lost" if isinstance(error, LeaseLost) else "landing_failed")
        elif spool.bytes >= self.spool_bytes:
            log.error("the spool %s is full (SPOOL_BYTES): nothing more is fetched; %s", spool.folder, error)
            self._stop_crawl("spool_full")
        else:
            objects, wait = counted(len(spool.keys), "object"), "waits" if len(spool.keys) == 1 else "wait"
            log.warning("the store is away; %s %s in %s: %s", objects, wait, spool.folder, error)

    def _note_lost_rows(self, error: Exception, batch: Batch) -> None:
        """Stop the crawl. Rows that did not land are not known to the lake and will be fetched again."""
        self._failure = error
        log.error("landing failed: %s", error, exc_info=None if isinstance(error, LakeError) else error)
        self.report.lost(sum(len(rows) for table, rows in batch.tables.items() if table != "raw"))
        self._stop_crawl("landing_failed")

    def _leave_forfeited_outlets(self) -> None:
        """Stop crawling the outlets whose lease another machine has taken."""
        for outlet in self.run.forfeited.keys() - self._left_outlets:
            self._left_outlets.add(outlet)
            log.error(
                "another machine has taken the lease of %s: its pages are left to it from here on", outlet
            )
            self._leave_outlet(outlet, "lease_lost")

    def _leave_outlet(self, outlet: str, why: str) -> None:
        """Stop crawling one outlet. A spider of many outlets (`leave`) goes on with the others; another spider is
        closed."""
        if leave := getattr(self.crawler.spider, "leave", None):
            leave(outlet, why)
        else:
            self._stop_crawl(why)

    def _stop_crawl(self, reason: str) -> None:
        engine = self.crawler.engine
        if engine and engine.running:
            asyncio.get_running_loop().create_task(engine.close_spider_async(reason=reason))

    async def close_spider(self) -> None:
        """Land the remaining rows."""
        if not self.is_open:
            return
        self._closing.set()
        await asyncio.gather(*self._timers)  # not cancelled: a flush in progress would land unnoticed
        await self._flush()
        if self._failure:
            self.report.lost(self.run.waiting[0])

    def spider_closed(self, reason: str) -> None:
        """Write the run record, as the last thing of a crawl. Where rows were lost none is written, so that the next
        start recovers the run."""
        with (
            suppress(OSError),
            self._run_context,
        ):  # only files that are unlocked or removed at the end raise one
            if not self.is_open:
                return
            try:
                self._close_run(reason)
            except StateFailed as error:
                self._handle_state_failure(error)
            except Exception as error:  # whatever failed, the report must say that the run has no record
                if not (isinstance(error, LakeError) and self.run.outbox.waiting):
                    log.error("the run record could not be written: %s", error)
                    self.report.lost(1)
            self.report.close(self.run, reason)

    def _close_run(self, reason: str) -> None:
        """Finish the run with its record; abandon it where rows were lost."""
        if self._failure:
            self.run.abandon()
        else:
            facts = {**self.report.facts(reason), "other_runs": dict(self.others.counts)}
            self.report.watch(self.run, facts)
            self.run.finish(reason, facts)


def first_request(item: ProcessedPage) -> RawPage | Reject:
    """Return the page or reject that says which URL was requested first, and which outlet it belongs to."""
    request = item.page or item.reject
    assert request, "a processed item comes from a page or is a reject"
    return request


def _exported_item(result: Result) -> dict[str, Any]:
    """Return the row as the item that Scrapy logs, counts and exports (-o). Raises DropItem where no row landed."""
    if result.outcome == "unchanged":
        raise DropItem(f"unchanged: {result.url}", log_level="DEBUG")
    if result.outcome == "rejects":
        raise DropItem(f"no article ({result.reason}): {result.url}", log_level="INFO")
    values = dict(result.values or {})
    values.pop("signature", None)
    return {"table": result.outcome, **values}
