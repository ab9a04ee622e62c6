"""Fetching the later pages of an article in parts, by the same manners, robots.txt and pace as its first."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from scrapy import Request
from scrapy.crawler import Crawler

from cleaning import RawPage
from crawler.pipeline.raw_page import page_of
from lake.schema.records import Refined

log = logging.getLogger(__name__)

Lengthen = Callable[[Refined, RawPage], Awaitable[Refined]]


class Parts:
    """At most MAX_PARTS pages of one article; 1 asks for no second page."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.most = crawler.settings.getint("MAX_PARTS")

    async def rest_of(self, refined: Refined, lengthen: Lengthen) -> Refined:
        """The article with its later pages, one after the other. Each leads to the number after its own at most, so
        there is no loop; where a page is missing, or MAX_PARTS is reached, the article stands as far as it was read,
        is marked as partial, counted and told."""
        first = refined.page
        while first and (address := refined.continues_at):
            number = len(refined.parts) + 2
            if number > self.most:
                self._lacks("not_asked", address, f"MAX_PARTS is {self.most}")
                break
            answer = await self._fetch(address, first)
            if isinstance(answer, Exception):
                self._lacks("missing", address, str(answer) or type(answer).__name__)
                break
            refined = await lengthen(refined, replace(answer, part_of=first.id, part=number))
            if refined.continues_at == address:
                self._lacks("missing", address, f"answered {answer.status}, no text")
                break
            self._count("read" if refined.article and refined.article.parts == number else "none")
        return refined

    async def _fetch(self, address: str, first: RawPage) -> RawPage | Exception:
        assert self.crawler.engine
        request = Request(address, cb_kwargs={"asked": address, "source": first.source}, dont_filter=True)
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
