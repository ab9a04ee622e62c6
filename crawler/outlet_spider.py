"""The spider of one outlet: its feeds and section pages, newest first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from scrapy import Request
from scrapy.http import Response, TextResponse
from scrapy.settings import BaseSettings
from twisted.python.failure import Failure

from cleaning import host_of
from crawler import feeds
from crawler.candidates import CandidateSpider
from outlets import Outlet

MAX_LINKS = 2000  # of a section page
_SOURCE_PRIORITY = 10  # sources before candidates, so that the newest are known before the first is fetched
_UNDATED = -24 * 365


class OutletSpider(CandidateSpider):
    """Classes for every outlet file are made in crawler/spiders/made.py."""

    outlet: Outlet

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        super().update_settings(settings)
        settings.set("DOWNLOAD_DELAY", cls.outlet.delay_s, "spider")
        settings.set("CONCURRENT_REQUESTS_PER_DOMAIN", cls.outlet.concurrency, "spider")
        settings.set("AUTOTHROTTLE_START_DELAY", cls.outlet.delay_s, "spider")

    @classmethod
    def hosts(cls, **arguments: Any) -> list[str]:
        """The hosts that a run will speak to, for the check before it starts."""
        outlet = cls.outlet
        return [*outlet.domains, *map(host_of, (*outlet.feeds, *outlet.sections))]

    async def start(self) -> AsyncIterator[Any]:
        for kind, urls in (("feed", self.outlet.feeds), ("section", self.outlet.sections)):
            for url in urls:
                self.sources[url] = {"kind": kind, "found": 0, "new": 0, "error": None}
                yield Request(
                    url,
                    callback=self.parse_feed if kind == "feed" else self.parse_section,
                    errback=self.dead_source,
                    cb_kwargs={"source": url},
                    priority=_SOURCE_PRIORITY,
                    dont_filter=True,
                )

    async def parse_feed(self, response: Response, source: str) -> AsyncIterator[Request]:
        try:
            # a large feed takes seconds to read: not on the event loop
            entries = await asyncio.to_thread(feeds.entries, response.body, response.url)
        except feeds.NotAFeed as error:
            self._dead(source, f"not a feed: {error}")
            return
        now = datetime.now(UTC)
        for place, entry in enumerate(entries):
            age_h = (
                (now - entry.published_at).total_seconds() / 3600 if entry.published_at else -_UNDATED + place
            )
            for request in self._wanted(entry.url, source, priority=-int(max(0, age_h))):
                yield request

    def parse_section(self, response: Response, source: str) -> Iterator[Request]:
        if not isinstance(response, TextResponse):
            self._dead(source, "not a page of text")
            return
        links = dict.fromkeys(response.css("a::attr(href)").getall())  # each once, in order
        if len(links) > MAX_LINKS:
            self.logger.warning("%s: the first %d of %d links are looked at", source, MAX_LINKS, len(links))
        for place, href in enumerate(islice(links, MAX_LINKS)):
            try:
                url = response.urljoin(href.strip())
            except ValueError:
                continue
            yield from self._wanted(url, source, priority=-place // 10)

    def _wanted(self, url: str, source: str, priority: int) -> Iterator[Request]:
        """The candidate, if the outlet's patterns want it and nobody asked before."""
        try:
            if not self.outlet.wants(url):
                return
            self.sources[source]["found"] += 1
            request = self.candidate(url, source, priority)
        except ValueError:  # no http(s) address, or a nonsensical port
            return
        if request:
            self.sources[source]["new"] += 1
            yield request

    def dead_source(self, failure: Failure) -> None:
        source: str = failure.request.cb_kwargs["source"]  # type: ignore[attr-defined]  # set by Scrapy
        answered = getattr(failure.value, "response", None)
        self._dead(
            source, f"answered {answered.status}" if answered is not None else failure.getErrorMessage()
        )

    def _dead(self, source: str, why: str) -> None:
        """Counted and named; the other sources go on."""
        self.sources[source]["error"] = why
        self._count("dead_sources")
        self.logger.warning("dead source %s: %s", source, why)
