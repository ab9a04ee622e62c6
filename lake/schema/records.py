"""The rows of the lake. Their fields are the columns: lake/schema/columns.py computes the Parquet schema from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cleaning import Article, RawPage
from cleaning.records import Reason
from dedupe import Signature

Table = Literal["raw", "articles", "copies", "revisions", "rejects"]
# the order of a flush: raw is the write-ahead log, and a copy never lands before its original
TABLES: tuple[Table, ...] = ("raw", "articles", "copies", "revisions", "rejects")
STORY_TABLES: tuple[Table, ...] = ("articles", "copies", "revisions")

_PAGE_WAITS = tuple(timedelta(days=days) for days in (1, 3, 7))
_SERVER_WAITS = tuple(timedelta(hours=hours) for hours in (1, 6, 24, 72, 168))
# the waits after the first, second, … reject in a row; after the last, and for all other reasons: never again, but for
# the server's trouble, which says nothing of the page: every week, as long as a source names it
RETRY_AFTER: dict[str, tuple[timedelta, ...]] = {
    "paywall": _PAGE_WAITS,
    "bot_wall": _PAGE_WAITS,
    "consent_wall": _PAGE_WAITS,
    "too_short": _PAGE_WAITS,
    "empty": _PAGE_WAITS,
    "http_error": _PAGE_WAITS,
    "robots": _PAGE_WAITS,
    "tdm_reserved": _PAGE_WAITS,
    "quarantined": _PAGE_WAITS,  # it may have been the machine
    "unreachable": _SERVER_WAITS,
}
_SERVER_TROUBLE_STATUSES = (408, 425, 429)  # and 5xx: the server's trouble, not the page's
GONE = (404, 410)


@dataclass(frozen=True, slots=True)
class Reject:
    """A candidate that held no article."""

    id: str
    url: str
    requested_url: str
    outlet: str
    reason: Reason
    detail: str | None  # for people
    status: int | None  # HTTP status; None where nothing answered
    source: str | None  # the feed or section page that named it
    fetched_at: datetime
    retry_at: datetime | None  # not before; None: never
    tdm: tuple[str, ...] = ()  # what was found about its use by machines; cleaning.metadata.reservations


@dataclass(frozen=True, slots=True)
class Landing:
    """Which part holds the row; the last columns of every table."""

    run_id: str
    seq: int  # of the part in its run, from 0
    landed_at: datetime  # UTC


@dataclass(frozen=True, slots=True)
class ProcessedPage:
    """What the pure work on one candidate gave: an article with its signature, or a reason why there is none.

    page is None where nothing was fetched (robots.txt, no answer, a refused address), and where it is not kept."""

    page: RawPage | None
    article: Article | None = None
    signature: Signature | None = None
    reject: Reject | None = None
    later_pages: tuple[RawPage, ...] = ()  # what was fetched as the article's later pages, in order
    next_page_url: str | None = None  # the address of the next page, where the last one names one
    first_page_url: str | None = None  # the address of the first page, where the page is a later one

    @property
    def pages(self) -> tuple[RawPage, ...]:
        """All that was fetched and is kept, in order."""
        return (*((self.page,) if self.page else ()), *self.later_pages)


def reject(page: RawPage, reason: Reason, detail: str) -> Reject:
    """The reject row of a fetched page."""
    return Reject(
        id=page.id,
        url=page.url,
        requested_url=page.requested_url,
        outlet=page.outlet,
        reason=reason,
        detail=detail or None,
        status=page.status,
        source=page.source,
        fetched_at=page.fetched_at,
        retry_at=retry_at(reason, page.fetched_at, page.status),
        tdm=page.tdm,
    )


def retry_at(reason: Reason, seen_at: datetime, status: int | None = None, tries: int = 1) -> datetime | None:
    """When a reject is worth another try; None: never. tries: rejects in a row, this one included."""
    waits = RETRY_AFTER.get(reason, ())
    if reason == "http_error" and status is not None:
        if status >= 500 or status in _SERVER_TROUBLE_STATUSES:
            waits = _SERVER_WAITS
        elif status == 410:  # gone for good (RFC 9110)
            waits = ()
    nth_wait = min(tries, len(_SERVER_WAITS)) if waits is _SERVER_WAITS else tries
    return seen_at + waits[nth_wait - 1] if nth_wait <= len(waits) else None
