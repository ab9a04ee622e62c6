"""The first pipeline: a RawPage becomes an article or a reject, in a worker process."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from typing import Any

from scrapy.crawler import Crawler

from cleaning import RawPage
from crawler.command_line.arguments import selection_of
from crawler.outlet_files import known_outlets
from crawler.pipeline.from_settings import limits_of, rules_of
from crawler.pipeline.later_pages import LaterPages
from crawler.politeness.tdmrep import tdm_policy
from lake.schema.records import ProcessedPage, Reject
from lake.workers.page_processing import apply_selection, reject_reserved
from lake.workers.pool import Workers, WorkersFailed
from outlets import Selection

log = logging.getLogger(__name__)


class Clean:
    """RawPage → Refined, in worker processes: the event loop keeps serving the network meanwhile, and Scrapy, which
    waits for items, fetches no faster than they clean. An article in parts is fetched to its end, and what the run's
    selection does not want becomes a reject."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self._parts = LaterPages(crawler)
        self._leaves_reserved = tdm_policy(crawler.settings) == "respect"
        self._workers = Workers(limits_of(crawler.settings))
        self._stopped = False
        self._room = asyncio.Semaphore(self._workers.room)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Clean:
        return cls(crawler)

    async def process_item(self, item: Any) -> Any:
        if isinstance(item, Reject):
            return ProcessedPage(None, reject=item)
        if not isinstance(item, RawPage):
            return item
        rules, selection = rules_of(item.outlet), self._selection(item.outlet)
        try:
            async with self._room:
                processed = await self._answer(self._workers.process(item, rules))
        except (
            WorkersFailed
        ) as error:  # an item error, so the page is told as lost; and so would be all others
            self._stop(error)
            raise
        if self._leaves_reserved:
            processed = reject_reserved(processed)
        if (
            processed.next_page_url
            and apply_selection(processed, replace(selection, min_words=None)) is processed
        ):
            processed = await self._parts.fetch_rest(
                processed, lambda so_far, part: self._answer(self._workers.append_page(so_far, part, rules))
            )
            if self._leaves_reserved:
                processed = reject_reserved(processed)
        if processed.first_page_url:
            self._ask(processed.first_page_url, item.source)
        return apply_selection(processed, selection)

    async def _answer(self, future: Future[ProcessedPage]) -> ProcessedPage:
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
