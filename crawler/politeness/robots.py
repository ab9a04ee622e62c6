"""robots.txt as RFC 9309 has it: no answer or a server error means stop; it is kept for a day; crawl-delay is
honoured."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.robotstxt import RobotParser
from twisted.internet.defer import Deferred

from cleaning.records import Reason
from crawler.politeness.private_networks import refused_names
from crawler.politeness.request_policy import NotFetched
from crawler.politeness.throttle import slow_down
from crawler.politeness.well_known import LONGEST, WellKnownCache

log = logging.getLogger(__name__)

MAX_CRAWL_DELAY_S = 60.0
_NEVER = datetime.max.replace(tzinfo=UTC)
_AGENT = re.compile(rb"^[ \t]*user-agent[ \t]*:[ \t]*([\w*-]{1,40})", re.I | re.M)
_MOST_NAMED = 30
_TOO_MANY = 429  # a server that is asked too often has not said that everything is allowed


class Robots(RobotsTxtMiddleware):
    """Scrapy's middleware fetches the pages when robots.txt answers 503, lets all but the first of the waiting
    requests pass unasked, reads an error page as if it were rules, parses crawl-delay without using it, and keeps what
    it has read as long as it runs, and no longer."""

    def __init__(self, crawler: Any) -> None:
        super().__init__(crawler)
        self._closed: dict[str, NotFetched] = {}  # by netloc: why its robots.txt could not be read
        self._kept = WellKnownCache(crawler)
        self._named: dict[str, list[str]] = {}  # by netloc: other robots that its robots.txt speaks to
        self._until: dict[str, datetime] = {}  # by netloc: when what was read is too old

    async def process_request(self, request: Request, spider: Any = None) -> None:
        await super().process_request(request)
        if request.meta.get("dont_obey_robotstxt"):
            return
        netloc = urlsplit(request.url).netloc
        if closed := self._closed.get(netloc):
            raise NotFetched(closed.reason, str(closed))
        if "requested_url" in request.cb_kwargs:
            # what is addressed to others is recorded, and nothing more
            told = self._said_to_others(request.url, netloc)
            request.meta["robots_evidence"] = request.meta["tdm"] = told

    def _said_to_others(self, url: str, netloc: str) -> list[str]:
        parser = self._parsers.get(netloc)
        if parser is None or isinstance(parser, Deferred):
            return []
        others = [name for name in self._named.get(netloc, ()) if not parser.allowed(url, name)]
        return [f"robots.txt forbids it to: {', '.join(others)}"] if others else []

    async def robot_parser(self, request: Request) -> RobotParser | None:
        scheme, netloc = urlsplit(request.url)[:2]
        if self._until.get(netloc, _NEVER) <= datetime.now(UTC) and netloc not in self._closed:
            del self._until[netloc], self._parsers[netloc]  # a crawl may run for days
        if netloc not in self._parsers:
            self._parsers[netloc] = Deferred()
            self._stats.inc_value("robotstxt/request_count")
            try:
                answer = await self._kept.answer(f"{scheme}://{netloc}/robots.txt")
                await self._parse_robots(
                    Response(answer.url, answer.status, body=answer.body), netloc, request
                )
                self._until[netloc] = answer.asked_at + LONGEST
            except Exception as error:  # whatever it is: without rules nothing is fetched
                self._robots_error(error, netloc)
        await super().robot_parser(request)
        parser = self._parsers[netloc]  # the waiters of one Deferred are not all told
        return None if isinstance(parser, Deferred) else parser

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        if response.status >= 500 or response.status == _TOO_MANY:
            raise OSError(f"it answered {response.status}")
        if response.status >= 400:
            response = response.replace(body=b"")  # RFC 9309, 2.3.1.3: no such file, no rules
        await super()._parse_robots(response, netloc, request)
        parser = self._parsers[netloc]
        mine = (self._robotstxt_useragent or self._default_useragent).lower()
        named = (name.decode("latin-1").lower() for name in _AGENT.findall(response.body))
        self._named[netloc] = [n for n in dict.fromkeys(named) if n not in ("*", mine)][:_MOST_NAMED]
        if parser is not None and not isinstance(parser, Deferred):
            delay_s = parser.crawl_delay(self._robotstxt_useragent or self._default_useragent)
            if delay_s:
                slow_down(self.crawler, request, min(float(delay_s), MAX_CRAWL_DELAY_S))

    def _robots_error(self, exc: Exception, netloc: str) -> None:
        reason = self._reason(exc, netloc)
        self._closed[netloc] = NotFetched(reason, f"robots.txt cannot be read: {exc}")
        super()._robots_error(exc, netloc)
        self._stats.inc_value(f"robots_unreadable/{netloc}")
        log.error("%s is left alone in this run: its robots.txt cannot be read (%s)", netloc, exc)

    def _reason(self, exc: Exception, netloc: str) -> Reason:
        if isinstance(exc, NotFetched):
            return exc.reason
        if urlsplit(f"//{netloc}").hostname in refused_names:
            return "refused"
        # the server answered, and said no: that is a rule; no answer at all is none
        return (
            "robots"
            if (isinstance(exc, OSError) and "answered" in str(exc)) or isinstance(exc, IgnoreRequest)
            else "unreachable"
        )
