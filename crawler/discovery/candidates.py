"""From an address to a candidate: the request, and what becomes of it when it is answered or not.

Any spider may mix this in: `self.candidate(url)` gives a request whose page goes through the pipeline, and every
candidate ends as a page or as a reject with a reason; none vanishes.
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

from cleaning import RawPage, canonical, page_id
from cleaning.records import Reason
from cleaning.url import without_tracking
from crawler.pipeline.land import Land
from crawler.pipeline.raw_page import HEADERS_THAT_MATTER, outlet_of, page_of
from crawler.politeness.private_networks import refused_names
from crawler.politeness.request_policy import LeftForLater, NotFetched
from lake.runs.revisit_policy import FETCH_DECISIONS, RevisitDecision, RevisitPolicy
from lake.schema.records import Reject, retry_at

__all__ = ["HEADERS_THAT_MATTER", "CandidateSpider", "outlet_of", "page_of"]


class CandidateSpider(Spider):
    """A spider whose pages become rows. Sources are its own; candidates are counted here."""

    backfill = (
        False  # True: gives way to every other crawl of its outlet; crawler/discovery/backfill_preemption.py
    )

    def __init__(self, *args: Any, fresh: str = "", **kwargs: Any) -> None:
        """fresh: `-a fresh=1` asks for every page, whatever is known of it."""
        super().__init__(*args, **kwargs)
        self.fresh = fresh not in ("", "0", "false", "no")
        self._requested: set[str] = set()
        self._skipped: dict[str, RevisitDecision] = {}
        self._open: dict[
            str, frozenset[str]
        ] = {}  # page → the sources that named it, until nothing more is to come
        self.sources: dict[
            str, dict[str, Any]
        ] = {}  # address → kind, found, new, error; complete: read to its end; goes into the run record

    def candidate(
        self, url: str, source: str | None = None, priority: int = 0, modified_at: datetime | None = None
    ) -> Request | None:
        """The request of an article candidate; None where this run has asked for the page already, or where the lake
        knows it and modified_at (the last change as the source tells it) is no later than the last fetch.
        Raises ValueError for what is no http(s) address."""
        page, address = page_id(url), without_tracking(url)
        if len(address) > self.settings.getint("URLLENGTH_LIMIT"):
            raise ValueError(f"an address of {len(address)} characters")
        if page in self._requested:
            if page in self._open and source:
                self._open[page] |= {source}
            return None
        if not self._admitted(page, outlet_of(address), source, modified_at):
            return None
        self._requested.add(page)
        self._count("candidates")
        return Request(
            address,
            callback=self.parse_page,
            errback=self.missed_page,
            priority=priority,
            cb_kwargs={"requested_url": address, "source": source},
            dont_filter=True,  # candidates are kept apart by page id; JOBDIR's filter would drop them in silence
        )

    def _admitted(self, page: str, outlet: str, source: str | None, modified_at: datetime | None) -> bool:
        """Whether to ask for a page. Each is counted once, also where another source knows more of it."""
        land = self._land
        decision = land.run.revisit_decision(page, modified_at, self._policy, outlet) if land else "new"
        if decision in FETCH_DECISIONS or decision == "later":
            self._open[page] = self._open.get(page, frozenset()) | ({source} if source else frozenset())
        before = self._skipped.pop(page, None)
        if before:
            self._count(f"skipped/{before}", -1)
        if decision in FETCH_DECISIONS:
            self._count(f"asked/{decision}")
            return True
        kept = "later" if before == "later" else decision
        self._skipped[page] = kept
        self._count(f"skipped/{kept}")
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
        """Called for each outcome after which nothing more is to come of an address."""
        self._open.pop(page_id(requested_url), None)

    def unsettled_sources(self) -> set[str]:
        """The sources that named a page which is still to be asked for, now or later."""
        return set().union(*self._open.values())

    def due_sources(self) -> dict[str, datetime | None]:
        """By source the earliest time at which a page that it named is to be asked for; None: at once, or unknown."""
        due: dict[str, datetime | None] = {}
        for page, sources in self._open.items():
            moment = self._due_at(page)
            for url in sources:
                earlier = due.get(url, moment)
                due[url] = min(earlier, moment) if earlier and moment else None
        return due

    def _due_at(self, page: str) -> datetime | None:
        waits = page in self._skipped  # otherwise it was asked for, and has not been answered
        return self._land.run.due_at(page, self._policy, waits=waits) if self._land else None

    def source_done(self, url: str, modified_at: datetime | None = None) -> bool:
        """Whether an earlier run marked this source `complete`, all of its pages settled, and it has not changed
        since (modified_at: its own last change, where something tells it)."""
        read_at = self._land.run.index.source_read_at(url) if self._land and not self.fresh else None
        if modified_at and modified_at.time() == time.min:
            modified_at += timedelta(days=1)  # a day without a time: at any time of it
        return read_at is not None and (modified_at is None or modified_at <= read_at)

    def parse_page(
        self, response: Response, requested_url: str, source: str | None
    ) -> Iterator[RawPage | Reject]:
        """Any answer to a candidate, errors included."""
        yield page_of(response, requested_url, source)

    def missed_page(self, failure: Failure) -> Iterator[RawPage | Reject]:
        request: Request = failure.request  # type: ignore[attr-defined]  # set by Scrapy
        if failure.check(HttpError):  # type: ignore[no-untyped-call]
            response = failure.value.response  # type: ignore[union-attr]  # checked above
            yield from self.parse_page(response, **request.cb_kwargs)
        elif failure.check(LeftForLater):  # type: ignore[no-untyped-call]
            self._count("left")
        else:
            why = self._why(failure, request)
            self._count(why)
            yield _reject(request, why, failure.getErrorMessage())

    def _why(self, failure: Failure, request: Request) -> Reason:
        if isinstance(failure.value, NotFetched):
            return failure.value.reason
        host = urlsplit(request.url).hostname
        if host in refused_names:
            self._count(f"refused_hosts/{host}")
            return "refused"
        if failure.check(IgnoreRequest):  # type: ignore[no-untyped-call]
            return "robots" if "robots.txt" in str(failure.value) else "http_error"  # else too many redirects
        return "unreachable"

    def _count(self, name: str, by: int = 1) -> None:
        assert self.crawler.stats
        self.crawler.stats.inc_value(name, by)


def _reject(request: Request, reason: Reason, detail: str) -> Reject:
    requested_url, now = request.cb_kwargs["requested_url"], datetime.now(UTC)
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
