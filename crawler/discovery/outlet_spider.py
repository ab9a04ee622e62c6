"""The spider of one outlet: requests its sources step by step, and the articles that they list.

1. The feeds, news sitemaps and section pages that the outlet file names. If it names no news sitemap, also its other
   sitemaps. With -a since only if the window reaches into the last 7 days. Without it, also the rejects whose retry is
   due, whether a source still lists them or not.
2. If it names news sitemaps and none of them answered, or if no source listed anything: its other sitemaps. After
   each step, the children that a sitemap index calls old: all if its others listed nothing, or else a few.
3. If still no source listed a page of the outlet: source discovery (crawler/discovery/source_discovery.py).
4. With -a since=DAY, instead of 2 and 3: the archive, a window of past days (crawler/discovery/archive.py).

A step begins when no request of the step before is in progress.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from time import perf_counter
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DontCloseSpider, UsageError
from scrapy.http import Response
from scrapy.robotstxt import RobotParser
from scrapy.settings import BaseSettings

from crawler.command_line.arguments import SELECTION_ARGUMENTS, BadArgument, order_of, selection_of, window_of
from crawler.discovery import source_discovery
from crawler.discovery.archive import Archive
from crawler.discovery.candidates import outlet_of
from crawler.discovery.source_spider import (
    BATCH_ENTRIES,
    LOOP_SLICE_S,
    SourceSpider,
    has_listed,
)
from crawler.politeness.request_policy import spider_of
from crawler.reading.jobs import Reading
from crawler.sources.day_span import DaySpan
from crawler.sources.entries import batched
from crawler.sources.source import (
    LIST_KINDS,
    KnownBy,
    Source,
    SourceKind,
    SourceLimits,
    named_sources,
    source_hosts,
)
from outlets import on_day

_MAX_ROBOTS_SITEMAPS = 200
# a URL with more rejects in a row, which takes five weeks, is only retried while a source lists it
_MAX_RETRIES = 8
_RETRY_PRIORITY = -24 * 7  # like a page of a week ago: what is new goes first
# an archive whose window reaches into these days reads feeds and sections, too
_FRESH_PERIOD = timedelta(days=7)


class OutletSpider(SourceSpider):
    """Base class of the spiders that crawler/spiders/outlets.py makes, one for each outlet file."""

    arguments = ("fresh", "since", "until", "order", *SELECTION_ARGUMENTS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.selection = selection_of(self.outlet.selection, kwargs)
        self.window, self.order = window_of(kwargs), order_of(kwargs)
        self.backfill = self.window is not None
        # host with port → the sitemaps that its robots.txt names
        self._sitemaps_by_host: dict[str, list[str]] = {}
        self._home: Reading | None = None
        self._home_url = self.outlet.home  # where the home page answered
        self._steps = self._later_steps()
        self._advance_task: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> OutletSpider:
        spider = super().from_crawler(crawler, *args, **kwargs)
        spider.limits = SourceLimits.from_settings(crawler.settings)
        crawler.signals.connect(spider._on_robots_parsed, signals.robots_parsed)
        crawler.signals.connect(spider._on_idle, signals.spider_idle)
        return spider

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        """Give the crawl the outlet's own politeness."""
        super().update_settings(settings)
        settings.set("DOWNLOAD_DELAY", cls.outlet.delay_s, "spider")
        settings.set("CONCURRENT_REQUESTS_PER_DOMAIN", cls.outlet.concurrency, "spider")
        settings.set("AUTOTHROTTLE_START_DELAY", cls.outlet.delay_s, "spider")
        # no more requests than the site's slot sends at once: the others wait in the scheduler, which puts the newest first
        at_once = settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN")
        settings.set("CONCURRENT_REQUESTS", min(settings.getint("CONCURRENT_REQUESTS"), at_once), "spider")

    @classmethod
    def handles_request(cls, request: Request) -> bool:
        """Whether the outlet owns the request's URL: how Scrapy's commands find the spider of a page."""
        return outlet_of(request.url) == cls.outlet.key

    @classmethod
    def hosts(cls, **arguments: Any) -> list[str]:
        """Return the hosts that a run will contact, for the check before the start. Raises UsageError for an argument
        that cannot be used."""
        try:
            selection_of(cls.outlet.selection, arguments)
            window_of(arguments)
            order_of(arguments)
        except BadArgument as error:
            raise UsageError(f"-a {error}", print_help=False) from error
        return [*cls.outlet.domains, *source_hosts(cls.outlet)]

    # ------------------------------------------------------------ the first step

    async def start(self) -> AsyncIterator[Any]:
        """Yield the requests of the first step."""
        if self.window and self.window.last < datetime.now(UTC).date() - _FRESH_PERIOD:
            return  # feeds and sections list nothing from those days
        for kind, urls in named_sources(self.outlet):
            if kind == "sitemap" and (self.window or self.outlet.news_sitemaps):
                continue
            for request in self._source_requests(kind, urls):
                yield request
        for request in self._source_requests("dated_section", self._current_dated_sections()):
            yield request
        for request in self._retry_requests() if not self.window else ():
            yield request

    def _retry_requests(self) -> Iterator[Request]:
        """Return the requests for the outlet's rejects whose retry is due, whether a source still lists them or not:
        those that are due the longest first, within RETRIES_PER_OUTLET and RETRIES_PER_RUN."""
        if not self._land or not self.crawler.stats:
            return
        settings, stats, requested = self.settings, self.crawler.stats, 0
        due = self._land.run.index.due_retries(self.outlet.key, datetime.now(UTC), _MAX_RETRIES)
        for url in (url for url in due if self.outlet.wants(url)):
            if requested >= settings.getint("RETRIES_PER_OUTLET") or (
                stats.get_value("retries/requested", 0) >= settings.getint("RETRIES_PER_RUN")
            ):
                self._count("retries/left")
            elif request := self.candidate(url, priority=_RETRY_PRIORITY):
                requested += 1
                self._count("retries/requested")
                yield request

    def _current_dated_sections(self) -> list[str]:
        """Return the URLs of the dated sections of today and yesterday: the last edition may have closed after the
        last crawl."""
        today = datetime.now(self.zone).date()
        days = (today, today - timedelta(days=1))
        return list(
            dict.fromkeys(on_day(template, day) for template in self.outlet.dated_sections for day in days)
        )

    def _source_requests(
        self, kind: SourceKind, urls: Iterable[str], known_by: KnownBy = "outlet file"
    ) -> list[Request]:
        """Return the requests for sources of one kind, without those that this run has opened or that are not due."""
        sources = (Source(url, kind, known_by, root=url) for url in urls)
        return [request for source in sources if (request := self.source_request(source))]

    # ------------------------------------------------------------ the later steps

    def _on_idle(self) -> None:
        """No request is in progress: go on to the next step, or let the spider close."""
        if self._advance_task is None or self._advance_task.done():
            state = self._advance()
            if state == "nothing left":
                return
            if state == "out of time":
                self._advance_task = asyncio.get_running_loop().create_task(self._advance_until_requested())
        raise DontCloseSpider

    def _advance(self) -> Literal["requested", "out of time", "nothing left"]:
        """Request what the next step names and return `requested`; `nothing left` where no step remains. A step may
        yield empty batches for a long time, as where all of an archive is known: after LOOP_SLICE_S the result is
        `out of time`."""
        assert self.crawler.engine
        began = perf_counter()
        try:
            while (batch := next(self._steps, None)) is not None:
                for request in batch:
                    self.crawler.engine.crawl(request)
                if batch:
                    return "requested"
                if perf_counter() - began > LOOP_SLICE_S:
                    return "out of time"
        except Exception:  # Scrapy would log it, close the spider and report the crawl as finished
            self.logger.exception("a step of the crawl failed")
            self._count("spider_errors")
        return "nothing left"

    async def _advance_until_requested(self) -> None:
        """Go on with the steps in slices, so that the event loop serves other work in between."""
        while self._advance() == "out of time":
            await asyncio.sleep(0)

    def closed(self, reason: str) -> None:
        """Stop the steps when the crawl ends."""
        if self._advance_task:
            self._advance_task.cancel()

    def _later_steps(self) -> Iterator[list[Request]]:
        """Return the requests of the later steps in batches; the next batch is taken when no request of the one
        before is in progress."""
        if not self.window:
            yield from self._stale_sitemap_steps()
            if self.outlet.news_sitemaps and not self._has_answered("news_sitemap"):
                yield self._source_requests("sitemap", self.outlet.sitemaps)
                yield from self._stale_sitemap_steps()
            if not self._has_answered():
                yield self._source_requests("sitemap", self.outlet.sitemaps)
                yield from self._stale_sitemap_steps()
            if not any(map(has_listed, self.sources.values())):
                yield from self.frozen_page_requests()
            if not self._has_answered():
                yield from self._discovery_steps()
        else:
            yield from self._archive_steps(self.window)

    def _stale_sitemap_steps(self) -> Iterator[list[Request]]:
        """Return the batches of sitemaps that their indexes call old, as long as there are any: one may be an index of
        others."""
        while batch := self.stale_sitemap_requests():
            yield batch

    def _archive_steps(self, window: DaySpan) -> Iterator[list[Request]]:
        """Return the batches of an archive crawl; without a living archive in the outlet file, those of the sitemaps
        in robots.txt."""
        archive = Archive(self, window, oldest_first=self.order == "oldest")
        yield from archive.sitemap_batches(self.outlet.sitemaps)
        if not archive.has_live_sitemap and not self.outlet.dated_sections:
            # the outlet file names no archive, or only sitemaps that do not answer
            yield from self.fetch_home()
            yield from archive.sitemap_batches(self.robots_sitemaps())
        yield from archive.dated_section_batches()

    def _has_answered(self, kind: SourceKind | None = None) -> bool:
        """Whether a source (of this kind) listed a page of the outlet, or said that there is nothing now. A sitemap
        index alone does not count, for it lists no page. Without a kind, a list that names only other sites does not
        count either: it may have been abandoned."""
        return any(
            has_listed(facts)
            or (
                facts["kind"] in LIST_KINDS
                and not facts["error"]
                and not facts.get("torn")
                and "children" not in facts
                and (kind or not facts.get("foreign"))
            )
            for facts in self.sources.values()
            if kind in (None, facts["kind"])
        )

    # ------------------------------------------------------------ source discovery

    def _discovery_steps(self) -> Iterator[list[Request]]:
        """Return the batches of source discovery: the places one after another, until a source lists a page of the
        outlet."""
        yield from self.fetch_home()
        home, sitemaps = self._home, self.robots_sitemaps()
        news_sitemaps = [s for s in sitemaps if source_discovery.is_news_sitemap(s)]
        other_sitemaps = [s for s in sitemaps if s not in news_sitemaps]
        steps: list[tuple[SourceKind, KnownBy, list[str]]] = [
            ("news_sitemap", "robots.txt", news_sitemaps[: source_discovery.MAX_PER_KIND]),
            (
                "feed",
                "home page",
                home.feeds[: source_discovery.MAX_PER_KIND] if home else [],
            ),
            ("sitemap", "robots.txt", other_sitemaps[: source_discovery.MAX_PER_KIND]),
        ]
        paths = source_discovery.USUAL_PATHS
        steps += [(kind, "usual path", [urljoin(self._home_url, path)]) for kind, path in paths]
        for kind, known_by, urls in steps:
            yield self._source_requests(kind, urls, known_by)
            yield from self._stale_sitemap_steps()
            if any(has_listed(s) for s in self.sources.values()):
                return
        yield from self._home_link_steps()

    def fetch_home(self) -> Iterator[list[Request]]:
        """Return the request for the home page. It brings robots.txt along, which is read once for each host."""
        source = Source(self.outlet.home, "home")
        if request := self.source_request(source):
            yield [request.replace(callback=self.parse_home)]

    async def parse_home(self, response: Response, source: Source) -> None:
        """Keep what the home page links to for source discovery."""
        with self.containing(source):
            self._note_redirect(response, source)
            self._home, self._home_url = await self._read_page(response), response.url

    def robots_sitemaps(self) -> list[str]:
        """Return the sitemaps that robots.txt of the home page's host names, the news sitemaps first."""
        hosts = [urlsplit(url).netloc for url in (self._home_url, self.outlet.home)]
        return source_discovery.news_first(
            url for host in dict.fromkeys(hosts) for url in self._sitemaps_by_host.get(host, ())
        )

    def _on_robots_parsed(self, robotparser: RobotParser, request: Request) -> None:
        if spider_of(request) is not self and outlet_of(request.url) != self.outlet.key:
            return  # of another outlet in the same crawl
        max_length = self.settings.getint("URLLENGTH_LIMIT")
        sitemaps = getattr(robotparser, "sitemaps", ())  # Scrapy's own parsers have none
        named = self._sitemaps_by_host[urlsplit(request.url).netloc] = list[str]()
        for url in islice((url for url in sitemaps if len(url) <= max_length), _MAX_ROBOTS_SITEMAPS):
            with suppress(ValueError):  # as of http://[
                named.append(urljoin(request.url, url))

    def _home_link_steps(self) -> Iterator[list[Request]]:
        """Return the candidates among the links of the home page, in batches."""
        source = Source(self.outlet.home, "home")
        if self._home:
            for number, entries in enumerate(batched(self._home.pages, BATCH_ENTRIES)):
                yield self.follow_batch(entries, source, -number)
        facts = self.sources.setdefault(source.url, source.facts())
        if not facts["found"] and not facts["error"]:
            self._mark_dead(source, "neither a feed nor a sitemap nor the link of an article was found")
