"""Obeys robots.txt as RFC 9309 says: groups are found by product token; without an answer, or after a server error, a
host is not crawled; an answer is cached for a day; crawl-delay is honoured."""

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
from scrapy.robotstxt import ProtegoRobotParser, RobotParser, decode_robotstxt
from scrapy.utils.python import to_unicode
from twisted.internet.defer import Deferred

from cleaning.records import Reason
from crawler.politeness.failures import LocalFault, explain, is_broken_answer
from crawler.politeness.private_networks import refused_names
from crawler.politeness.request_policy import REQUESTED_URL_KEY, NotFetched
from crawler.politeness.throttle import slow_down
from crawler.politeness.well_known import MAX_AGE, WellKnownCache

log = logging.getLogger(__name__)

MAX_CRAWL_DELAY_S = 60.0
_NEVER = datetime.max.replace(tzinfo=UTC)
# Protego reads these spellings of the field, too
_USER_AGENT_LINE = re.compile(r"\s*user[- ]?agent(?:\s*:|\s)\s*(.*)", re.I)
_PRODUCT_TOKEN = re.compile(r"[\w-]{1,40}|\*(?=\s|$)")
_MAX_OTHER_AGENTS = 30
_TOO_MANY_REQUESTS = 429  # a rate limit, unlike other 4xx answers, does not mean that everything is allowed


class ProductTokenParser(ProtegoRobotParser):
    """Protego with the groups of RFC 9309, 2.2.1: `User-agent: Pressline/1.0 (news)` is pressline's group, and
    `User-agent: press`, which Protego takes for it, is not."""

    def __init__(self, robotstxt_body: bytes, spider: Any) -> None:
        lines = decode_robotstxt(robotstxt_body, spider).splitlines()
        named = [_agent_of(line) for line in lines]
        self.agents = frozenset(filter(None, named))  # in lower case; the wildcard is *
        rules = "\n".join(
            f"User-agent: {name}" if name else line for name, line in zip(named, lines, strict=True)
        )
        super().__init__(rules.encode(), spider)

    def allowed(self, url: str | bytes, user_agent: str | bytes) -> bool:
        """Whether the user agent's group, else the one for all, allows the URL."""
        return super().allowed(url, self._group_of(user_agent))

    def crawl_delay(self, user_agent: str | bytes) -> float | None:
        """The crawl-delay, in seconds, of the same group."""
        return super().crawl_delay(self._group_of(user_agent))

    def _group_of(self, user_agent: str | bytes) -> str:
        token = product_token(to_unicode(user_agent))
        return token if token in self.agents else "*"


def product_token(user_agent: str) -> str:
    """The product token of a user agent, in lower case: `pressline` of `Pressline/1.0`; "" where it has none."""
    token = _PRODUCT_TOKEN.match(user_agent.strip())
    return token[0].lower() if token else ""


def _agent_of(line: str) -> str:
    """The product token, or *, that a line of robots.txt names; "" for any other line."""
    agent = _USER_AGENT_LINE.match(line.partition("#")[0])
    return product_token(agent[1]) if agent else ""


class Robots(RobotsTxtMiddleware):
    """Replaces Scrapy's middleware, which has six faults: it fetches pages although robots.txt answered 503; of the
    requests that wait for robots.txt it checks only the first; it parses an error page as rules; it ignores
    crawl-delay; it caches rules for exactly one run; and it takes a fault of this machine for one of the site."""

    def __init__(self, crawler: Any) -> None:
        super().__init__(crawler)
        # all by netloc: why robots.txt could not be read; the other user agents that it names; when its rules expire
        self._unreadable: dict[str, NotFetched | LocalFault] = {}
        self._well_known = WellKnownCache(crawler)
        self._other_agents: dict[str, list[str]] = {}
        self._expires_at: dict[str, datetime] = {}

    async def process_request(self, request: Request, spider: Any = None) -> None:
        """Raises NotFetched where robots.txt could not be read (LocalFault where this machine is at fault), and Scrapy's
        IgnoreRequest where a rule forbids the URL. A candidate's meta gets the evidence of rules for other user
        agents."""
        await super().process_request(request)
        if request.meta.get("dont_obey_robotstxt"):
            return
        netloc = urlsplit(request.url).netloc
        if unreadable := self._unreadable.get(netloc):
            raise unreadable.with_traceback(None)
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
        own_agent = product_token(self._robotstxt_useragent or self._default_useragent)
        agents = map(_agent_of, decode_robotstxt(response.body, self.crawler.spider).splitlines())
        others = [name for name in dict.fromkeys(agents) if name not in ("", "*", own_agent)]
        self._other_agents[netloc] = others[:_MAX_OTHER_AGENTS]
        if parser is not None and not isinstance(parser, Deferred):
            delay_s = parser.crawl_delay(self._robotstxt_useragent or self._default_useragent)
            if delay_s:
                slow_down(self.crawler, request, min(float(delay_s), MAX_CRAWL_DELAY_S))

    def _robots_error(self, exc: Exception, netloc: str) -> None:
        why = explain(exc, f"//{netloc}")
        if isinstance(exc, LocalFault):
            self._unreadable[netloc] = exc
        else:
            reason = self._why_unreadable(exc, netloc)
            self._unreadable[netloc] = NotFetched(reason, f"robots.txt cannot be read: {why}")
        super()._robots_error(exc, netloc)
        self._stats.inc_value(f"robots_unreadable/{netloc}")
        log.error("%s is left alone in this run: its robots.txt cannot be read (%s)", netloc, why)

    def _why_unreadable(self, exc: Exception, netloc: str) -> Reason:
        if isinstance(exc, NotFetched):
            return exc.reason
        if urlsplit(f"//{netloc}").hostname in refused_names:
            return "refused"
        if is_broken_answer(exc):
            return "broken_http"
        # an error answer counts as a rule of the server ("robots"); no answer at all means that it is unreachable
        return (
            "robots"
            if (isinstance(exc, OSError) and "answered" in str(exc)) or isinstance(exc, IgnoreRequest)
            else "unreachable"
        )
