"""Fetches the later pages of a paginated article, with the same politeness and robots.txt rules as its first page."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from scrapy import Request
from scrapy.crawler import Crawler

from cleaning import RawPage
from crawler.pipeline.raw_page import page_of
from crawler.politeness.failures import explain
from crawler.politeness.request_policy import REQUESTED_URL_KEY
from lake.schema.records import ProcessedPage

log = logging.getLogger(__name__)

AppendPage = Callable[[ProcessedPage, RawPage], Awaitable[ProcessedPage]]


class LaterPages:
    """Fetches at most MAX_PARTS pages of one article; with 1, no second page is requested."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.max_pages = crawler.settings.getint("MAX_PARTS")

    async def fetch_rest(self, processed: ProcessedPage, append_page: AppendPage) -> ProcessedPage:
        """Return the article with its later pages, which are fetched one after the other. Each page may lead only to
        the page with the next number, so there is no loop. Where a page is missing, or MAX_PARTS is reached, the
        article stays as far as it was read: it is marked as partial, counted and logged."""
        first_page = processed.page
        while first_page and (url := processed.next_page_url):
            number = len(processed.later_pages) + 2
            if number > self.max_pages:
                self._note_missing("not_asked", url, f"MAX_PARTS is {self.max_pages}")
                break
            page = await self._fetch(url, first_page)
            if isinstance(page, Exception):
                self._note_missing("missing", url, explain(page, url))
                break
            processed = await append_page(processed, replace(page, part_of=first_page.id, part=number))
            if processed.next_page_url == url:
                self._note_missing("missing", url, f"answered {page.status}, no text")
                break
            self._count("read" if processed.article and processed.article.parts == number else "none")
        return processed

    async def _fetch(self, url: str, first_page: RawPage) -> RawPage | Exception:
        """Return the page that answered, or the exception that prevented it."""
        assert self.crawler.engine
        request = Request(
            url, cb_kwargs={REQUESTED_URL_KEY: url, "source": first_page.source}, dont_filter=True
        )
        try:
            response = await self.crawler.engine.download_async(request)
        except Exception as error:  # whatever the reason, the article is kept without this page
            return error
        return page_of(response, url, first_page.source)

    def _note_missing(self, name: str, url: str, why: str) -> None:
        """Count and log a page that the article lacks. name: the stat, `not_asked` or `missing`."""
        self._count(name)
        log.warning("an article goes on at %s, which is not to be had: %s", url, why)

    def _count(self, name: str) -> None:
        assert self.crawler.stats
        self.crawler.stats.inc_value(f"parts/{name}")
