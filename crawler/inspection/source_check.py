"""Requests every source of some outlets once and reports what each answers, for `scrapy outlets --live`. Where no
source of an outlet answers, or its file names none, sources are looked for as in a crawl. It is as polite as a crawl.
Nothing lands.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DontCloseSpider
from scrapy.http import Response, TextResponse
from scrapy.settings import BaseSettings
from twisted.python.failure import Failure

from crawler.discovery.outlet_spider import OutletSpider
from crawler.outlet_files import download_slots
from crawler.reading.jobs import ListJob, PageJob
from crawler.reading.source_readers import SourceReaders, page_text
from crawler.sources.entries import Entry
from crawler.sources.failures import failure_text
from crawler.sources.source import (
    LIST_KINDS,
    KnownBy,
    Source,
    SourceKind,
    SourceLimits,
    charset_of,
    named_sources,
)
from outlets import Outlet, on_day

_MAX_LINKS = 50_000  # of a section page that are counted


@dataclass(frozen=True, slots=True)
class SourceAnswer:
    """What one source answered."""

    outlet: str
    kind: SourceKind | Literal["file"]  # file: the outlet's file has a mistake, and no source is known
    url: str
    status: int | None = None  # HTTP status; None where nothing answered
    entries: int = 0  # URLs that it lists
    children: int = 0  # sitemaps that an index names; they are not opened
    newest: datetime | None = None  # latest date of an entry
    wanted: int = 0  # entries whose URL the outlet's patterns take for an article
    error: str | None = None
    known_by: KnownBy = "outlet file"
    foreign: bool = False  # none of its entries is on a domain of the outlet

    @property
    def is_alive(self) -> bool:
        """Whether the source answered and lists something."""
        return not self.error and bool(self.entries or self.children)


class SourceCheckSpider(Spider):
    """Requests the sources; it appends a SourceAnswer for each to `answers`."""

    name = "outlets_live"

    def __init__(
        self,
        outlets_to_check: Sequence[Outlet] = (),
        answers: list[SourceAnswer] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.outlets_to_check = outlets_to_check
        self.answers: list[SourceAnswer] = [] if answers is None else answers
        self._finders: list[SourceFinder] = []

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> SourceCheckSpider:
        spider = super().from_crawler(crawler, *args, **kwargs)
        spider._finders = [SourceFinder.of(outlet, crawler) for outlet in spider.outlets_to_check]
        crawler.signals.connect(spider._on_idle, signals.spider_idle)
        crawler.signals.connect(spider._add_found_sources, signals.spider_closed)
        return spider

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        """Switch off the pipelines, and give each outlet its own politeness."""
        super().update_settings(settings)
        settings.set("ITEM_PIPELINES", {}, "spider")
        settings.set("DOWNLOAD_SLOTS", download_slots(settings), "spider")

    async def start(self) -> AsyncIterator[Request]:
        """Yield the request of each source."""
        max_bytes = SourceLimits.from_settings(self.settings).sitemap_bytes
        for outlet in self.outlets_to_check:
            for kind, url in all_sources(outlet):
                is_list = kind in LIST_KINDS
                yield Request(
                    url,
                    callback=self.parse_list if is_list else self.parse_section,
                    errback=self.missed,
                    cb_kwargs={"outlet": outlet, "kind": kind, "url": url},
                    headers={"Accept-Encoding": "gzip"} if is_list else None,
                    meta={"packed": max_bytes, "download_maxsize": 0} if is_list else None,
                    dont_filter=True,
                )

    async def parse_list(self, response: Response, outlet: Outlet, kind: SourceKind, url: str) -> None:
        """Record what a feed or a sitemap lists."""
        job = ListJob(
            response.body,
            response.url,
            charset_of(response),
            stopped="download_stopped" in response.flags,
            torn="dataloss" in response.flags,
            source=Source(url, kind),
            above=(),
            outlet=outlet,
            limits=SourceLimits.from_settings(self.settings),
            is_check=True,
        )
        await self._add_answer(job, outlet, kind, url, response.status)

    async def parse_section(self, response: Response, outlet: Outlet, kind: SourceKind, url: str) -> None:
        """Record what a section page links to."""
        if isinstance(response, TextResponse):
            job = PageJob(page_text(response), outlet, _MAX_LINKS, is_check=True)
            await self._add_answer(job, outlet, kind, url, response.status)
        else:
            self.answers.append(
                SourceAnswer(outlet.key, kind, url, response.status, error="not a page of text")
            )

    # ------------------------------------------------------------ source discovery

    def _on_idle(self) -> None:
        """Take the next step of source discovery for each outlet without a living source."""
        assert self.crawler.engine
        served = {a.outlet for a in self.answers if a.is_alive and not a.foreign}
        requests = [
            request
            for finder in self._finders
            if finder.outlet.key not in served
            for request in finder.next_step()
        ]
        for request in requests:
            self.crawler.engine.crawl(request)
        if requests:
            raise DontCloseSpider

    def _add_found_sources(self) -> None:
        for finder in self._finders:
            self.answers += finder.answers()

    async def _add_answer(
        self, job: ListJob | PageJob, outlet: Outlet, kind: SourceKind, url: str, status: int
    ) -> None:
        """Have an answer read, and record what it lists."""
        reading = await asyncio.wrap_future(SourceReaders.of(self.crawler).read(job, outlet.key))
        if reading.traceback:
            self.logger.error("%s: %s cannot be read\n%s", outlet.key, url, reading.traceback)
        if reading.error:
            self.answers.append(SourceAnswer(outlet.key, kind, url, status, error=reading.error))
            return
        self.answers.append(
            SourceAnswer(
                outlet.key,
                kind,
                url,
                status,
                reading.listed,
                reading.listed_sitemaps,
                reading.newest,
                reading.wanted,
                None if reading.listed or reading.listed_sitemaps else "lists nothing",
                foreign=bool(reading.listed) and reading.foreign,
            )
        )

    def missed(self, failure: Failure) -> None:
        """Record a source that gave no usable answer."""
        request_facts: dict[str, Any] = failure.request.cb_kwargs  # type: ignore[attr-defined]  # set by Scrapy
        status = getattr(getattr(failure.value, "response", None), "status", None)
        assert failure.value
        why = f"answered {status}" if status else failure_text(failure.value)
        self.answers.append(
            SourceAnswer(
                request_facts["outlet"].key, request_facts["kind"], request_facts["url"], status, error=why
            )
        )


class SourceFinder(OutletSpider):
    """The source discovery of an outlet's spider, without a request for an article. It is no spider of a crawl:
    SourceCheckSpider sends its requests."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._discovery = self._discovery_steps()
        self._statuses: dict[str, int] = {}  # URL of a source → HTTP status
        self._entries: dict[str, list[Entry]] = defaultdict(list)  # URL of a source → what it lists

    @classmethod
    def of(cls, outlet: Outlet, crawler: Crawler) -> SourceFinder:
        """Return the finder of an outlet."""
        finder_class: type[SourceFinder] = type(cls.__name__, (cls,), {"name": outlet.key, "outlet": outlet})
        finder = finder_class.from_crawler(crawler)
        crawler.signals.disconnect(finder._on_idle, signals.spider_idle)
        assert isinstance(finder, cls)
        return finder

    def next_step(self) -> list[Request]:
        """Return the requests of the next step; empty where sources have been found, or no step is left."""
        return next(filter(None, self._discovery), [])

    def candidate_of_entry(self, entry: Entry, source: Source, priority: int = 0) -> None:
        """Note what a source lists, and request nothing."""
        self._entries[source.url].append(entry)
        if self.outlet.wants(entry.url):
            self.sources[source.url]["found"] += 1

    def _note_redirect(self, response: Response, source: Source) -> None:
        self._statuses[source.url] = response.status
        super()._note_redirect(response, source)

    def answers(self) -> Iterator[SourceAnswer]:
        """Return what the sources answered that were found; the home page only where nothing else was."""
        for url, facts in self.sources.items():
            if facts["kind"] == "home" and not (facts["found"] or facts["error"]):
                continue
            entries, children = self._entries[url], facts.get("children", 0)
            yield SourceAnswer(
                self.outlet.key,
                facts["kind"],
                url,
                self._statuses.get(url),
                len(entries),
                children,
                max((entry.latest_date for entry in entries if entry.latest_date), default=None),
                facts["found"],
                facts["error"]
                or (None if facts["found"] or children else "lists no article of the outlet that is new"),
                facts["known_by"],
            )


def all_sources(outlet: Outlet) -> Iterator[tuple[SourceKind, str]]:
    """Return (kind, URL) of all sources that the outlet file names; for a dated section, the URL of today's page."""
    for kind, urls in named_sources(outlet):
        yield from ((kind, url) for url in urls)
    today = datetime.now(UTC).date()
    yield from (("dated_section", on_day(template, today)) for template in outlet.dated_sections)
