"""Turns a URL into an article candidate: builds its request, and handles its answer or its failure.

Any spider may derive from CandidateSpider. `self.candidate(url)` returns a request whose page goes through the
pipeline. Every candidate ends as a page or as a reject with a reason; none is lost silently.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request, Spider
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from cleaning import RawPage, canonical, host_of, page_id, request_url
from cleaning.records import Reason
from cleaning.url import without_tracking
from crawler.outlet_files import known_outlets
from crawler.pipeline.land import Land
from crawler.pipeline.raw_page import HEADERS_THAT_MATTER, LISTED_TITLE_META, outlet_of, page_of
from crawler.politeness.failures import explain, is_broken_answer
from crawler.politeness.private_networks import refused_names
from crawler.politeness.request_policy import REQUESTED_URL_KEY, LeftForLater, NotFetched
from lake.runs.revisit_policy import FETCH_DECISIONS, RevisitDecision, RevisitPolicy
from lake.schema.records import Reject, retry_at

__all__ = ["HEADERS_THAT_MATTER", "CandidateSpider", "outlet_of", "page_of"]


class CandidateSpider(Spider):
    """Base class of a spider whose pages become rows. A subclass keeps the entries of its sources in `sources`; this
    class counts the candidates."""

    # True: this crawl gives way to every other crawl of its outlet (crawler/discovery/backfill_preemption.py)
    backfill = False

    def __init__(self, *args: Any, fresh: str = "", **kwargs: Any) -> None:
        """fresh: any value but 0, false or no (`-a fresh=1`) requests every page, whatever the lake knows of it."""
        super().__init__(*args, **kwargs)
        self.fresh = fresh not in ("", "0", "false", "no")
        self._requested_ids: set[str] = set()  # page ids
        # by page id: why this run does not request the page
        self._skip_decisions: dict[str, RevisitDecision] = {}
        # page id → the sources that named the page, until it has its final outcome
        self._open_page_sources: dict[str, frozenset[str]] = {}
        # URL → the source's entry in the run record: kind, found, new, error; `complete`: read to its end
        self.sources: dict[str, dict[str, Any]] = {}

    def candidate(
        self,
        url: str,
        source: str | None = None,
        priority: int = 0,
        modified_at: datetime | None = None,
        listed_title: str | None = None,
    ) -> Request | None:
        """Return the request of an article candidate; None where this run has requested the page already, or where
        the lake knows the page and modified_at, its last change as the source tells it, is no later than the last
        fetch. listed_title: its title as the source tells it. Raises ValueError where url is not an http(s) URL, or is
        longer than URLLENGTH_LIMIT."""
        requested_url, candidate_id = self._spelling_to_request(url)
        if len(requested_url) > self.settings.getint("URLLENGTH_LIMIT"):
            raise ValueError(f"an address of {len(requested_url)} characters")
        if candidate_id in self._requested_ids:
            if candidate_id in self._open_page_sources and source:
                self._open_page_sources[candidate_id] |= {source}
            return None
        if not self._should_request(candidate_id, outlet_of(requested_url), source, modified_at):
            return None
        self._requested_ids.add(candidate_id)
        self._count("candidates")
        return Request(
            requested_url,
            callback=self.parse_page,
            errback=self.missed_page,
            priority=priority,
            cb_kwargs={REQUESTED_URL_KEY: requested_url, "source": source},
            meta=_request_meta(modified_at, listed_title),
            dont_filter=True,  # _requested_ids finds duplicates; JOBDIR's filter would drop candidates silently
        )

    def resume(self, request: Request) -> bool:
        """Whether to send a candidate that an earlier run of the job (JOBDIR) left in the queue. It is counted as one
        of this run, unless this run has requested the page already or the lake has got it meanwhile."""
        requested_url = request.cb_kwargs[REQUESTED_URL_KEY]
        candidate_id = page_id(requested_url)
        if candidate_id in self._requested_ids or not self._should_request(
            candidate_id,
            outlet_of(requested_url),
            request.cb_kwargs["source"],
            request.meta.get("modified_at"),
        ):
            return False
        self._requested_ids.add(candidate_id)
        self._count("candidates")
        return True

    def _spelling_to_request(self, url: str) -> tuple[str, str]:
        """Return the spelling under which a URL is requested, and its page id: the request spelling, unless the lake
        knows the URL as it was found. Then it keeps its id and its history, for under another id its page would land
        once more."""
        found_url, requested_url = without_tracking(url), request_spelling(url)
        if found_url != requested_url and self._land:
            outlet, found_id = outlet_of(found_url), page_id(found_url)
            if self._land.run.revisit_decision(found_id, None, self._policy, outlet) != "new":
                return found_url, found_id
        return requested_url, page_id(requested_url)

    def _should_request(
        self, candidate_id: str, outlet: str, source: str | None, modified_at: datetime | None
    ) -> bool:
        """Whether to request a page, by the revisit policy. Each page is counted once, even if a second source gives
        a later change of it."""
        land = self._land
        decision = (
            land.run.revisit_decision(candidate_id, modified_at, self._policy, outlet) if land else "new"
        )
        if decision in FETCH_DECISIONS or decision == "later":
            self._open_page_sources[candidate_id] = self._open_page_sources.get(candidate_id, frozenset()) | (
                {source} if source else frozenset()
            )
        earlier_decision = self._skip_decisions.pop(candidate_id, None)
        if earlier_decision:
            self._count(f"skipped/{earlier_decision}", -1)
        if decision in FETCH_DECISIONS:
            self._count(f"asked/{decision}")
            return True
        skip_decision = "later" if earlier_decision == "later" else decision
        self._skip_decisions[candidate_id] = skip_decision
        self._count(f"skipped/{skip_decision}")
        return False

    @cached_property
    def _land(self) -> Land | None:
        """The pipeline that knows the lake; None where a crawl lands nothing."""
        return self.crawler.get_item_pipeline(Land)

    @cached_property
    def _policy(self) -> RevisitPolicy:
        return RevisitPolicy(
            timedelta(days=self.settings.getfloat("CHANGE_WINDOW_DAYS")),
            timedelta(seconds=self.settings.getfloat("CHANGE_INTERVAL_S")),
            fresh=self.fresh,
        )

    def settled(self, requested_url: str) -> None:
        """Note a final outcome: this run expects nothing more of the page that was requested by this URL."""
        self._open_page_sources.pop(page_id(requested_url), None)

    def unsettled_sources(self) -> set[str]:
        """Return the sources that named a page which is still to be requested, now or later."""
        return set().union(*self._open_page_sources.values())

    def due_sources(self) -> dict[str, datetime | None]:
        """Return for each such source the earliest time at which a page that it named is to be requested; None: at
        once, or unknown."""
        due: dict[str, datetime | None] = {}
        for candidate_id, sources in self._open_page_sources.items():
            page_due_at = self._due_at(candidate_id)
            for url in sources:
                earlier = due.get(url, page_due_at)
                due[url] = min(earlier, page_due_at) if earlier and page_due_at else None
        return due

    def _due_at(self, candidate_id: str) -> datetime | None:
        """Return when a page is to be requested next; None: at once, or unknown."""
        waits = candidate_id in self._skip_decisions  # otherwise it was requested, and no answer has come
        return self._land.run.due_at(candidate_id, self._policy, waits=waits) if self._land else None

    def source_done(self, url: str, modified_at: datetime | None = None) -> bool:
        """Whether an earlier run marked this source `complete`, all of its pages are settled, and it has not changed
        since. modified_at: the last change of the source itself, where something tells it."""
        read_at = self._land.run.index.source_read_at(url) if self._land and not self.fresh else None
        zone = getattr(self, "zone", UTC)  # of an outlet's spider
        if modified_at and time.min in (modified_at.time(), modified_at.astimezone(zone).time()):
            modified_at += timedelta(days=1)  # a day without a time: the change came at any time of that day
        return read_at is not None and (modified_at is None or modified_at <= read_at)

    def parse_page(self, response: Response, asked: str, source: str | None) -> Iterator[RawPage | Reject]:
        """Handle any answer to a candidate, HTTP errors included: yield its page."""
        yield page_of(response, asked, source)

    def missed_page(self, failure: Failure) -> Iterator[RawPage | Reject]:
        """Handle a candidate without a usable answer: yield its page for an HTTP error, else a reject with the
        reason; nothing where a later run is to fetch it."""
        request: Request = failure.request  # type: ignore[attr-defined]  # set by Scrapy
        if failure.check(HttpError):  # type: ignore[no-untyped-call]
            response = failure.value.response  # type: ignore[union-attr]  # checked above
            yield from self.parse_page(response, **request.cb_kwargs)
        elif failure.check(LeftForLater):  # type: ignore[no-untyped-call]
            self._count("left")
        else:
            reason = self._miss_reason(failure, request)
            self._count(reason)
            yield _make_reject(request, reason, explain(failure.value, request.url))  # type: ignore[arg-type]

    def _miss_reason(self, failure: Failure, request: Request) -> Reason:
        """Return the reject reason of a request that failed."""
        if isinstance(failure.value, NotFetched):
            return failure.value.reason
        host = urlsplit(request.url).hostname
        if host in refused_names:
            self._count(f"refused_hosts/{host}")
            return "refused"
        if failure.check(IgnoreRequest):  # type: ignore[no-untyped-call]
            # otherwise there were too many redirects
            return "robots" if "robots.txt" in str(failure.value) else "http_error"
        return "broken_http" if is_broken_answer(failure.value) else "unreachable"  # type: ignore[arg-type]

    def _count(self, name: str, by: int = 1) -> None:
        assert self.crawler.stats
        self.crawler.stats.inc_value(name, by)


def request_spelling(url: str) -> str:
    """Return the spelling of a URL that is requested where the lake does not know it: cleaning.request_url, with what
    the URL's outlet adds to addresses. Raises ValueError where url is not an http(s) URL."""
    outlet = known_outlets().find(host_of(url))
    return request_url(url, outlet.tracking if outlet else ())


def _request_meta(modified_at: datetime | None, listed_title: str | None) -> dict[str, Any]:
    """Return what a candidate's request carries of its entry: the change for `resume`, the title for the raw page."""
    meta = {"modified_at": modified_at, LISTED_TITLE_META: listed_title}
    return {name: value for name, value in meta.items() if value}


def _make_reject(request: Request, reason: Reason, detail: str) -> Reject:
    """Return the reject of a candidate that was not fetched."""
    requested_url, now = request.cb_kwargs[REQUESTED_URL_KEY], datetime.now(UTC)
    return Reject(
        id=page_id(requested_url),
        url=canonical(requested_url),
        requested_url=requested_url,
        outlet=outlet_of(requested_url),
        reason=reason,
        detail=detail[:500] or None,
        status=None,
        source=request.cb_kwargs["source"],
        fetched_at=now,
        retry_at=retry_at(reason, now),
        tdm=tuple(request.meta.get("tdm", ())),
    )
