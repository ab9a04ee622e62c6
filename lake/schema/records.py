"""Defines the tables of the lake and the records that become their rows, and says when a rejected page is retried.

The fields of the records are the columns: lake/schema/columns.py computes the Parquet schema from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cleaning import Article, RawPage, page_id
from cleaning.records import Reason
from dedupe import Signature

Table = Literal["raw", "articles", "copies", "revisions", "rejects"]
# a flush writes the tables in this order: raw first, because it is the write-ahead log, and a copy after its original
TABLES: tuple[Table, ...] = ("raw", "articles", "copies", "revisions", "rejects")
STORY_TABLES: tuple[Table, ...] = ("articles", "copies", "revisions")

# waits after the first, second, … reject in a row; those of RECHECK_WAITS after a fetch of an article
_PAGE_WAITS = tuple(timedelta(days=days) for days in (1, 3, 7))
RECHECK_WAITS = (*_PAGE_WAITS, *(timedelta(days=days) for days in (14, 28)))
_SERVER_WAITS = tuple(timedelta(hours=hours) for hours in (1, 6, 24, 72, 168))
_CONTENT_WAITS = (timedelta(days=1),)
# by reason of the reject. A page is never retried after the last wait, nor for a reason that is missing here. Only
# the server's own trouble, which says nothing about the page, is retried every week; from the ninth try on only while a
# source lists the page
RETRY_AFTER: dict[str, tuple[timedelta, ...]] = {
    "paywall": _PAGE_WAITS,
    "bot_wall": _PAGE_WAITS,
    "consent_wall": _PAGE_WAITS,
    "needs_javascript": _PAGE_WAITS,
    "soft_404": _PAGE_WAITS,  # the page may not have reached all of the site's servers yet
    "not_html": _PAGE_WAITS,
    "broken": _PAGE_WAITS,
    "refused": _SERVER_WAITS,  # a redirect to another site may be a log-in, a consent page or a notice
    # what the page shows is no trouble, so it is looked at only once more
    "gallery": _CONTENT_WAITS,
    "video": _CONTENT_WAITS,
    "listing": _CONTENT_WAITS,
    "too_short": _PAGE_WAITS,
    "empty": _PAGE_WAITS,
    "http_error": _PAGE_WAITS,
    "robots": _PAGE_WAITS,
    "tdm_reserved": _PAGE_WAITS,
    "quarantined": _PAGE_WAITS,  # the cause may have been the machine, not the page
    "unreachable": _SERVER_WAITS,
    "shared_page": _SERVER_WAITS,
    "broken_http": _SERVER_WAITS,
}
_SERVER_TROUBLE_STATUSES = (408, 425, 429)  # and all of 5xx: they say nothing about the page itself
GONE = (404, 410)  # HTTP statuses that say that the page no longer exists


@dataclass(frozen=True, slots=True)
class Reject:
    """The row of a candidate URL that gave no article, and why."""

    id: str  # page id of the requested URL, whatever page answered
    url: str  # the URL that answered, after redirects; the requested one where nothing answered
    requested_url: str
    outlet: str
    reason: Reason
    detail: str | None  # explanation, mainly for people
    status: int | None  # HTTP status; None if no server answered
    source: str | None  # URL of the feed, sitemap or section page that listed the candidate
    fetched_at: datetime
    retry_at: datetime | None  # earliest time of the next fetch; None: never
    # evidence of reserved text and data mining rights: cleaning.metadata.reservations
    tdm: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Landing:
    """Which Parquet part file holds the row. These are the last columns of every table."""

    run_id: str
    seq: int  # number of the flush in its run, from 0
    landed_at: datetime  # UTC


@dataclass(frozen=True, slots=True)
class ProcessedPage:
    """The result of processing one candidate: an article with its signature, or a reject with its reason.

    page is None if nothing was fetched (robots.txt forbade it, no server answered, the URL was refused), or if the
    fetched page is not to be stored."""

    page: RawPage | None
    article: Article | None = None
    signature: Signature | None = None
    reject: Reject | None = None
    later_pages: tuple[RawPage, ...] = ()  # pages two and up of a paginated article, in order
    next_page_url: str | None = None  # URL of the next page, if the last fetched page links to one
    first_page_url: str | None = None  # URL of the first page, if this page is a later page
    # whether one of the pages read so far lacks text by itself: a wall, a transfer that broke off, a limit
    has_gap: bool = False

    @property
    def pages(self) -> tuple[RawPage, ...]:
        """All fetched pages that are to be stored, first page first."""
        return (*((self.page,) if self.page else ()), *self.later_pages)


def reject(page: RawPage, reason: Reason, detail: str) -> Reject:
    """Return the reject row of a fetched page, with its first retry time."""
    return Reject(
        id=requested_id(page.requested_url, page.id),
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


def requested_id(requested_url: str, page: str) -> str:
    """Return the page id of a requested URL; the given page id if the URL is malformed."""
    try:
        return page_id(requested_url)
    except ValueError:
        return page


def retry_at(
    reason: Reason,
    seen_at: datetime,
    status: int | None = None,
    tries: int = 1,
    *,
    redirected: bool = False,
) -> datetime | None:
    """Return the earliest time at which a rejected URL may be requested again; None: never.

    seen_at: time of the fetch. status: HTTP status, which counts for `http_error` only. tries: rejects of this URL
    in a row, this one included. redirected: another page answered, which says little of the requested one."""
    waits = RETRY_AFTER.get(reason, _PAGE_WAITS if redirected else ())
    if reason == "http_error" and status is not None:
        if status >= 500 or status in _SERVER_TROUBLE_STATUSES:
            waits = _SERVER_WAITS
        elif status == 410 and not redirected:  # permanently removed (RFC 9110)
            waits = ()
    nth_wait = min(tries, len(_SERVER_WAITS)) if waits is _SERVER_WAITS else tries
    return seen_at + waits[nth_wait - 1] if nth_wait <= len(waits) else None
