"""The archive crawl: reads an outlet's sitemaps and dated sections for a window of days, one after another.

A sitemap or a day is opened only when every page of the one before has its outcome. Memory therefore holds one of
them at a time, and a run that is broken off leaves only complete sources behind it.
"""

from __future__ import annotations

from calendar import monthrange
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from scrapy import Request

from crawler.discovery.source_spider import BATCH_ENTRIES, MAX_DEPTH, SourceSpider
from crawler.sources.day_span import DaySpan
from crawler.sources.entries import Entry, batched
from crawler.sources.source import Source, SourceContent
from crawler.sources.url_dates import sitemap_days
from outlets import on_day

MAX_PAGES_PER_DAY = 50  # pages of one dated section that are read for one day or month


class Archive:
    """Yields the archive's requests in batches; the spider takes the next batch when the one before is done."""

    def __init__(self, spider: SourceSpider, window: DaySpan, *, oldest_first: bool) -> None:
        self._spider, self._window, self._oldest_first = spider, window, oldest_first

    @property
    def has_live_sitemap(self) -> bool:
        """Whether a sitemap of the outlet answered in this run."""
        return any(s["kind"] == "sitemap" and not s["error"] for s in self._spider.sources.values())

    def sitemap_batches(self, urls: Iterable[str]) -> Iterator[list[Request]]:
        """Return batches of requests for sitemaps and the pages that they list. The next batch may be taken when this
        one has been answered."""
        pending = deque(Source(url, "sitemap", root=url, archive=True) for url in urls)
        while pending:
            source = pending.popleft()
            if not (request := self._open_unless_complete(source)):
                continue
            yield [request]
            if not (content := self._spider.archive_contents.pop(source.url, None)):
                continue  # dead: the spider has recorded why
            pending.extendleft(reversed(self._child_sitemaps(content, source)))
            yield from self._candidate_batches(content.pages, source)
            if not content.is_index:
                self._mark_if_complete(source, sitemap_days(source.url))

    def _child_sitemaps(self, content: SourceContent, source: Source) -> list[Source]:
        """Return the children of a sitemap index that may hold pages of the window, in the order of the crawl."""
        if content.is_index and source.depth >= MAX_DEPTH:
            self._spider.note_cap(source, "depth", MAX_DEPTH)
            return []
        sources = [
            child
            for entry in content.children
            if (child := self._spider.child_source(source, entry.url, entry.modified_at))
        ]
        return sources[::-1] if self._oldest_first else sources

    def dated_section_batches(self) -> Iterator[list[Request]]:
        """Return batches of requests for the dated sections and the pages that they list, day by day."""
        for template in self._spider.outlet.dated_sections:
            previous_url = ""
            for day in self._window.each(newest_first=not self._oldest_first):
                url = on_day(template, day)
                if url != previous_url:  # a monthly template gives the same URL for thirty days
                    yield from self._day_batches(
                        Source(url, "dated_section", root=template, archive=True),
                        _days_of_template(template, day),
                    )
                previous_url = url

    def _day_batches(self, source: Source, days: DaySpan) -> Iterator[list[Request]]:
        """Return the batches of one day: each page of its dated section, followed by the candidates of that page."""
        request = self._open_unless_complete(source)
        facts = self._spider.sources.get(source.url, {})
        while request:
            found_before = facts["found"]
            yield [request]
            if not (content := self._spider.archive_contents.pop(source.url, None)):
                break  # dead: the spider has recorded why
            yield from self._candidate_batches(content.pages, source)
            if not content.next_page or facts["found"] == found_before:
                break
            if source.page >= MAX_PAGES_PER_DAY:
                self._spider.note_cap(source, "pages", source.page)
                break
            source = replace(source, page=source.page + 1)
            request = self._spider.source_request(source, content.next_page)
        if facts:
            self._mark_if_complete(source, days)

    def _open_unless_complete(self, source: Source) -> Request | None:
        """Return the request for a source; None where this run has opened it already, or an earlier run read it
        completely and it has not changed since."""
        if self._spider.source_done(source.url, source.modified_at):
            self._spider.crawler.stats.inc_value("archive/complete_before")
            return None
        return self._spider.source_request(source)

    def _candidate_batches(self, pages: list[Entry], source: Source) -> Iterator[list[Request]]:
        """Return the candidates of a source's entries in batches, in the order of the crawl."""
        for entries in batched(pages[::-1] if self._oldest_first else pages, BATCH_ENTRIES):
            yield self._spider.follow_batch(entries, source)

    def _mark_if_complete(self, source: Source, days: DaySpan | None) -> None:
        """Record whether later runs may skip the source. That holds where all of it was read, nothing was left out,
        and a new page can only come with a change that the sitemap index would tell, because the source's days are
        over or the index gives its last change."""
        facts = self._spider.sources[source.url]
        is_over = days is not None and days.last < datetime.now(UTC).date() - timedelta(days=1)
        has_gaps = any(facts.get(key) for key in ("error", "stopped", "capped", "damaged", "not_fetched"))
        facts["complete"] = not has_gaps and (is_over or source.modified_at is not None)


def _days_of_template(template: str, day: date) -> DaySpan:
    """Return the days that one page of a dated-section template lists: a day, a month or a year."""
    if "{d" in template:
        return DaySpan(day, day)
    if "{m" in template:
        return DaySpan(day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1]))
    return DaySpan(date(day.year, 1, 1), date(day.year, 12, 31))
