"""The archive of an outlet, a window of days: its sitemaps and its pages of a day, one after another.

A sitemap or a day is opened when all of the one before has its outcome, so memory holds one of them, and a run that
is broken off has left behind it only what is complete.
"""

from __future__ import annotations

from calendar import monthrange
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from scrapy import Request

from crawler.discovery.source_spider import BATCH, MAX_DEPTH, SourceSpider
from crawler.sources import sitemap_index
from crawler.sources.day_span import DaySpan
from crawler.sources.entries import Entry, batched
from crawler.sources.source import Source
from crawler.sources.url_dates import sitemap_days
from outlets import on_day

MAX_PAGES_OF_A_DAY = 50


class Archive:
    def __init__(self, spider: SourceSpider, window: DaySpan, *, oldest_first: bool) -> None:
        self._spider, self._window, self._oldest = spider, window, oldest_first

    @property
    def has_live_sitemap(self) -> bool:
        """Whether a sitemap of the outlet answered in this run."""
        return any(s["kind"] == "sitemap" and not s["error"] for s in self._spider.sources.values())

    def sitemaps(self, urls: Iterable[str]) -> Iterator[list[Request]]:
        """Requests for sitemaps and their pages; the next ones when these have been answered and followed."""
        todo = deque(Source(url, "sitemap", root=url, archive=True) for url in urls)
        while todo:
            source = todo.popleft()
            if not (request := self._unread(source)):
                continue
            yield [request]
            if not (read := self._spider.read.pop(source.url, None)):
                continue  # dead, and told
            todo.extendleft(reversed(self._children(read.children, source)))
            yield from self._follow(read.pages, source)
            if not read.children:
                self._complete(source, sitemap_days(source.url))

    def _children(self, children: list[Entry], source: Source) -> list[Source]:
        if children and source.depth >= MAX_DEPTH:
            self._spider.capped(source, "depth", MAX_DEPTH)
            return []
        wanted = sitemap_index.sitemaps_in_window(children, self._spider.outlet, self._window)
        found = [c for w in wanted if (c := self._spider.child_of(source, w.url, w.modified_at))]
        return found[::-1] if self._oldest else found

    def days(self) -> Iterator[list[Request]]:
        """Requests for the dated sections and their pages, day by day."""
        for template in self._spider.outlet.dated_sections:
            before = ""
            for day in self._window.each(newest_first=not self._oldest):
                url = on_day(template, day)
                if url != before:  # a template of months names thirty days alike
                    yield from self._day(
                        Source(url, "dated_section", root=template, archive=True), _span(template, day)
                    )
                before = url

    def _day(self, source: Source, days: DaySpan) -> Iterator[list[Request]]:
        request = self._unread(source)
        facts = self._spider.sources.get(source.url, {})
        while request:
            found = facts["found"]
            yield [request]
            if not (read := self._spider.read.pop(source.url, None)):
                break  # dead, and told
            yield from self._follow(read.pages, source)
            if not read.next_page or facts["found"] == found:
                break
            if source.page >= MAX_PAGES_OF_A_DAY:
                self._spider.capped(source, "pages", source.page)
                break
            source = replace(source, page=source.page + 1)
            request = self._spider.open(source, read.next_page)
        if facts:
            self._complete(source, days)

    def _unread(self, source: Source) -> Request | None:
        """None where this run has opened it, or an earlier one has read all of it and it has not changed since."""
        if self._spider.source_done(source.url, source.modified_at):
            self._spider.crawler.stats.inc_value("archive/complete_before")
            return None
        return self._spider.open(source)

    def _follow(self, pages: list[Entry], source: Source) -> Iterator[list[Request]]:
        for entries in batched(pages[::-1] if self._oldest else pages, BATCH):
            yield self._spider.follow_now(entries, source)

    def _complete(self, source: Source, days: DaySpan | None) -> None:
        """Nothing of it is left for another run: all was read, nothing was left out, and nothing can come any more
        without a change that the index would tell."""
        facts = self._spider.sources[source.url]
        ended = days is not None and days.last < datetime.now(UTC).date() - timedelta(days=1)
        left = any(facts.get(k) for k in ("error", "stopped", "capped", "damaged", "not_fetched"))
        facts["complete"] = not left and (ended or source.modified_at is not None)


def _span(template: str, day: date) -> DaySpan:
    """The days that a page of a template lists."""
    if "{d" in template:
        return DaySpan(day, day)
    if "{m" in template:
        return DaySpan(day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1]))
    return DaySpan(date(day.year, 1, 1), date(day.year, 12, 31))
