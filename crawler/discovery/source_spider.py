"""Reading an outlet's sources: feeds, sitemaps and section pages become candidates; each source has its books."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from itertools import islice
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

from scrapy import Request
from scrapy.http import Response, TextResponse
from twisted.python.failure import Failure

from cleaning import page_id
from crawler.discovery.candidates import CandidateSpider
from crawler.sources import sitemap_index, sitemaps
from crawler.sources.day_span import DaySpan
from crawler.sources.entries import Entry, NotAList
from crawler.sources.entry_filters import is_within, recent_entries, why_not_wanted
from crawler.sources.section_pages import next_page
from crawler.sources.source import LIST_KINDS, Source, SourceContent, SourceLimits, page_links
from crawler.sources.source_state import SourceState, body_hash, restore_state
from outlets import Outlet, Selection

MAX_LINKS = 2000  # of a section page
MAX_DEPTH = 3  # indexes that stand behind one another
_SOURCE_PRIORITY = 10  # sources before candidates, so that the newest are known before the first is fetched
_ARCHIVE_PRIORITY = -10_000_000  # behind every hour of age that a fresh candidate can have
_UNDATED_H = 24 * 365
SLICE_S = 0.01  # on the event loop at a time
BATCH = 100  # candidates that are looked at in one go


class SourceSpider(CandidateSpider):
    """Opens sources and follows what they list; crawler/discovery/outlet_spider.py says which, and when."""

    outlet: Outlet
    limits: SourceLimits
    selection: Selection
    window: DaySpan | None = None  # of an archive

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._opened: set[str] = set()  # pages of sources: none is asked for twice, so no loop
        self._files: dict[str, int] = {}  # sitemaps opened behind one root
        self._expected: dict[str, SourceState] = {}  # sources that were asked whether they have changed since
        self.read: dict[str, SourceContent] = {}  # of the archive: by the address that was asked for

    @cached_property
    def zone(self) -> tzinfo:
        name = self.outlet.rules.timezone
        return ZoneInfo(name) if name else UTC

    # ------------------------------------------------------------ opening

    def open(self, source: Source, url: str | None = None) -> Request | None:
        """The request for a source; None where this run has opened it already, or it was asked too recently. url: of a
        later page of it."""
        page = page_id(url or source.url)
        if page in self._opened:
            return None
        self._opened.add(page)
        facts = self.sources.setdefault(source.url, source.facts())
        lists = source.kind in LIST_KINDS
        before = self._usable(source)
        if before and (next_at := self._not_before(before)) > datetime.now(UTC):
            facts["not_due"] = next_at.isoformat(timespec="seconds")
            self._count("sources/not_due")
            return None
        if before:
            self._expected[source.url] = before
        conditions = before.conditions() if before else {}
        return Request(
            url or source.url,
            callback=self.parse_list if lists else self.parse_section,
            errback=self.dead_source,
            cb_kwargs={"source": source},
            priority=_SOURCE_PRIORITY if not source.archive else 0,
            # gzip alone: it is unpacked while it is read, within bounds, and not on the event loop
            headers={**({"Accept-Encoding": "gzip"} if lists else {}), **conditions},
            meta={
                **({"download_maxsize": self.limits.sitemap_bytes, "packed": True} if lists else {}),
                **({"handle_httpstatus_list": [304]} if conditions else {}),
            },
            dont_filter=True,
        )

    # ------------------------------------------------------------ from one run to the next

    @cached_property
    def _digest(self) -> str:
        """Of all that decides what becomes of an entry: another outlet file or selection reads each source anew."""
        shaping = [asdict(self.outlet), asdict(self.selection), asdict(self.limits)]
        told = json.dumps(shaping, default=lambda v: v.pattern if isinstance(v, re.Pattern) else str(v))
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def _is_remembered(self, source: Source) -> bool:
        """An archive has its own books (`complete`); the home page is read for what it says of feeds."""
        return not self.window and not source.archive and source.kind != "home" and source.page == 1

    def _before(self, source: Source) -> SourceState | None:
        """What the lake remembers of a source."""
        if not self._is_remembered(source) or not self._land:
            return None
        return restore_state(self._land.run.index.source_state(source.url))

    def _usable(self, source: Source) -> SourceState | None:
        """The same, where all that a source would name if it has not changed is known, and nothing of it is due."""
        before = None if self.fresh else self._before(source)
        return before if before and before.digest == self._digest and not before.is_due(_now()) else None

    def _not_before(self, before: SourceState) -> datetime:
        settings = self.settings
        next_at = before.next_at(
            settings.getfloat("SOURCE_INTERVAL_S"), settings.getfloat("SOURCE_INTERVAL_MAX_S")
        )
        return next_at if before.asked_at <= _now() else before.asked_at  # the clock has gone back

    def _is_unchanged(self, response: Response, source: Source) -> bool:
        """Whether a source reads as it did when all of its pages were settled; then nothing is left to do."""
        before = self._expected.get(source.url) if source.page == 1 else None
        if not before or not (response.status == 304 or before.body == body_hash(response)):
            return False
        facts = self.sources[source.url]
        facts["unchanged"] = True
        self._count("sources/unchanged")
        visited = SourceState.of(response, self._digest, before)
        moved = "moved_to" in facts
        facts["visited"] = None if moved else replace(visited, due_at=before.due_at).facts()
        return True

    def _remember(self, response: Response, source: Source) -> None:
        """Of a source that was read to its end; one that has moved is asked where its file says, without conditions."""
        if self._is_remembered(source) and "moved_to" not in self.sources[source.url]:
            visited = SourceState.of(response, self._digest, self._before(source))
            self.sources[source.url]["visited"] = visited.facts()

    def remembered(self) -> dict[str, dict[str, Any] | None]:
        """At the end of a run: by source what the next one may rely on; None: it has to read all of it."""
        due = self.due_sources()
        kept: dict[str, dict[str, Any] | None] = {}
        for url, facts in self.sources.items():
            if "visited" not in facts:
                continue
            whole = facts["visited"] and not facts.get("stopped") and not facts.get("damaged")
            if not whole or (url in due and due[url] is None):
                kept[url] = None
            elif url in due:
                kept[url] = {**facts["visited"], "due_at": due[url].isoformat()}  # type: ignore[union-attr]
            else:
                kept[url] = facts["visited"]
        return kept

    # ------------------------------------------------------------ what stands behind an index

    def _children(self, children: list[Entry], source: Source) -> Iterable[Request]:
        """Of an index, in a crawl for what is new: the newest ones, as far as SITEMAP_FILES goes."""
        left = self.limits.sitemap_files - self._files.get(source.root, 0)
        since = datetime.now(UTC) - self.limits.sitemap_age
        wanted = sitemap_index.fresh_sitemaps(children, self.outlet, since.date(), len(children))
        if len(wanted) > left:
            self.capped(source, "files", left)
        if source.depth >= MAX_DEPTH:
            self.capped(source, "depth", MAX_DEPTH)
            return
        for url in wanted[: max(0, left)]:
            child = self.child_of(source, url)
            if child and (request := self.open(child)):
                self._files[source.root] = self._files.get(source.root, 0) + 1
                yield request

    def child_of(self, source: Source, url: str, modified_at: datetime | None = None) -> Source | None:
        """None for what is no http(s) address."""
        try:
            page_id(url)
        except ValueError:
            return None
        return replace(
            source,
            url=url,
            known_by="sitemap index",
            depth=source.depth + 1,
            modified_at=modified_at,
        )

    # ------------------------------------------------------------ answers

    async def parse_list(self, response: Response, source: Source) -> AsyncIterator[Request]:
        """A feed or a sitemap, whichever it was said to be."""
        self._moved(response, source)
        if self._is_unchanged(response, source):
            return
        self._forget(source)
        try:
            # in a thread: a large one takes seconds
            found, pages = await asyncio.to_thread(self._read, response.body, response.url, source)
        except NotAList as error:
            self._dead(source, str(error))
            return
        facts = self.sources[source.url]
        if found.children:
            facts["children"] = len(found.children)
        for bound, reached in found.capped.items():
            self.capped(source, bound, reached)
        if found.damaged:
            facts["damaged"] = found.damaged
            self.logger.warning("%s: read as far as it goes: %s", source.url, found.damaged)
        if source.archive:
            self.read[source.url] = SourceContent(found.pages, found.children)
            return
        for request in self._children(found.children, source):
            yield request
        if older := len(found.pages) - len(pages):
            self.not_fetched(source, "older", older)
        if len(pages) > self.limits.source_entries:
            self.capped(source, "followed", self.limits.source_entries)
        async for request in self._follow(pages[: self.limits.source_entries], source):
            yield request
        if not any(map(self._is_ours, found.pages)):
            facts["foreign"] = True
        elif not found.children:  # of an index that stays the same the children may change
            self._remember(response, source)

    def _is_ours(self, entry: Entry) -> bool:
        try:
            return self.outlet.owns(entry.url)
        except ValueError:
            return False

    def _read(self, body: bytes, url: str, source: Source) -> tuple[sitemaps.Sitemap, list[Entry]]:
        """What stands there, and the pages that may be new: of a sitemap, those of the last SITEMAP_DAYS."""
        found = sitemaps.read_sitemap(
            body,
            url,
            newest_last=self.outlet.newest_last,
            max_bytes=self.limits.sitemap_bytes,
            max_entries=self.limits.sitemap_entries,
        )
        if source.kind == "feed" or source.archive:
            return found, found.pages
        return found, recent_entries(found.pages, datetime.now(UTC) - self.limits.sitemap_age)

    async def parse_section(self, response: Response, source: Source) -> AsyncIterator[Request]:
        self._moved(response, source)
        if self._is_unchanged(response, source):
            return
        self._forget(source)
        if not isinstance(response, TextResponse):
            self._dead(source, "not a page of text")
            return
        links = list(dict.fromkeys(response.css("a::attr(href)").getall()))  # each once, in order
        if len(links) > MAX_LINKS:
            self.capped(source, "links", MAX_LINKS)
        entries = list(islice(page_links(response), MAX_LINKS))
        named = response.css("link[rel~=next]::attr(href), a[rel~=next]::attr(href)").getall()
        further = next_page(response.url, named, links, base=response.urljoin(""))
        self.sources[source.url]["pages"] = source.page
        if source.archive:
            self.read[source.url] = SourceContent(entries, next_page=further)
            return
        before = self.sources[source.url]["new"]
        async for request in self._follow(entries, source):
            yield request
        self._remember(response, source)
        if self.sources[source.url]["new"] == before or not further:
            return  # what comes behind known pages is known
        if source.page >= self.limits.section_pages:
            self.capped(source, "pages", source.page)
        elif following := self.open(replace(source, page=source.page + 1), further):
            yield following

    def dead_source(self, failure: Failure) -> None:
        source: Source = failure.request.cb_kwargs["source"]  # type: ignore[attr-defined]  # set by Scrapy
        answered = getattr(failure.value, "response", None)
        why = f"answered {answered.status}" if answered is not None else failure.getErrorMessage()
        if source.page > 1:
            self.sources[source.url]["stopped"] = f"page {source.page}: {why}"
        elif source.known_by == "usual path":  # nobody said that anything would be there
            del self.sources[source.url]
            self._count("finding/missed")
        else:
            self._dead(source, why)

    # ------------------------------------------------------------ candidates

    async def _follow(self, entries: Iterable[Entry], source: Source) -> AsyncIterator[Request]:
        """Candidates, newest first; the event loop gets its turn in between."""
        now, began = datetime.now(UTC), perf_counter()
        for place, entry in enumerate(entries):
            age_h = (now - entry.latest_date).total_seconds() / 3600 if entry.latest_date else None
            by_place = _UNDATED_H + place if source.kind in LIST_KINDS else place // 10
            if request := self.wanted(entry, source, -int(max(0, age_h) if age_h is not None else by_place)):
                yield request
            if perf_counter() - began > SLICE_S:
                await asyncio.sleep(0)
                began = perf_counter()

    def wanted(self, entry: Entry, source: Source, priority: int = _ARCHIVE_PRIORITY) -> Request | None:
        """The candidate of an entry, if the outlet's patterns and the selection want it and nobody asked before."""
        facts = self.sources[source.url]
        try:
            if not self.outlet.wants(entry.url):
                return None
            facts["found"] += 1
            if why := self._refused(entry):
                self.not_fetched(source, why)
                return None
            request = self.candidate(entry.url, source.url, priority, modified_at=entry.modified_at)
        except ValueError:  # no http(s) address, or a nonsensical port
            return None
        if request:
            facts["new"] += 1
        return request

    def follow_now(
        self, entries: Iterable[Entry], source: Source, priority: int = _ARCHIVE_PRIORITY
    ) -> list[Request]:
        return [request for entry in entries if (request := self.wanted(entry, source, priority))]

    def _refused(self, entry: Entry) -> str | None:
        if self.window:
            inside = is_within(self.window, entry, self.zone)
            if inside is False:
                return "window"
            if inside is None:
                self._count("archive/undated")
        return why_not_wanted(self.selection, entry, datetime.now(UTC))

    # ------------------------------------------------------------ books

    def not_fetched(self, source: Source, why: str, count: int = 1) -> None:
        """Counted by reason, for the source and for the run."""
        counts = self.sources[source.url].setdefault("not_fetched", {})
        counts[why] = counts.get(why, 0) + count
        self._count(f"not_fetched/{why}", count)

    def capped(self, source: Source, bound: str, reached: int) -> None:
        self.sources[source.url].setdefault("capped", {})[bound] = reached
        self._count(f"capped/{bound}")
        self.logger.warning("%s: read as far as the bound of %s goes: %d", source.url, bound, reached)

    def _forget(self, source: Source) -> None:
        """Until it is read to its end: what was remembered of it is not true any more."""
        if self._is_remembered(source):
            self.sources[source.url]["visited"] = None

    def _moved(self, response: Response, source: Source) -> None:
        if source.page == 1 and page_id(response.url) != page_id(source.url):
            self.sources[source.url]["moved_to"] = response.url
            self._opened.add(page_id(response.url))
            self.logger.info("source %s has moved to %s", source.url, response.url)

    def _dead(self, source: Source, why: str) -> None:
        """Counted and named; the other sources go on."""
        self.sources[source.url]["error"] = why
        self._count("dead_sources")
        self.logger.warning("dead source %s: %s", source.url, why)


def _now() -> datetime:
    return datetime.now(UTC)
