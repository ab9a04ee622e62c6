"""The first item pipeline: cleans each RawPage in a worker process, so that it becomes an article or a reject."""

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
from crawler.pipeline.raw_page import ArchivedArticle
from crawler.politeness.tdmrep import tdm_policy
from crawler.reading.source_readers import OFFENCES
from crawler.tuning.back_pressure import BackPressure
from lake.schema.columns import restore_record
from lake.schema.records import ProcessedPage, Reject
from lake.workers.page_processing import apply_selection, reject_reserved
from lake.workers.pool import Workers, WorkersFailed
from outlets import Outlet, Selection

log = logging.getLogger(__name__)


class Clean:
    """Item pipeline from RawPage, ArchivedArticle or Reject to ProcessedPage. Worker processes do the work, so the event loop keeps
    serving the network; Scrapy waits for items, so it fetches no faster than the workers clean. The later pages of a
    paginated article are fetched here. A page that the run's selection does not want becomes a reject."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self._later_pages = LaterPages(crawler)
        self._rejects_reserved = tdm_policy(crawler.settings) == "respect"
        self._workers = Workers(replace(limits_of(crawler.settings), offences=OFFENCES))
        self._back_pressure = BackPressure.of(crawler)
        self._given_up: set[str] = set()  # outlets
        self._stopped = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Clean:
        return cls(crawler)

    async def process_item(self, item: Any) -> Any:
        """Return the ProcessedPage of a RawPage, an ArchivedArticle or a Reject; other items pass through. Raises
        WorkersFailed."""
        if isinstance(item, Reject):
            return ProcessedPage(None, reject=item)
        archived_pages: tuple[RawPage, ...] = ()
        if isinstance(item, ArchivedArticle):
            item, archived_pages = item.first, item.later
        if not isinstance(item, RawPage):
            return item
        rules, selection = rules_of(item.outlet), self._selection_for(item.outlet)
        try:
            processed = await self._await_result(self._workers.process(item, rules), item)
            for page in archived_pages:
                processed = await self._await_result(self._workers.append_page(processed, page, rules), page)
        except WorkersFailed as error:
            # raised again, the error counts this page as lost; all others would be, too
            self._stop_crawl(error)
            raise
        if self._rejects_reserved:
            processed = reject_reserved(processed)
        if (
            processed.next_page_url
            and apply_selection(processed, replace(selection, min_words=None)) is processed
        ):
            processed = await self._later_pages.fetch_rest(
                processed,
                lambda so_far, page: self._await_result(self._workers.append_page(so_far, page, rules), page),
            )
            if self._rejects_reserved:
                processed = reject_reserved(processed)
        if processed.first_page_url:
            self._request_first_page(processed.first_page_url, item.source)
        return apply_selection(processed, selection)

    async def process_again(self, rows: list[dict[str, Any]]) -> ProcessedPage:
        """Return what a page of the lake gives now. rows: of raw, of the page and its later pages. Raises
        WorkersFailed."""
        page, *later_pages = (restore_record(RawPage, values) for values in rows)
        rules = rules_of(page.outlet)
        processed = await self._await_result(self._workers.process(page, rules), page)
        for later in later_pages:
            processed = await self._await_result(self._workers.append_page(processed, later, rules), later)
        return reject_reserved(processed) if self._rejects_reserved else processed

    async def _await_result(self, future: Future[ProcessedPage], page: RawPage) -> ProcessedPage:
        """Return what a worker makes of a page. The outlets take turns at the workers, and a page that waits for slow
        ones of its outlet keeps no other outlet from being fetched."""
        processed = await self._back_pressure.result(
            future, page.outlet, len(page.body), self._workers.is_slow
        )
        if page.outlet in self._workers.refused and page.outlet not in self._given_up:
            self._give_up(page.outlet)
        return processed

    def _give_up(self, outlet: str) -> None:
        """Fetch nothing more of an outlet whose pages take too much; those that were fetched are quarantined."""
        self._given_up.add(outlet)
        assert self.crawler.stats
        self.crawler.stats.inc_value("workers/outlets_given_up")
        log.error(
            "%s: given up: %d pages in a row took a worker more than CLEAN_DEADLINE_S or CLEAN_BYTES",
            outlet,
            OFFENCES,
        )
        spider = self.crawler.spider
        if leave := getattr(spider, "leave", None):
            leave(outlet, "slow_pages")
        elif isinstance(getattr(spider, "outlet", None), Outlet):
            self._close_spider("slow_pages")

    def _stop_crawl(self, error: WorkersFailed) -> None:
        """Fetch nothing more: without workers every further page would be lost."""
        if not self._stopped:
            log.error("nothing more is fetched: %s", error)
            self._close_spider("workers_failed")

    def _close_spider(self, reason: str) -> None:
        engine = self.crawler.engine
        if engine and engine.running and not self._stopped:
            self._stopped = True
            asyncio.get_running_loop().create_task(engine.close_spider_async(reason=reason))

    def _selection_for(self, outlet: str) -> Selection:
        """Return the outlet's selection, with what -a gives in its place. Scrapy makes a spider's arguments its
        attributes."""
        known_outlet = known_outlets().by_name.get(outlet)
        arguments = {
            name: value for name, value in vars(self.crawler.spider).items() if isinstance(value, str)
        }
        return selection_of(known_outlet.selection if known_outlet else Selection(), arguments)

    def _request_first_page(self, first_page_url: str, source: str | None) -> None:
        """Request the first page of an article whose later page was listed; it is a candidate like any other."""
        candidate = getattr(self.crawler.spider, "candidate", None)
        with suppress(ValueError):  # a URL that may not be requested, as one that is too long
            if candidate and self.crawler.engine and (request := candidate(first_page_url, source)):
                self.crawler.engine.crawl(request)

    async def close_spider(self) -> None:
        """Close the workers and copy their counts to the stats."""
        await asyncio.to_thread(self._workers.close)
        assert self.crawler.stats
        for what, count in self._workers.counts.items():
            self.crawler.stats.set_value(f"workers/{what}", count)
