"""The spider of one outlet: what it asks for, and when.

1. What the outlet file names: feeds, news sitemaps, section pages; sitemaps where it names no news sitemap.
2. Its sitemaps, where no news sitemap answered.
3. Where nothing answered, or only lists without a page of the outlet: its sitemaps, then what can be found
   (crawler/discovery/source_discovery.py).
4. With -a since: the archive (crawler/discovery/archive.py).

Each step begins when nothing of the one before is under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from time import perf_counter
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DontCloseSpider, UsageError
from scrapy.http import Response, TextResponse
from scrapy.robotstxt import RobotParser
from scrapy.settings import BaseSettings

from crawler.command_line.arguments import SELECTION_ARGUMENTS, BadArgument, order_of, selection_of, window_of
from crawler.discovery import source_discovery
from crawler.discovery.archive import Archive
from crawler.discovery.source_spider import BATCH, MAX_LINKS, SLICE_S, SourceSpider
from crawler.sources.day_span import DaySpan
from crawler.sources.entries import batched
from crawler.sources.source import (
    LIST_KINDS,
    KnownBy,
    Source,
    SourceKind,
    SourceLimits,
    named_sources,
    page_links,
    source_hosts,
)
from outlets import on_day

_MAX_SITEMAPS_OF_ROBOTS = 200
_STILL_FRESH = timedelta(days=7)  # an archive that reaches into these days reads feeds, too


class OutletSpider(SourceSpider):
    """Classes for every outlet file are made in crawler/spiders/outlets.py."""

    arguments = ("fresh", "since", "until", "order", *SELECTION_ARGUMENTS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.selection = selection_of(self.outlet.selection, kwargs)
        self.window, self.order = window_of(kwargs), order_of(kwargs)
        self.backfill = self.window is not None
        self._robots_sitemaps: dict[str, list[str]] = {}  # by host with port
        self._home: TextResponse | None = None
        self._steps = self._later()
        self._ahead: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> OutletSpider:
        spider = super().from_crawler(crawler, *args, **kwargs)
        spider.limits = SourceLimits.from_settings(crawler.settings)
        crawler.signals.connect(spider._robots_read, signals.robots_parsed)
        crawler.signals.connect(spider._idle, signals.spider_idle)
        return spider

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        super().update_settings(settings)
        settings.set("DOWNLOAD_DELAY", cls.outlet.delay_s, "spider")
        settings.set("CONCURRENT_REQUESTS_PER_DOMAIN", cls.outlet.concurrency, "spider")
        settings.set("AUTOTHROTTLE_START_DELAY", cls.outlet.delay_s, "spider")
        # no more than go out at once: what waits for the site's pace waits in the scheduler, where the newest is first
        at_once = settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN")
        settings.set("CONCURRENT_REQUESTS", min(settings.getint("CONCURRENT_REQUESTS"), at_once), "spider")

    @classmethod
    def hosts(cls, **arguments: Any) -> list[str]:
        """The hosts that a run will speak to, for the check before it starts; the arguments are looked at, too."""
        try:
            selection_of(cls.outlet.selection, arguments)
            window_of(arguments)
            order_of(arguments)
        except BadArgument as error:
            raise UsageError(f"-a {error}", print_help=False) from error
        return [*cls.outlet.domains, *source_hosts(cls.outlet)]

    # ------------------------------------------------------------ first

    async def start(self) -> AsyncIterator[Any]:
        if self.window and self.window.last < datetime.now(UTC).date() - _STILL_FRESH:
            return  # what is new cannot be from those days
        for kind, urls in named_sources(self.outlet):
            if kind == "sitemap" and (self.window or self.outlet.news_sitemaps):
                continue
            for request in self._open_all(kind, urls):
                yield request
        for request in self._open_all("dated_section", self._pages_of_today()):
            yield request

    def _pages_of_today(self) -> list[str]:
        """Of yesterday, too: the last edition may have closed after the last crawl."""
        today = datetime.now(self.zone).date()
        days = (today, today - timedelta(days=1))
        return list(dict.fromkeys(on_day(t, day) for t in self.outlet.dated_sections for day in days))

    def _open_all(
        self, kind: SourceKind, urls: Iterable[str], known_by: KnownBy = "outlet file"
    ) -> list[Request]:
        sources = (Source(url, kind, known_by, root=url) for url in urls)
        return [request for source in sources if (request := self.open(source))]

    # ------------------------------------------------------------ later

    def _idle(self) -> None:
        """Nothing is under way: on to the next step, or the end."""
        if self._ahead is None or self._ahead.done():
            state = self._advance()
            if state == "nothing left":
                return
            if state == "looking on":
                self._ahead = asyncio.get_running_loop().create_task(self._look_on())
        raise DontCloseSpider

    def _advance(self) -> Literal["asked", "looking on", "nothing left"]:
        """Ask for what the next step names; it may name nothing for a long time, as where all of an archive is known."""
        assert self.crawler.engine
        began = perf_counter()
        try:
            while (batch := next(self._steps, None)) is not None:
                for request in batch:
                    self.crawler.engine.crawl(request)
                if batch:
                    return "asked"
                if perf_counter() - began > SLICE_S:
                    return "looking on"
        except Exception:  # Scrapy would log it, close the spider and call it finished
            self.logger.exception("a step of the crawl failed")
            self._count("spider_errors")
        return "nothing left"

    async def _look_on(self) -> None:
        while self._advance() == "looking on":
            await asyncio.sleep(0)

    def closed(self, reason: str) -> None:
        if self._ahead:
            self._ahead.cancel()

    def _later(self) -> Iterator[list[Request]]:
        """Requests, step by step: each is asked for when nothing of the one before is under way."""
        if not self.window:
            if self.outlet.news_sitemaps and not self._answered("news_sitemap"):
                yield self._open_all("sitemap", self.outlet.sitemaps)
            if not self._answered():
                yield self._open_all("sitemap", self.outlet.sitemaps)
            if not self._answered():
                yield from self._find()
        else:
            yield from self._archive(self.window)

    def _archive(self, window: DaySpan) -> Iterator[list[Request]]:
        archive = Archive(self, window, oldest_first=self.order == "oldest")
        yield from archive.sitemaps(self.outlet.sitemaps)
        if not archive.has_live_sitemap and not self.outlet.dated_sections:
            # the outlet file names no archive, or a dead one
            yield from self.ask_home()
            yield from archive.sitemaps(self.sitemaps_of_robots())
        yield from archive.days()

    def _answered(self, kind: SourceKind | None = None) -> bool:
        """Whether a source listed something, or one of the kind said that there is nothing now; an index by itself
        lists nothing. Where all are empty, or name other sites only, they may have been left behind."""
        return any(
            _has_listed(s)
            or (
                s["kind"] in LIST_KINDS
                and not s["error"]
                and "children" not in s
                and (kind or not s.get("foreign"))
            )
            for s in self.sources.values()
            if kind in (None, s["kind"])
        )

    # ------------------------------------------------------------ finding

    def _find(self) -> Iterator[list[Request]]:
        yield from self.ask_home()
        home, sitemaps = self._home, self.sitemaps_of_robots()
        news = [s for s in sitemaps if source_discovery.is_news_sitemap(s)]
        other = [s for s in sitemaps if s not in news]
        places: list[tuple[SourceKind, KnownBy, list[str]]] = [
            ("news_sitemap", "robots.txt", news[: source_discovery.MAX_OF_A_KIND]),
            (
                "feed",
                "home page",
                source_discovery.declared_feeds(home)[: source_discovery.MAX_OF_A_KIND] if home else [],
            ),
            ("sitemap", "robots.txt", other[: source_discovery.MAX_OF_A_KIND]),
        ]
        root = home.url if home else self.outlet.home
        places += [(kind, "usual path", [urljoin(root, path)]) for kind, path in source_discovery.USUAL_PATHS]
        for kind, known_by, urls in places:
            yield self._open_all(kind, urls, known_by)
            if any(_has_listed(s) for s in self.sources.values()):
                return
        yield from self._links_of_home()

    def ask_home(self) -> Iterator[list[Request]]:
        """The home page, and by the way robots.txt, which is read once for each host."""
        source = Source(self.outlet.home, "home")
        if request := self.open(source):
            yield [request.replace(callback=self.parse_home)]

    def parse_home(self, response: Response, source: Source) -> None:
        self._moved(response, source)
        if isinstance(response, TextResponse):
            self._home = response
        else:
            self._dead(source, "not a page of text")

    def sitemaps_of_robots(self) -> list[str]:
        """Those that robots.txt of the home page's host names, the news first."""
        hosts = [urlsplit(url).netloc for url in (self._home.url if self._home else "", self.outlet.home)]
        return source_discovery.news_first(
            s for host in dict.fromkeys(hosts) for s in self._robots_sitemaps.get(host, ())
        )

    def _robots_read(self, robotparser: RobotParser, request: Request) -> None:
        rules = getattr(robotparser, "rp", None)  # Protego's; another parser keeps no sitemaps
        named = islice(rules.sitemaps if rules else (), _MAX_SITEMAPS_OF_ROBOTS)
        self._robots_sitemaps[urlsplit(request.url).netloc] = [urljoin(request.url, s.strip()) for s in named]

    def _links_of_home(self) -> Iterator[list[Request]]:
        source = Source(self.outlet.home, "home")
        if self._home:
            for n, entries in enumerate(batched(islice(page_links(self._home), MAX_LINKS), BATCH)):
                yield self.follow_now(entries, source, -n)
        facts = self.sources.setdefault(source.url, source.facts())
        if not facts["found"] and not facts["error"]:
            self._dead(source, "neither a feed nor a sitemap nor the link of an article was found")


def _has_listed(facts: dict[str, Any]) -> bool:
    """Whether a source listed something, or would still list what it did."""
    return bool(facts["found"] or facts.get("unchanged") or facts.get("not_due"))
