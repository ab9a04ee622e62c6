"""Fetching the later pages of an article in parts, by the same manners, robots.txt and pace as its first."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from scrapy import Request
from scrapy.crawler import Crawler

from cleaning import RawPage
from crawler.pipeline.raw_page import page_of
from lake.schema.records import ProcessedPage

log = logging.getLogger(__name__)

AppendPage = Callable[[ProcessedPage, RawPage], Awaitable[ProcessedPage]]


class LaterPages:
    """At most MAX_PARTS pages of one article; 1 asks for no second page."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.most = crawler.settings.getint("MAX_PARTS")

    async def fetch_rest(self, processed: ProcessedPage, lengthen: AppendPage) -> ProcessedPage:
        """The article with its later pages, one after the other. Each leads to the number after its own at most, so
        there is no loop; where a page is missing, or MAX_PARTS is reached, the article stands as far as it was read,
        is marked as partial, counted and told."""
        first = processed.page
        while first and (address := processed.next_page_url):
            number = len(processed.later_pages) + 2
            if number > self.most:
                self._lacks("not_asked", address, f"MAX_PARTS is {self.most}")
                break
            answer = await self._fetch(address, first)
            if isinstance(answer, Exception):
                self._lacks("missing", address, str(answer) or type(answer).__name__)
                break
            processed = await lengthen(processed, replace(answer, part_of=first.id, part=number))
            if processed.next_page_url == address:
                self._lacks("missing", address, f"answered {answer.status}, no text")
                break
            self._count("read" if processed.article and processed.article.parts == number else "none")
        return processed

    async def _fetch(self, address: str, first: RawPage) -> RawPage | Exception:
        assert self.crawler.engine
        request = Request(
            address, cb_kwargs={"requested_url": address, "source": first.source}, dont_filter=True
        )
        try:
            response = await self.crawler.engine.download_async(request)
        except Exception as error:  # whatever kept it away: the article is kept without it
            return error
        return page_of(response, address, first.source)

    def _lacks(self, name: str, address: str, why: str) -> None:
        self._count(name)
        log.warning("an article goes on at %s, which is not to be had: %s", address, why)

    def _count(self, name: str) -> None:
        assert self.crawler.stats
        self.crawler.stats.inc_value(f"parts/{name}")
