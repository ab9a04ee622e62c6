"""Obeys robots.txt as RFC 9309 says: groups are found by product token; without an answer, or after a server error, a
host is not crawled; an answer is cached for a day; crawl-delay is honoured; the first 500 KiB are read."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest, NotConfigured
from scrapy.robotstxt import RobotParser
from scrapy.utils.misc import build_from_crawler, load_object

from cleaning.records import Reason
from crawler.politeness.failures import LocalFault, explain, is_broken_answer
from crawler.politeness.private_networks import refused_names
from crawler.politeness.request_policy import REQUESTED_URL_KEY, NotFetched
from crawler.politeness.robots_rules import ProductTokenParser, TooManyRules
from crawler.politeness.throttle import slow_down
from crawler.politeness.well_known import MAX_AGE, CachedAnswer, WellKnownCache

log = logging.getLogger(__name__)

MAX_CRAWL_DELAY_S = 60.0
MAX_BYTES = 500 * 2**10  # RFC 9309, 2.5
_MAX_RULES_KEPT = 200_000  # in memory, of all hosts together; they take 80 MB
_TOO_MANY_REQUESTS = 429  # a rate limit, unlike other 4xx answers, does not mean that everything is allowed


@dataclass(frozen=True, slots=True)
class _Host:
    """What robots.txt of a host says; one of the first two is None."""

    parser: RobotParser | None
    why_unreadable: NotFetched | LocalFault | None
    expires_at: datetime  # the moment is not looked at where it is unreadable: that holds for the whole run

    @property
    def rule_count(self) -> int:
        return self.parser.rule_count if isinstance(self.parser, ProductTokenParser) else 0


class Robots:
    """Replaces Scrapy's middleware, which has seven faults: it fetches pages although robots.txt answered 503; of the
    requests that wait for robots.txt it checks only the first; it parses an error page as rules; it ignores
    crawl-delay; it caches rules for exactly one run; it takes a fault of this machine for one of the site; and a long
    robots.txt holds up the event loop."""

    def __init__(self, crawler: Crawler) -> None:
        if not crawler.settings.getbool("ROBOTSTXT_OBEY"):
            raise NotConfigured
        assert crawler.stats
        self.crawler, self._stats = crawler, crawler.stats
        self._user_agent: str = crawler.settings["ROBOTSTXT_USER_AGENT"] or crawler.settings["USER_AGENT"]
        self._parser_class: type[RobotParser] = load_object(crawler.settings["ROBOTSTXT_PARSER"])
        self._well_known = WellKnownCache(crawler)
        self._hosts: dict[str, asyncio.Task[_Host]] = {}  # by netloc, the least recently used first

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Robots:
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Raises NotFetched where robots.txt could not be read (LocalFault where this machine is at fault), and Scrapy's
        IgnoreRequest where a rule forbids the URL. A candidate's meta gets the evidence of rules for other user
        agents."""
        if request.meta.get("dont_obey_robotstxt") or not request.url.startswith(("http:", "https:")):
            return
        host = await self._host_of(request)
        if host.why_unreadable:
            raise host.why_unreadable.with_traceback(None)
        assert host.parser
        is_candidate = REQUESTED_URL_KEY in request.cb_kwargs
        if isinstance(host.parser, ProductTokenParser) and not host.parser.is_quick:
            allowed, others = await asyncio.to_thread(self._verdict, host.parser, request.url, is_candidate)
        else:
            allowed, others = self._verdict(host.parser, request.url, is_candidate)
        if not allowed:
            self._stats.inc_value("robotstxt/forbidden")
            raise IgnoreRequest("Forbidden by robots.txt")
        if is_candidate:
            # rules for other user agents are recorded as evidence; they forbid nothing to us
            evidence = [f"robots.txt forbids it to: {', '.join(others)}"] if others else []
            request.meta["robots_evidence"] = request.meta["tdm"] = evidence

    def _verdict(self, parser: RobotParser, url: str, is_candidate: bool) -> tuple[bool, list[str]]:
        """(whether we may fetch the URL, the other user agents that must not)."""
        allowed = parser.allowed(url, self._user_agent)
        with_others = is_candidate and allowed and isinstance(parser, ProductTokenParser)
        return allowed, parser.forbidden_to(url) if with_others else []  # type: ignore[attr-defined]  # checked above

    async def _host_of(self, request: Request) -> _Host:
        """What robots.txt of the request's host says, read once it is needed. The first request fetches it, and the
        others wait for the same answer."""
        netloc = urlsplit(request.url).netloc
        task = self._hosts.pop(netloc, None)
        if task is not None and task.done() and self._has_expired(task.result()):  # a crawl may run for days
            task = None
        if task is None:
            task = asyncio.get_running_loop().create_task(self._read_host(request, netloc))
        self._hosts[netloc] = task
        return await asyncio.shield(task)

    @staticmethod
    def _has_expired(host: _Host) -> bool:
        return host.why_unreadable is None and host.expires_at <= datetime.now(UTC)

    async def _read_host(self, request: Request, netloc: str) -> _Host:
        self._stats.inc_value("robotstxt/request_count")
        try:
            url = f"{urlsplit(request.url).scheme}://{netloc}/robots.txt"
            answer = await self._well_known.get(url, MAX_BYTES)
            parser = await self._parse(answer, netloc, request)
        except Exception as error:  # of any kind: without rules nothing is fetched
            return _Host(None, self._note_unreadable(error, netloc), datetime.now(UTC))
        self._forget_least_used(parser)
        return _Host(parser, None, answer.asked_at + MAX_AGE)

    async def _parse(self, answer: CachedAnswer, netloc: str, request: Request) -> RobotParser:
        self._stats.inc_value("robotstxt/response_count")
        self._stats.inc_value(f"robotstxt/response_status_count/{answer.status}")
        if answer.status >= 500 or answer.status == _TOO_MANY_REQUESTS:
            raise OSError(f"it answered {answer.status}")
        body = answer.body if answer.status < 400 else b""  # RFC 9309, 2.3.1.3: no robots.txt, hence no rules
        if answer.is_cut and body:
            body = body[: max(body.rfind(b"\n"), body.rfind(b"\r")) + 1]
            self._stats.inc_value(f"robots_cut/{netloc}")
            log.warning("%s: only the first %d bytes of its robots.txt are read", netloc, MAX_BYTES)
        # in a thread: 500 KiB take a third of a second
        parser = await asyncio.to_thread(build_from_crawler, self._parser_class, self.crawler, body)
        await self.crawler.signals.send_catch_log_async(
            signal=signals.robots_parsed, robotparser=parser, request=request
        )
        if isinstance(parser, ProductTokenParser) and not parser.is_evidence_whole:
            self._stats.inc_value(f"robots_evidence_cut/{netloc}")
        delay_s = parser.crawl_delay(self._user_agent)
        if delay_s and delay_s > 0:  # not for nan
            slow_down(self.crawler, request, min(float(delay_s), MAX_CRAWL_DELAY_S))
        return parser

    def _forget_least_used(self, newest: Any) -> None:
        """Forget the rules of the hosts whose last request is the longest ago, where those of all hosts are too many.
        They are read again when they are needed, as a rule from the disk."""
        kept = getattr(newest, "rule_count", 0)
        for netloc, task in reversed(list(self._hosts.items())):
            if task.done() and (count := task.result().rule_count):
                kept += count
                if kept > _MAX_RULES_KEPT:
                    del self._hosts[netloc]

    def _note_unreadable(self, error: Exception, netloc: str) -> NotFetched | LocalFault:
        """Count and log why a host is left alone, and return what its requests raise."""
        why = explain(error, f"//{netloc}")
        if not isinstance(error, IgnoreRequest):
            self._stats.inc_value(f"robotstxt/exception_count/{type(error)}")
        self._stats.inc_value(f"robots_unreadable/{netloc}")
        log.error("%s is left alone in this run: its robots.txt cannot be read (%s)", netloc, why)
        if isinstance(error, LocalFault):
            return error
        return NotFetched(self._why_unreadable(error, netloc), f"robots.txt cannot be read: {why}")

    def _why_unreadable(self, error: Exception, netloc: str) -> Reason:
        if isinstance(error, NotFetched):
            return error.reason
        if urlsplit(f"//{netloc}").hostname in refused_names:
            return "refused"
        if is_broken_answer(error):
            return "broken_http"
        # an error answer counts as a rule of the server ("robots"); no answer at all means that it is unreachable
        return (
            "robots"
            if (isinstance(error, OSError) and "answered" in str(error))
            or isinstance(error, IgnoreRequest | TooManyRules)
            else "unreachable"
        )
