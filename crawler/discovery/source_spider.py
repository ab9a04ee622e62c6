"""Reads an outlet's feeds, sitemaps and section pages, turns their entries into candidates, and records the result of
each source.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from time import perf_counter
from typing import Any

from scrapy import Request
from scrapy.http import Response, TextResponse
from twisted.python.failure import Failure

from cleaning import page_id
from cleaning.wording import counted
from crawler.discovery.candidates import CandidateSpider
from crawler.reading.jobs import ListJob, PageJob, Reading
from crawler.reading.source_readers import SourceReaders, page_text
from crawler.sources import sitemap_index
from crawler.sources.day_span import DaySpan
from crawler.sources.entries import Entry, NotAList, batched
from crawler.sources.entry_filters import is_within, why_not_wanted
from crawler.sources.failures import TORN, failure_text, is_torn
from crawler.sources.source import LIST_KINDS, Source, SourceContent, SourceLimits, charset_of, zone_of
from crawler.sources.source_state import SourceState, body_hash, restore_state
from crawler.tuning.back_pressure import BackPressure
from outlets import Outlet, Selection

MAX_LINKS = 2000  # links of one section page that are read
MAX_DEPTH = 3  # sitemap indexes that are followed, one inside another
_SOURCE_PRIORITY = 10  # sources before candidates, so that the newest are known before the first is fetched
_ARCHIVE_PRIORITY = -10_000_000  # below any fresh candidate: its priority is minus its age in hours
_UNDATED_AGE_H = 24 * 365  # an entry without a date counts as a year old
_LARGE_BODY = 2**20  # bytes whose hash takes the event loop long
LOOP_SLICE_S = 0.01  # longest stretch of work on the event loop at a time
BATCH_ENTRIES = 100  # entries that are turned into candidates in one go


class SourceSpider(CandidateSpider):
    """Requests sources and follows what they list; crawler/discovery/outlet_spider.py decides which sources, and
    when."""

    outlet: Outlet
    limits: SourceLimits
    selection: Selection
    window: DaySpan | None = None  # days of an archive crawl; None: a crawl for what is new

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # page ids of source URLs: each is requested once, so there is no loop
        self._opened_ids: set[str] = set()
        self._opened_sitemaps: dict[str, int] = {}  # root URL → number of sitemaps opened from its index
        self._earlier_states: dict[str, SourceState] = {}  # by URL: sources requested conditionally
        # index → its children that nothing but their lastmod speaks against
        self._stale_sitemaps: dict[Source, list[str]] = {}
        # lists whose entries nothing but a lastmod of long ago speaks against
        self._frozen_pages: dict[Source, list[Entry]] = {}
        self.archive_contents: dict[str, SourceContent] = {}  # by requested URL; only in an archive crawl

    @cached_property
    def zone(self) -> tzinfo:
        """The outlet's time zone; UTC where its file names none."""
        return zone_of(self.outlet)

    # ------------------------------------------------------------ requesting a source

    def source_request(self, source: Source, url: str | None = None) -> Request | None:
        """Return the request for a source; None where this run has opened it already, or where it is not due. url: a
        later page of the source."""
        requested_id = page_id(url or source.url)
        if requested_id in self._opened_ids:
            return None
        self._opened_ids.add(requested_id)
        facts = self.sources.setdefault(source.url, source.facts())
        is_list = source.kind in LIST_KINDS
        earlier = self._usable_state(source)
        if earlier and (next_at := self._next_request_at(earlier)) > datetime.now(UTC):
            facts["not_due"] = next_at.isoformat(timespec="seconds")
            self._note_unusable(source, earlier.unusable)
            self._count("sources/not_due")
            return None
        if earlier:
            self._earlier_states[source.url] = earlier
        conditions = earlier.conditions(_now()) if earlier else {}
        return Request(
            url or source.url,
            callback=self.parse_list if is_list else self.parse_section,
            errback=self.dead_source,
            cb_kwargs={"source": source},
            priority=_SOURCE_PRIORITY if not source.archive else 0,
            # only gzip: the reader decompresses it in slices, within bounds, and off the event loop
            headers={**({"Accept-Encoding": "gzip"} if is_list else {}), **conditions},
            meta={
                **({"packed": self.limits.sitemap_bytes, "download_maxsize": 0} if is_list else {}),
                **({"handle_httpstatus_list": [304]} if conditions else {}),
            },
            dont_filter=True,
        )

    # ------------------------------------------------------------ state kept from run to run

    @cached_property
    def _inputs_digest(self) -> str:
        """Hash of all settings that decide what becomes of an entry. When the outlet file, the selection or a limit
        changes, each source is read anew."""
        inputs = [asdict(self.outlet), asdict(self.selection), asdict(self.limits)]
        serialized = json.dumps(
            inputs, default=lambda value: value.pattern if isinstance(value, re.Pattern) else str(value)
        )
        return hashlib.sha256(serialized.encode()).hexdigest()[:16]

    def _keeps_state(self, source: Source) -> bool:
        """Whether the next run may rely on the state of this source. An archive has `complete` for that, and the home
        page is always read for the feeds that it names."""
        return not self.window and not source.archive and source.kind != "home" and source.page == 1

    def _earlier_state(self, source: Source) -> SourceState | None:
        """Return the state of a source that an earlier run stored in the lake."""
        if not self._keeps_state(source) or not self._land:
            return None
        return restore_state(self._land.run.index.source_state(source.url))

    def _usable_state(self, source: Source) -> SourceState | None:
        """Return that state where an unchanged source may be skipped: it was read with the same inputs, and no page
        that it named is due."""
        earlier = None if self.fresh else self._earlier_state(source)
        return (
            earlier
            if earlier and earlier.digest == self._inputs_digest and not earlier.is_due(_now())
            else None
        )

    def _next_request_at(self, earlier: SourceState) -> datetime:
        """Return the earliest time at which a source is to be requested again. An unusable one may be mended at any
        time."""
        min_s, max_s = map(self.settings.getfloat, ("SOURCE_INTERVAL_S", "SOURCE_INTERVAL_MAX_S"))
        next_at = earlier.next_at(min_s, min(min_s, max_s) if earlier.unusable else max_s)
        return next_at if earlier.asked_at <= _now() else earlier.asked_at  # else the clock was set back

    async def _is_unchanged(self, response: Response, source: Source) -> bool:
        """Whether a source reads as it did when all of its pages were settled, so that nothing is left to do; records
        it."""
        if len(response.body) > _LARGE_BODY:
            await asyncio.to_thread(body_hash, response)  # it is kept
        earlier = self._earlier_states.get(source.url) if source.page == 1 else None
        if not earlier or not (response.status == 304 or earlier.body == body_hash(response)):
            return False
        facts = self.sources[source.url]
        facts["unchanged"] = True
        self._note_unusable(source, earlier.unusable)
        self._count("sources/unchanged")
        state = SourceState.of(response, self._inputs_digest, earlier, earlier.unusable)
        has_moved = "moved_to" in facts
        facts["visited"] = None if has_moved else replace(state, due_at=earlier.due_at).facts()
        return True

    def _store_state(self, response: Response, source: Source) -> None:
        """Store the state of a source that was read to its end. A source that has moved keeps none: the next run
        requests the URL in the outlet file unconditionally."""
        if self._keeps_state(source) and "moved_to" not in self.sources[source.url]:
            unusable = self.sources[source.url].get("unusable")
            state = SourceState.of(response, self._inputs_digest, self._earlier_state(source), unusable)
            self.sources[source.url]["visited"] = state.facts()

    def remembered(self) -> dict[str, dict[str, Any] | None]:
        """Return at the end of a run, by source, the state that the next run may rely on; None where it must read all
        of the source."""
        due = self.due_sources()
        states: dict[str, dict[str, Any] | None] = {}
        for url, facts in self.sources.items():
            if "visited" not in facts:
                continue
            was_read_whole = facts["visited"] and not facts.get("stopped") and not facts.get("damaged")
            if not was_read_whole or (url in due and due[url] is None):
                states[url] = None
            elif url in due:
                states[url] = {**facts["visited"], "due_at": due[url].isoformat()}  # type: ignore[union-attr]
            else:
                states[url] = facts["visited"]
        return states

    # ------------------------------------------------------------ a job of several runs (JOBDIR)

    def sources_to_restore(self) -> dict[str, Any]:
        """Return, as JSON values, the feeds and sitemaps that this run has read whole, and which pages that they
        named are open: the next run of the job need not ask for them. An archive knows this from the lake."""
        sources = {
            url: facts
            for url, facts in self.sources.items()
            if facts["kind"] in LIST_KINDS and facts.get("visited") and not facts["error"]
        }
        open_pages = {
            candidate_id: sorted(urls & sources.keys())
            for candidate_id, urls in self._open_page_sources.items()
            if urls & sources.keys()
        }
        later = [candidate_id for candidate_id in open_pages if candidate_id in self._skip_decisions]
        return {"sources": sources, "open_pages": open_pages, "later": later}

    def restore_sources(self, kept: dict[str, Any]) -> None:
        """Take up what `sources_to_restore` returned, but for sources that are due or would be read otherwise now."""
        if self.window:
            return
        for url, facts in kept.get("sources", {}).items():
            state = restore_state(facts["visited"])
            wait_s = self.settings.getfloat("SOURCE_INTERVAL_MAX_S")
            if (
                state
                and state.digest == self._inputs_digest
                and state.asked_at <= _now() < state.asked_at + timedelta(seconds=wait_s)
            ):
                self.sources[url] = facts
                self._opened_ids.add(page_id(url))
        for candidate_id, urls in kept.get("open_pages", {}).items():
            if restored := frozenset(urls) & self.sources.keys():
                self._open_page_sources[candidate_id] = restored
                if candidate_id in kept["later"]:
                    self._skip_decisions[candidate_id] = "later"
                    self._count("skipped/later")

    # ------------------------------------------------------------ children of a sitemap index

    def stale_sitemap_requests(self) -> list[Request]:
        """Return the requests for the children that an index calls old: its lastmod is a hint, and many sites write it
        once for ever. Where one of its others listed a page of the outlet, two are opened: the newest, and each hour
        another one."""
        stale, self._stale_sitemaps = self._stale_sitemaps, {}
        requests: list[Request] = []
        for source, urls in stale.items():
            opened = urls
            if any(map(has_listed, self._facts_below(source.url))):
                opened = sitemap_index.of_this_hour(urls, _now())
            if left_count := len(urls) - len(opened):
                self.count_not_fetched(source, "stale_sitemap", left_count)
            requests += self._sitemap_requests(opened, source)
        return requests

    def _facts_below(self, url: str) -> Iterator[dict[str, Any]]:
        """Return the facts of the sources that an index names, and of those that these name."""
        for child_url, facts in self.sources.items():
            if facts.get("named_by") == url:
                yield facts
                yield from self._facts_below(child_url)

    def _sitemap_requests(self, sitemap_urls: list[str], source: Source) -> Iterator[Request]:
        files_left = self.limits.sitemap_files - self._opened_sitemaps.get(source.root, 0)
        if len(sitemap_urls) > files_left:
            self.note_cap(source, "files", files_left)
        if source.depth >= MAX_DEPTH and sitemap_urls:
            self.note_cap(source, "depth", MAX_DEPTH)
            return
        for url in sitemap_urls[: max(0, files_left)]:
            child = self.child_source(source, url)
            if child and (request := self.source_request(child)):
                self._opened_sitemaps[source.root] = self._opened_sitemaps.get(source.root, 0) + 1
                yield request

    def child_source(self, source: Source, url: str, modified_at: datetime | None = None) -> Source | None:
        """Return a child of a sitemap index as a source; None where url is not an http(s) URL."""
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
            named_by=source.url,
        )

    # ------------------------------------------------------------ answers

    async def parse_list(self, response: Response, source: Source) -> AsyncIterator[Request]:
        """Read a feed or a sitemap, whichever of the two the answer is, and yield what follows from it."""
        async for request in self._contained(self._read_list(response, source), source):
            yield request

    async def parse_section(self, response: Response, source: Source) -> AsyncIterator[Request]:
        """Read a section page, and yield its candidates and the request for its next page."""
        async for request in self._contained(self._read_section(response, source), source):
            yield request

    async def _contained(self, reading: AsyncIterator[Request], source: Source) -> AsyncIterator[Request]:
        """Yield what the reading of a source yields, until it raises."""
        with self.containing(source):
            async for request in reading:
                yield request

    @contextmanager
    def containing(self, source: Source) -> Iterator[None]:
        """The boundary of a source: whatever its reading raises costs this source alone. Parsers raise anything on
        what sites write."""
        try:
            yield
        except NotAList as error:
            self._mark_dead(source, f"{TORN}, and {error}" if self._is_torn(source) else str(error))
        except Exception as error:
            self._count("source_errors")
            self.logger.exception("%s: %s cannot be read", self.outlet.key, source.url)
            self._mark_dead(source, f"it cannot be read: {type(error).__name__}: {failure_text(error)}")

    def _is_torn(self, source: Source) -> bool:
        return bool(self.sources[source.url].get("torn"))

    async def _read_list(self, response: Response, source: Source) -> AsyncIterator[Request]:
        self._note_redirect(response, source)
        if await self._is_unchanged(response, source):
            return
        self._clear_state(source)
        if "dataloss" in response.flags:
            self._note_damage(source, TORN, torn=True)
        reading = await self._read(
            ListJob(
                response.body,
                response.url,
                charset_of(response),
                stopped="download_stopped" in response.flags,
                torn="dataloss" in response.flags,
                source=source,
                above=tuple(self._names_above(source)),
                outlet=self.outlet,
                limits=self.limits,
                window=self.window,
            )
        )
        self._note_unusable(source, reading.unusable)
        if reading.listed_sitemaps:
            self.sources[source.url]["children"] = reading.listed_sitemaps
        for bound, reached in reading.capped.items():
            self.note_cap(source, bound, reached)
        if reading.damaged and not self._is_torn(source):
            self._note_damage(source, reading.damaged, torn=reading.torn)
        if reading.malformed:
            self.count_not_fetched(source, "malformed", reading.malformed)
        if source.archive:
            is_index = bool(reading.listed_sitemaps)
            self.archive_contents[source.url] = SourceContent(reading.pages, reading.children, is_index)
            return
        self._stale_sitemaps[source] = [entry.url for entry in reading.stale]
        for request in self._sitemap_requests([entry.url for entry in reading.fresh], source):
            yield request
        if reading.frozen and self._may_be_followed_later(source):
            self._frozen_pages[source] = reading.frozen
        elif reading.frozen:
            count = counted(reading.listed, "address", "addresses")
            self.sources[source.url]["frozen"] = f"{count} listed, each with a lastmod of long ago"
        if reading.older:
            self.count_not_fetched(source, "older", reading.older)
        if reading.left_out:
            self.note_cap(source, "followed", self.limits.source_entries)
        async for request in self._follow_entries(reading.pages, source):
            yield request
        if not reading.listed and not reading.listed_sitemaps and (earlier := self._earlier_state(source)):
            # nothing at present: what it last listed stays what is known of it
            self.sources[source.url]["visited"] = earlier.facts()
        elif reading.foreign:
            self.sources[source.url]["foreign"] = True
        # the children of an unchanged index may change, so an index keeps no state
        elif not reading.listed_sitemaps and not reading.frozen:
            self._store_state(response, source)

    async def _read(self, job: ListJob | PageJob) -> Reading:
        """Return what a reader process finds in an answer. Raises NotAList where it cannot be read."""
        readers, key = SourceReaders.of(self.crawler), self.outlet.key
        size = len(job.body if isinstance(job, ListJob) else job.page.body)
        back_pressure = BackPressure.of(self.crawler)
        reading = await back_pressure.result(readers.read(job, key), key, size, readers.is_slow)
        if reading.traceback:
            self._count("source_errors")
            self.logger.error("%s: a source cannot be read\n%s", key, reading.traceback)
        if reading.error:
            raise NotAList(reading.error)
        return reading

    @staticmethod
    def _may_be_followed_later(source: Source) -> bool:
        return source.known_by == "outlet file"

    def frozen_page_requests(self) -> Iterator[list[Request]]:
        """Return batches of the candidates of lists that the outlet file names and that write a lastmod once for ever,
        for a crawl in which nothing else is listed. What the lake knows is no candidate, so the new ones are left."""
        for source, pages in self._frozen_pages.items():
            if len(pages) < self.sources[source.url]["not_fetched"]["older"]:
                self.note_cap(source, "followed", self.limits.source_entries)
            self.count_not_fetched(source, "older", -len(pages))
            for batch in batched(pages, BATCH_ENTRIES):
                yield self.follow_batch(batch, source, -_UNDATED_AGE_H)

    def _names_above(self, source: Source) -> Iterator[str]:
        """Return the URLs of a source and of the indexes that led to it."""
        url: str | None = source.url
        while url:
            yield url
            url = self.sources.get(url, {}).get("named_by")

    async def _read_section(self, response: Response, source: Source) -> AsyncIterator[Request]:
        self._note_redirect(response, source)
        if await self._is_unchanged(response, source):
            return
        self._clear_state(source)
        if "dataloss" in response.flags and isinstance(response, TextResponse):
            self._note_damage(source, TORN, torn=True)
        reading = await self._read_page(response)
        if reading.listed > MAX_LINKS:
            self.note_cap(source, "links", MAX_LINKS)
        self.sources[source.url]["pages"] = source.page
        if source.archive:
            self.archive_contents[source.url] = SourceContent(reading.pages, next_page=reading.next_page)
            return
        if (
            source.kind == "section" and source.page == 1
        ):  # a page of today's articles may be empty in the morning
            self._note_unusable(source, reading.unusable)
        new_before = self.sources[source.url]["new"]
        async for request in self._follow_entries(reading.pages, source):
            yield request
        self._store_state(response, source)
        if self.sources[source.url]["new"] == new_before or not reading.next_page:
            return  # pages older than known ones are known, too
        if source.page >= self.limits.section_pages:
            self.note_cap(source, "pages", source.page)
        elif next_request := self.source_request(replace(source, page=source.page + 1), reading.next_page):
            yield next_request

    async def _read_page(self, response: Response) -> Reading:
        """Return what a section page or the home page links to. Raises NotAList."""
        if not isinstance(response, TextResponse):
            raise NotAList("not a page of text")
        return await self._read(PageJob(page_text(response), self.outlet, MAX_LINKS))

    def dead_source(self, failure: Failure) -> Request | None:
        """Record a source that did not answer. Return a last request for one whose transfer breaks off again and
        again: it is read as far as it goes."""
        request: Request = failure.request  # type: ignore[attr-defined]  # set by Scrapy
        source: Source = request.cb_kwargs["source"]
        assert failure.value
        if is_torn(failure.value) and request.meta.get("download_fail_on_dataloss", True):
            return request.replace(meta={**request.meta, "download_fail_on_dataloss": False})
        response = getattr(failure.value, "response", None)
        why = f"answered {response.status}" if response is not None else failure_text(failure.value)
        self._mark_dead(source, why)
        return None

    # ------------------------------------------------------------ candidates

    async def _follow_entries(self, entries: Iterable[Entry], source: Source) -> AsyncIterator[Request]:
        """Yield the candidates of entries, newest first, without blocking the event loop for long."""
        now, began = datetime.now(UTC), perf_counter()
        for rank, entry in enumerate(entries):
            age_h = (now - entry.latest_date).total_seconds() / 3600 if entry.latest_date else None
            rank_h = _UNDATED_AGE_H + rank if source.kind in LIST_KINDS else rank // 10
            if request := self.candidate_of_entry(
                entry, source, -int(max(0, age_h) if age_h is not None else rank_h)
            ):
                yield request
            if perf_counter() - began > LOOP_SLICE_S:
                await asyncio.sleep(0)
                began = perf_counter()

    def candidate_of_entry(
        self, entry: Entry, source: Source, priority: int = _ARCHIVE_PRIORITY
    ) -> Request | None:
        """Return the candidate of an entry; None where the outlet's patterns, the window or the selection do not want
        it, or where CandidateSpider.candidate gives None."""
        facts = self.sources[source.url]
        try:
            if not self.outlet.wants(entry.url):
                return None
            facts["found"] += 1
            if why := self._why_refused(entry):
                self.count_not_fetched(source, why)
                return None
            request = self.candidate(
                entry.url, source.url, priority, modified_at=entry.modified_at, listed_title=entry.title
            )
        except ValueError:  # not an http(s) URL, or an invalid port
            return None
        if request:
            facts["new"] += 1
        return request

    def follow_batch(
        self, entries: Iterable[Entry], source: Source, priority: int = _ARCHIVE_PRIORITY
    ) -> list[Request]:
        """Return the candidates of entries at once; for small batches."""
        return [request for entry in entries if (request := self.candidate_of_entry(entry, source, priority))]

    def _why_refused(self, entry: Entry) -> str | None:
        """Return why the window or the selection does not want an entry; None where it is wanted."""
        if self.window:
            is_inside = is_within(self.window, entry, self.zone)
            if is_inside is False:
                return "window"
            if is_inside is None:
                self._count("archive/undated")
        return why_not_wanted(self.selection, entry, datetime.now(UTC))

    # ------------------------------------------------------------ entries in the run record

    def count_not_fetched(self, source: Source, why: str, count: int = 1) -> None:
        """Count entries that are not fetched by reason, for the source and for the run."""
        counts = self.sources[source.url].setdefault("not_fetched", {})
        counts[why] = counts.get(why, 0) + count
        self._count(f"not_fetched/{why}", count)

    def note_cap(self, source: Source, bound: str, reached: int) -> None:
        """Record that a source was read only as far as a limit. bound: the limit's name; reached: its value."""
        self.sources[source.url].setdefault("capped", {})[bound] = reached
        self._count(f"capped/{bound}")
        self.logger.warning("%s: read as far as the bound of %s goes: %d", source.url, bound, reached)

    def _note_unusable(self, source: Source, why: str | None) -> None:
        """Record that a source answered, and why nothing that it lists can be used; None: something can."""
        if why:
            self.sources[source.url]["unusable"] = why
            self._count("unusable_sources")
            self.logger.warning("%s lists nothing that can be used: %s", source.url, why)

    def _note_damage(self, source: Source, what: str, *, torn: bool) -> None:
        """Record what is wrong with a source that was read as far as it goes; torn: its end is missing."""
        self.sources[source.url] |= {"damaged": what, **({"torn": True} if torn else {})}
        self._count("damaged_sources")
        self.logger.warning("%s: read as far as it goes: %s", source.url, what)

    def _clear_state(self, source: Source) -> None:
        """Declare the stored state of a source void until it has been read to its end."""
        if self._keeps_state(source):
            self.sources[source.url]["visited"] = None

    def _note_redirect(self, response: Response, source: Source) -> None:
        """Record where a source has moved to, and do not request that URL again."""
        if source.page == 1 and page_id(response.url) != page_id(source.url):
            self.sources[source.url]["moved_to"] = response.url
            self._opened_ids.add(page_id(response.url))
            self.logger.info("source %s has moved to %s", source.url, response.url)

    def _mark_dead(self, source: Source, why: str) -> None:
        """Record why a source cannot be read; the other sources go on. A later page ends its section; a usual path of
        source discovery is forgotten."""
        if source.page > 1:
            self.sources[source.url]["stopped"] = f"page {source.page}: {why}"
            return
        if source.known_by == "usual path":  # a guess: its absence is no error
            del self.sources[source.url]
            self._count("finding/missed")
            return
        self.sources[source.url]["error"] = why
        self._count("dead_sources")
        self.logger.warning("dead source %s: %s", source.url, why)


def has_listed(facts: dict[str, Any]) -> bool:
    """Whether a source listed an article of the outlet in this run, or is known to list what it did before."""
    is_as_before = facts.get("unchanged") or facts.get("not_due")
    return bool(facts["found"] or (is_as_before and not facts.get("unusable")))


def _now() -> datetime:
    return datetime.now(UTC)
