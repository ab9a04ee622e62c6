"""The work on one answer of a site that is no article, as pure functions of its bytes: what a reader is given, and what
it finds.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Literal, Protocol

from crawler.reading.declared_feeds import declared_feeds
from crawler.reading.meta_refresh import Refresh, find_refresh
from crawler.reading.page_text import PageText
from crawler.sources import sitemap_index
from crawler.sources.day_span import DaySpan
from crawler.sources.entries import Entry, Listing, NotAList, batched, newest
from crawler.sources.entry_filters import is_frozen, recent_entries
from crawler.sources.failures import failure_text
from crawler.sources.lists import read_list
from crawler.sources.section_pages import next_page
from crawler.sources.source import Source, SourceLimits, zone_of
from lake.workers.plain_format import to_message
from lake.workers.worker_process import Send, Work
from outlets import Outlet

_ENTRIES_PER_PART = 200  # so that the crawl's process never works on an answer for long
EntryList = Literal["pages", "frozen", "children", "fresh", "stale"]
_ENTRY_LISTS: tuple[EntryList, ...] = ("pages", "frozen", "children", "fresh", "stale")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader finds in an answer."""

    error: str | None = None  # why it cannot be read; then nothing else is given
    traceback: str | None = None  # of an error that nobody expected
    # the entries to be followed, newest first: all of a feed, of an archive and of a page; the recent ones of a sitemap
    pages: list[Entry] = field(default_factory=list)
    frozen: list[Entry] = field(default_factory=list)  # those of a list whose dates are all of long ago
    children: list[Entry] = field(default_factory=list)  # an archive's: sitemaps of its window
    fresh: list[Entry] = field(default_factory=list)  # sitemaps that may list new pages
    stale: list[Entry] = field(default_factory=list)  # sitemaps that nothing but their lastmod speaks against
    listed: int = 0  # entries, before any were left out
    wanted: int = (
        0  # of these, those that the outlet's patterns take for an article; counted for a check alone
    )
    newest: datetime | None = None  # latest date of these
    older: int = 0  # entries that are left out for their date
    left_out: int = 0  # entries to be followed beyond the limit
    listed_sitemaps: int = 0
    capped: dict[str, int] = field(default_factory=dict)  # as in Listing
    damaged: str | None = None
    torn: bool = False
    malformed: int = 0
    unusable: str | None = None  # why the outlet can use nothing of it
    foreign: bool = False  # no entry is the outlet's
    next_page: str | None = None  # of a section
    feeds: list[str] = field(default_factory=list)  # that a page declares
    refresh: Refresh | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Some entries of one of the lists of a Reading."""

    name: EntryList
    entries: list[Entry]


class Job(Protocol):
    """What a reader is given."""

    def read(self) -> Reading:
        """Return what is found. Raises NotAList, and whatever parsers raise."""


@dataclass(frozen=True, slots=True)
class ListJob:
    """A feed or a sitemap, to be read for an outlet."""

    body: bytes
    url: str
    charset: str | None
    stopped: bool  # the download was stopped at its bound
    torn: bool  # the transfer broke off
    source: Source
    above: tuple[str, ...]  # URLs of the source and of the indexes that led to it
    outlet: Outlet
    limits: SourceLimits
    window: DaySpan | None = None  # of an archive
    is_check: bool = False

    def read(self) -> Reading:
        """Return the entries that may be new. Raises NotAList."""
        content = read_list(
            self.body,
            self.url,
            newest_last=self.outlet.newest_last,
            max_bytes=self.limits.sitemap_bytes,
            max_entries=self.limits.sitemap_entries,
            charset=self.charset,
            zone=zone_of(self.outlet),
            is_ours=self.outlet.owns,
            stopped=self.stopped,
            torn=self.torn,
        )
        content = sitemap_index.with_listed_sitemaps(content, self.outlet)
        reading = Reading(
            listed=len(content.pages),
            listed_sitemaps=len(content.children),
            capped=content.capped,
            damaged=content.damaged,
            torn=content.torn,
            malformed=content.malformed,
            unusable=sitemap_index.why_unusable(content, self.outlet, {self.url, *self.above}),
            foreign=not any(self.outlet.owns(page.url) for page in content.pages),
        )
        if self.is_check:
            return _with_counts(reading, content.pages, self.outlet)
        return self._for_archive(reading, content) if self.source.archive else self._new(reading, content)

    def _for_archive(self, reading: Reading, content: Listing) -> Reading:
        window = self.window
        children = sitemap_index.sitemaps_in_window(content.children, self.outlet, window) if window else []
        return replace(reading, pages=content.pages, children=children)

    def _new(self, reading: Reading, content: Listing) -> Reading:
        now, limit = datetime.now(UTC), self.limits.source_entries
        since = now - self.limits.sitemap_age
        is_feed = self.source.kind == "feed"
        pages = content.pages if is_feed else recent_entries(content.pages, since)
        frozen = [] if pages or is_feed or not is_frozen(content.pages, now) else content.pages
        children, day = content.children, since.date()
        return replace(
            reading,
            pages=newest(pages, limit) if len(pages) > limit else pages,
            left_out=max(0, len(pages) - limit),
            older=len(content.pages) - len(pages),
            frozen=newest(frozen, limit),
            fresh=list(map(Entry, sitemap_index.fresh_sitemaps(children, self.outlet, day, len(children)))),
            stale=list(map(Entry, sitemap_index.stale_sitemaps(children, self.outlet, day))),
        )


@dataclass(frozen=True, slots=True)
class PageJob:
    """A section page or a home page, to be read for an outlet."""

    page: PageText
    outlet: Outlet
    max_links: int
    is_check: bool = False

    def read(self) -> Reading:
        """Return the links of the page, its next page, and its feeds."""
        page = self.page
        entries = list(islice(page.entries(), self.max_links))
        declared_next = page.selector.css("link[rel~=next]::attr(href), a[rel~=next]::attr(href)").getall()
        reading = Reading(
            pages=[] if self.is_check else entries,
            listed=len(page.links),
            next_page=next_page(page.url, declared_next, page.links, base=page.base),
            unusable=sitemap_index.why_unusable(Listing(entries), self.outlet)
            if entries
            else "it has no link",
            foreign=not any(self.outlet.owns(entry.url) for entry in entries),
            feeds=declared_feeds(page),
        )
        if self.is_check:
            return _with_counts(replace(reading, listed=len(entries)), entries, self.outlet)
        return reading


@dataclass(frozen=True, slots=True)
class RefreshJob:
    """A page that may lead on by a meta element."""

    page: PageText
    ignored_tags: tuple[str, ...]

    def read(self) -> Reading:
        """Return its refresh. Raises ValueError for a malformed URL."""
        return Reading(refresh=find_refresh(self.page, self.ignored_tags))


def _with_counts(reading: Reading, entries: list[Entry], outlet: Outlet) -> Reading:
    dates = [entry.latest_date for entry in entries if entry.latest_date]
    wanted = sum(outlet.wants(entry.url) for entry in entries)
    return replace(reading, wanted=wanted, newest=max(dates, default=None))


def with_entries(reading: Reading, entries: Mapping[EntryList, list[Entry]]) -> Reading:
    """Return a reading with these entries and no others."""
    return replace(
        reading,
        pages=entries.get("pages", []),
        frozen=entries.get("frozen", []),
        children=entries.get("children", []),
        fresh=entries.get("fresh", []),
        stale=entries.get("stale", []),
    )


def read(job: Job) -> Reading:
    """Return what a job finds, or why it cannot be read. Raises MemoryError alone: parsers raise anything on what sites
    write."""
    try:
        return job.read()
    except MemoryError:
        raise
    except NotAList as error:
        return Reading(error=str(error))
    except Exception as error:
        why = f"it cannot be read: {type(error).__name__}: {failure_text(error)}"
        return Reading(error=why, traceback=traceback.format_exc())


def load() -> Work:
    """Return the work of a reader process. It answers with a Reading without entries; these it sends before, as
    Parts."""
    return _read_in_parts


def _read_in_parts(job: Job, send: Send) -> bytes:
    reading = read(job)
    for name in _ENTRY_LISTS:
        for entries in batched(getattr(reading, name), _ENTRIES_PER_PART):
            send(to_message(Part, Part(name, entries)))
    return to_message(Reading, with_entries(reading, {}))
