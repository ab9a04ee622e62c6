"""From an address to a candidate: the request, and what becomes of it when it is answered or not.

Any spider may mix this in: `self.candidate(url)` gives a request whose page goes through the pipeline, and every
candidate ends as a page or as a reject with a reason; none vanishes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request, Spider
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from cleaning import Header, RawPage, canonical, host_of, page_id
from cleaning.address import without_tracking
from cleaning.records import Reason
from crawler.manners import NotFetched
from crawler.outlet_files import known_outlets
from crawler.resolver import refused
from lake.records import Reject, retry_at

HEADERS_THAT_MATTER = (
    "content-type", "content-language", "last-modified", "etag", "date", "link", "x-robots-tag", "tdm-reservation",
    "tdm-policy",
)  # fmt: skip


class CandidateSpider(Spider):
    """A spider whose pages become rows. Sources are its own; candidates are counted here."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._asked: set[str] = set()
        self.sources: dict[
            str, dict[str, Any]
        ] = {}  # address → kind, found, new, error; goes into the run record

    def candidate(self, url: str, source: str | None = None, priority: int = 0) -> Request | None:
        """The request of an article candidate; None where this run has asked for the page already.
        Raises ValueError for what is no http(s) address."""
        page, address = page_id(url), without_tracking(url)
        if len(address) > self.settings.getint("URLLENGTH_LIMIT"):
            raise ValueError(f"an address of {len(address)} characters")
        if page in self._asked:
            return None
        self._asked.add(page)
        self._count("candidates")
        return Request(
            address,
            callback=self.parse_page,
            errback=self.missed_page,
            priority=priority,
            cb_kwargs={"asked": address, "source": source},
            dont_filter=True,  # candidates are kept apart by page id; JOBDIR's filter would drop them in silence
        )

    def parse_page(self, response: Response, asked: str, source: str | None) -> Iterator[RawPage | Reject]:
        """Any answer to a candidate, errors included."""
        yield page_of(response, asked, source)

    def missed_page(self, failure: Failure) -> Iterator[RawPage | Reject]:
        request: Request = failure.request  # type: ignore[attr-defined]  # set by Scrapy
        if failure.check(HttpError):  # type: ignore[no-untyped-call]
            response = failure.value.response  # type: ignore[union-attr]  # checked above
            yield from self.parse_page(response, **request.cb_kwargs)
        else:
            why = self._why(failure, request)
            self._count(why)
            yield _reject(request, why, failure.getErrorMessage())

    def _why(self, failure: Failure, request: Request) -> Reason:
        if isinstance(failure.value, NotFetched):
            return failure.value.reason
        host = urlsplit(request.url).hostname
        if host in refused:
            self._count(f"refused_hosts/{host}")
            return "refused"
        if failure.check(IgnoreRequest):  # type: ignore[no-untyped-call]
            return "robots" if "robots.txt" in str(failure.value) else "http_error"  # else too many redirects
        return "unreachable"

    def _count(self, name: str, by: int = 1) -> None:
        assert self.crawler.stats
        self.crawler.stats.inc_value(name, by)


def page_of(response: Response, asked: str | None = None, source: str | None = None) -> RawPage:
    """The RawPage of a response: all that a hand-written spider has to yield."""
    return RawPage(
        id=page_id(response.url),
        url=canonical(response.url),
        requested_url=asked or response.url,
        outlet=outlet_of(response.url),
        status=response.status,
        headers=tuple(
            Header(name, value.decode("latin-1"))
            for name in HEADERS_THAT_MATTER
            for value in response.headers.getlist(name)
        ),
        body=response.body,
        fetched_at=datetime.now(UTC),
        source=source,
    )


def outlet_of(url: str) -> str:
    """The outlet's name by the address's domain; the host itself where no file knows it."""
    found = known_outlets().find(host_of(url))
    return found.key if found else host_of(url)


def _reject(request: Request, reason: Reason, detail: str) -> Reject:
    asked, now = request.cb_kwargs["asked"], datetime.now(UTC)
    return Reject(
        id=page_id(asked),
        url=canonical(asked),
        requested_url=asked,
        outlet=outlet_of(asked),
        reason=reason,
        detail=detail[:500] or None,
        status=None,
        source=request.cb_kwargs["source"],
        fetched_at=now,
        retry_at=retry_at(reason, now),
    )
