"""The way of a page: Clean makes it an article or a reject, Land gives the verdict and brings it to the lake.

Any spider may yield a RawPage (crawler.discovery.candidates.page_of makes one from a response); it needs nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider, DropItem
from scrapy.settings import BaseSettings

from cleaning import RawPage, Rules
from crawler.outlet_files import known_outlets
from crawler.pipeline.later_pages import Parts
from crawler.pipeline.lease_claims import claims_of
from crawler.politeness.tdmrep import policy_of
from crawler.reports.run_report import Accounts
from crawler.sources.entry_filters import selection_of
from lake.index.checkpoints import Cadence
from lake.runs.run import Batch, Result
from lake.runs.session import Lake
from lake.schema.records import Refined, Reject
from lake.storage.leases import Held, LeaseLost
from lake.storage.spool import SpoolFailed
from lake.storage.store import LakeError, StoreAway
from lake.workers.page_processing import leave_reserved, select
from lake.workers.pool import Limits, Workers, WorkersFailed
from outlets import Selection

log = logging.getLogger(__name__)


def rules_of(outlet: str) -> Rules:
    """The outlet's clutter rules; the general ones alone for an outlet that no file knows."""
    found = known_outlets().by_name.get(outlet)
    return found.rules if found else Rules()


def limits_of(settings: BaseSettings) -> Limits:
    return Limits(
        workers=settings.getint("CLEAN_WORKERS"),
        deadline_s=settings.getfloat("CLEAN_DEADLINE_S"),
        memory=settings.getint("CLEAN_BYTES"),
        pages=settings.getint("CLEAN_WORKER_PAGES"),
    )


def lake_of(settings: BaseSettings) -> Lake:
    days = settings["DEDUPE_WINDOW_DAYS"]
    return Lake(
        settings["LAKE_URI"],
        Path(settings["STATE_DIR"]),
        settings.getfloat("LEASE_S"),
        None if days == "all" else timedelta(days=float(days)),
        Cadence(
            settings.getint("CHECKPOINT_ARTICLES"),
            settings.getint("CHECKPOINT_RUNS"),
            settings.getfloat("CHECKPOINT_SHARE"),
        ),
        limits=limits_of(settings),
        removed_texts=settings.getbool("REMOVED_TEXTS"),
    )


class Clean:
    """RawPage → Refined, in worker processes: the event loop keeps serving the network meanwhile, and Scrapy, which
    waits for items, fetches no faster than they clean. An article in parts is fetched to its end, and what the run's
    selection does not want becomes a reject."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self._parts = Parts(crawler)
        self._leaves_reserved = policy_of(crawler.settings) == "respect"
        self._workers = Workers(limits_of(crawler.settings))
        self._stopped = False
        self._room = asyncio.Semaphore(self._workers.room)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Clean:
        return cls(crawler)

    async def process_item(self, item: Any) -> Any:
        if isinstance(item, Reject):
            return Refined(None, reject=item)
        if not isinstance(item, RawPage):
            return item
        rules, selection = rules_of(item.outlet), self._selection(item.outlet)
        try:
            async with self._room:
                refined = await self._answer(self._workers.refine(item, rules))
        except (
            WorkersFailed
        ) as error:  # an item error, so the page is told as lost; and so would be all others
            self._stop(error)
            raise
        if self._leaves_reserved:
            refined = leave_reserved(refined)
        if refined.continues_at and select(refined, replace(selection, min_words=None)) is refined:
            refined = await self._parts.rest_of(
                refined, lambda so_far, part: self._answer(self._workers.lengthen(so_far, part, rules))
            )
            if self._leaves_reserved:
                refined = leave_reserved(refined)
        if refined.first:
            self._ask(refined.first, item.source)
        return select(refined, selection)

    async def _answer(self, future: Future[Refined]) -> Refined:
        return await asyncio.wrap_future(future)

    def _stop(self, error: WorkersFailed) -> None:
        engine = self.crawler.engine
        if engine and engine.running and not self._stopped:
            self._stopped = True
            log.error("nothing more is fetched: %s", error)
            asyncio.get_running_loop().create_task(engine.close_spider_async(reason="workers_failed"))

    def _selection(self, outlet: str) -> Selection:
        """The outlet's own, but for what -a gave; Scrapy makes a spider's arguments its attributes."""
        found = known_outlets().by_name.get(outlet)
        given = {name: value for name, value in vars(self.crawler.spider).items() if isinstance(value, str)}
        return selection_of(found.selection if found else Selection(), given)

    def _ask(self, first: str, source: str | None) -> None:
        """A later page was listed: the article is read from its first page, which is a candidate like any other."""
        candidate = getattr(self.crawler.spider, "candidate", None)
        with suppress(ValueError):  # an address too long to ask for
            if candidate and self.crawler.engine and (request := candidate(first, source)):
                self.crawler.engine.crawl(request)

    async def close_spider(self) -> None:
        await asyncio.to_thread(self._workers.close)
        assert self.crawler.stats
        for what, count in self._workers.counts.items():
            self.crawler.stats.set_value(f"workers/{what}", count)


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
        self.accounts = Accounts(crawler)
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
                self.lake.run(spider.name, rules_of, self.accounts.facts(), claims_of(spider))
            )
        except LakeError as error:
            self.accounts.refused(error)
            raise CloseSpider("held" if isinstance(error, Held) else "lake_away") from error
        self.accounts.opened(opening)
        for outlet, held in opening.held.items():
            log.warning("%s", held)
            self._leave(outlet, "held")
        self._clock = asyncio.get_running_loop().create_task(self._flush_by_age())

    async def process_item(self, item: Any) -> Any:
        if not isinstance(item, Refined):
            return item
        async with self._judging:  # one in a turn of the event loop, which has other things to do as well
            result = self.run.add(item)
            self.accounts.count(result, asked_for(item))
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
                self.run.landed()
                await asyncio.to_thread(self.run.index.move_journal)
                self._leave_forfeited()

    def _not_landed(self, error: LakeError, batch: Batch) -> None:
        """The rows are in the spool. While the store is away the crawl goes on, as far as the spool may grow."""
        if isinstance(error, SpoolFailed):
            self._lose(error, batch)
            return
        spool = self.run.outbox.spool
        assert spool
        self.accounts.spooled(self.run)
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
        self.accounts.lost(sum(len(rows) for table, rows in batch.tables.items() if table != "raw"))
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
            self.accounts.lost(self.run.waiting[0])

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
                    self.accounts.lost(1)
            self.accounts.close(self.run, reason)

    def _close_run(self, reason: str) -> None:
        if self._failure:
            self.run.abandon()
        else:
            facts = self.accounts.facts(reason)
            self.accounts.watch(self.run, facts)
            self.run.finish(reason, facts)


def asked_for(item: Refined) -> RawPage | Reject:
    """What says which address was asked for first, and whose it is."""
    asked = item.page or item.reject
    assert asked, "a refined item comes from a page or is a reject"
    return asked


def _shown(result: Result) -> dict[str, Any]:
    """What Scrapy shows, counts and exports (-o): the rows that landed."""
    if result.outcome == "unchanged":
        raise DropItem(f"unchanged: {result.url}", log_level="DEBUG")
    if result.outcome == "rejects":
        raise DropItem(f"no article ({result.reason}): {result.url}", log_level="INFO")
    values = dict(result.values or {})
    values.pop("signature", None)
    return {"table": result.outcome, **values}
