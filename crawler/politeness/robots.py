"""Obeys robots.txt as RFC 9309 says: without an answer, or after a server error, a host is not crawled; an answer is
cached for a day; crawl-delay is honoured."""

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
from crawler.politeness.request_policy import REQUESTED_URL_KEY, NotFetched
from crawler.politeness.throttle import slow_down
from crawler.politeness.well_known import MAX_AGE, WellKnownCache

log = logging.getLogger(__name__)

MAX_CRAWL_DELAY_S = 60.0
_NEVER = datetime.max.replace(tzinfo=UTC)
_USER_AGENT_LINE = re.compile(rb"^[ \t]*user-agent[ \t]*:[ \t]*([\w*-]{1,40})", re.I | re.M)
_MAX_OTHER_AGENTS = 30
_TOO_MANY_REQUESTS = 429  # a rate limit, unlike other 4xx answers, does not mean that everything is allowed


class Robots(RobotsTxtMiddleware):
    """Replaces Scrapy's middleware, which has five faults: it fetches pages although robots.txt answered 503; of the
    requests that wait for robots.txt it checks only the first; it parses an error page as rules; it ignores
    crawl-delay; and it caches rules for exactly one run."""

    def __init__(self, crawler: Any) -> None:
        super().__init__(crawler)
        # all by netloc: why robots.txt could not be read; the other user agents that it names; when its rules expire
        self._unreadable: dict[str, NotFetched] = {}
        self._well_known = WellKnownCache(crawler)
        self._other_agents: dict[str, list[str]] = {}
        self._expires_at: dict[str, datetime] = {}

    async def process_request(self, request: Request, spider: Any = None) -> None:
        """Raises NotFetched where robots.txt could not be read, and Scrapy's IgnoreRequest where a rule forbids the
        URL. A candidate's meta gets the evidence of rules for other user agents."""
        await super().process_request(request)
        if request.meta.get("dont_obey_robotstxt"):
            return
        netloc = urlsplit(request.url).netloc
        if unreadable := self._unreadable.get(netloc):
            raise NotFetched(unreadable.reason, str(unreadable))
        if REQUESTED_URL_KEY in request.cb_kwargs:
            # rules for other user agents are recorded as evidence; they forbid nothing to us
            evidence = self._evidence_of_other_agents(request.url, netloc)
            request.meta["robots_evidence"] = request.meta["tdm"] = evidence

    def _evidence_of_other_agents(self, url: str, netloc: str) -> list[str]:
        """A line of evidence with the other user agents that must not fetch the URL; empty if there are none."""
        parser = self._parsers.get(netloc)
        if parser is None or isinstance(parser, Deferred):
            return []
        forbidden = [name for name in self._other_agents.get(netloc, ()) if not parser.allowed(url, name)]
        return [f"robots.txt forbids it to: {', '.join(forbidden)}"] if forbidden else []

    async def robot_parser(self, request: Request) -> RobotParser | None:
        """The rules of the request's host, read once they are needed; None where robots.txt could not be read."""
        scheme, netloc = urlsplit(request.url)[:2]
        if self._expires_at.get(netloc, _NEVER) <= datetime.now(UTC) and netloc not in self._unreadable:
            del self._expires_at[netloc], self._parsers[netloc]  # a crawl may run for days
        if netloc not in self._parsers:
            self._parsers[netloc] = Deferred()
            self._stats.inc_value("robotstxt/request_count")
            try:
                answer = await self._well_known.get(f"{scheme}://{netloc}/robots.txt")
                await self._parse_robots(
                    Response(answer.url, answer.status, body=answer.body), netloc, request
                )
                self._expires_at[netloc] = answer.asked_at + MAX_AGE
            except Exception as error:  # of any kind: without rules nothing is fetched
                self._robots_error(error, netloc)
        await super().robot_parser(request)
        parser = self._parsers[netloc]  # only the first that awaits a Deferred gets its result
        return None if isinstance(parser, Deferred) else parser

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        if response.status >= 500 or response.status == _TOO_MANY_REQUESTS:
            raise OSError(f"it answered {response.status}")
        if response.status >= 400:
            response = response.replace(body=b"")  # RFC 9309, 2.3.1.3: no robots.txt, hence no rules
        await super()._parse_robots(response, netloc, request)
        parser = self._parsers[netloc]
        own_agent = (self._robotstxt_useragent or self._default_useragent).lower()
        agents = (name.decode("latin-1").lower() for name in _USER_AGENT_LINE.findall(response.body))
        self._other_agents[netloc] = [n for n in dict.fromkeys(agents) if n not in ("*", own_agent)][
            :_MAX_OTHER_AGENTS
        ]
        if parser is not None and not isinstance(parser, Deferred):
            delay_s = parser.crawl_delay(self._robotstxt_useragent or self._default_useragent)
            if delay_s:
                slow_down(self.crawler, request, min(float(delay_s), MAX_CRAWL_DELAY_S))

    def _robots_error(self, exc: Exception, netloc: str) -> None:
        reason = self._why_unreadable(exc, netloc)
        self._unreadable[netloc] = NotFetched(reason, f"robots.txt cannot be read: {exc}")
        super()._robots_error(exc, netloc)
        self._stats.inc_value(f"robots_unreadable/{netloc}")
        log.error("%s is left alone in this run: its robots.txt cannot be read (%s)", netloc, exc)

    def _why_unreadable(self, exc: Exception, netloc: str) -> Reason:
        if isinstance(exc, NotFetched):
            return exc.reason
        if urlsplit(f"//{netloc}").hostname in refused_names:
            return "refused"
        # an error answer counts as a rule of the server ("robots"); no answer at all means that it is unreachable
        return (
            "robots"
            if (isinstance(exc, OSError) and "answered" in str(exc)) or isinstance(exc, IgnoreRequest)
            else "unreachable"
        )
