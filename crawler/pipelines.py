"""The way of a page: Clean makes it an article or a reject, Land gives the verdict and brings it to the lake.

Any spider may yield a RawPage (crawler.candidates.page_of makes one from a response); it needs nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem

from cleaning import RawPage, Rules
from crawler.accounts import Accounts
from crawler.outlet_files import known_outlets
from lake.landing import Lake
from lake.records import Refined, Reject
from lake.refining import refine
from lake.run import Batch, Result
from lake.store import LakeError

log = logging.getLogger(__name__)


def rules_of(outlet: str) -> Rules:
    """The outlet's clutter rules; the general ones alone for an outlet that no file knows."""
    found = known_outlets().by_name.get(outlet)
    return found.rules if found else Rules()


class Clean:
    """RawPage → Refined, in a thread: the event loop keeps serving the network meanwhile."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(1, "clean")

    async def process_item(self, item: Any) -> Any:
        if isinstance(item, Reject):
            return Refined(None, reject=item)
        if not isinstance(item, RawPage):
            return item
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._worker, refine, item, rules_of(item.outlet))

    def close_spider(self) -> None:
        self._worker.shutdown()


class Land:
    """Refined → a row in the lake. Flushes by rows, bytes and age, off the event loop."""

    def __init__(self, crawler: Crawler) -> None:
        settings = crawler.settings
        self.crawler = crawler
        self.lake = Lake(settings["LAKE_URI"], Path(settings["STATE_DIR"]))
        self.limits = (
            settings.getint("FLUSH_ROWS"),
            settings.getint("FLUSH_BYTES"),
            settings.getfloat("FLUSH_AGE_S"),
        )
        self.accounts = Accounts(crawler)
        self._held = ExitStack()
        self._flushing = asyncio.Lock()
        self._closing = asyncio.Event()
        self._failure: Exception | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Land:
        pipeline = cls(crawler)
        crawler.signals.connect(pipeline.spider_closed, signals.spider_closed)
        return pipeline

    def open_spider(self) -> None:
        """Find the lake, finish what died, and announce the run; all before the first request."""
        assert self.crawler.spider
        self.run, recovered = self._held.enter_context(
            self.lake.run(self.crawler.spider.name, rules_of, self.accounts.facts())
        )
        self.accounts.recovered(recovered)
        self._clock = asyncio.get_running_loop().create_task(self._flush_by_age())

    async def process_item(self, item: Any) -> Any:
        if not isinstance(item, Refined):
            return item
        result = self.run.add(item)
        self.accounts.count(result)
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
                    self.run.landed(batch, await asyncio.to_thread(self.run.write, batch))
                except Exception as error:  # whatever it is, nothing may count as landed that has not
                    await self._fail(error, batch)

    async def _fail(self, error: Exception, batch: Batch) -> None:
        """Nothing more is fetched; what did not land is not known and will be fetched again."""
        self._failure = error
        log.error("landing failed: %s", error, exc_info=None if isinstance(error, LakeError) else error)
        self.accounts.lost(sum(len(rows) for table, rows in batch.tables.items() if table != "raw"))
        if self.crawler.engine and self.crawler.engine.running:
            asyncio.get_running_loop().create_task(
                self.crawler.engine.close_spider_async(reason="landing_failed")
            )

    async def close_spider(self) -> None:
        self._closing.set()
        await self._clock  # not cancelled: a flush under way would land without anybody's knowing
        await self._flush()
        if self._failure:
            self.accounts.lost(self.run.waiting[0])

    def spider_closed(self, reason: str) -> None:
        """Last of all: the run record, or, where a flush failed, none, so that the next start recovers the run."""
        with self._held:
            if not hasattr(self, "run"):
                return
            try:
                self._close_run(reason)
            except Exception as error:  # as above
                log.error("the run record could not be written: %s", error)
                self.accounts.lost(1)
            self.accounts.close(self.run, reason)

    def _close_run(self, reason: str) -> None:
        if self._failure:
            self.run.abandon()
        else:
            self.run.finish(reason, self.accounts.facts(reason))


def _shown(result: Result) -> dict[str, Any]:
    """What Scrapy shows, counts and exports (-o): the rows that landed."""
    if result.outcome == "unchanged":
        raise DropItem(f"unchanged: {result.url}", log_level="DEBUG")
    if result.outcome == "rejects":
        raise DropItem(f"no article ({result.reason}): {result.url}", log_level="INFO")
    values = dict(result.values or {})
    values.pop("signature", None)
    return {"table": result.outcome, **values}
