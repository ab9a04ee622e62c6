"""robots.txt as RFC 9309 has it: no answer or a server error means stop; crawl-delay is honoured."""

from __future__ import annotations

import logging
from typing import Any

from scrapy import Request
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.http import Response
from scrapy.robotstxt import RobotParser
from scrapy.utils.misc import build_from_crawler
from twisted.internet.defer import Deferred

log = logging.getLogger(__name__)

MAX_CRAWL_DELAY_S = 60.0
_CLOSED = b"User-agent: *\nDisallow: /\n"  # RFC 9309, 2.3.1.4: unreachable means complete disallow


class Robots(RobotsTxtMiddleware):
    """Scrapy's middleware fetches the pages when robots.txt answers 503, reads an error page as if it were rules,
    and parses crawl-delay without using it."""

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        if response.status >= 500:
            raise OSError(f"it answered {response.status}")
        if response.status >= 400:
            response = response.replace(body=b"")  # RFC 9309, 2.3.1.3: no such file, no rules
        await super()._parse_robots(response, netloc, request)
        parser = self._parsers[netloc]
        if parser is not None and not isinstance(parser, Deferred):
            self._slow_down(parser, request)

    def _robots_error(self, exc: Exception, netloc: str) -> None:
        closed: RobotParser = build_from_crawler(self._parserimpl, self.crawler, _CLOSED)
        waiting: Any = self._parsers[netloc]
        self._parsers[netloc] = closed
        waiting.callback(closed)
        self._stats.inc_value(f"robots_unreadable/{netloc}")
        log.error("%s is left alone in this run: its robots.txt cannot be read (%s)", netloc, exc)

    def _slow_down(self, parser: RobotParser, request: Request) -> None:
        delay_s = parser.crawl_delay(self._robotstxt_useragent or self._default_useragent)
        if not delay_s:
            return
        assert self.crawler.engine
        downloader = self.crawler.engine.downloader
        key = downloader.get_slot_key(request)
        if slot := downloader.slots.get(key):
            slot.delay = max(slot.delay, min(float(delay_s), MAX_CRAWL_DELAY_S))
            self._stats.set_value(f"crawl_delay_s/{key}", slot.delay)
