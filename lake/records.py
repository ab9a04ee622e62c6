"""The rows of the lake. Their fields are the columns: lake/schema.py computes the Parquet schema from them."""

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

RETRY_AFTER: dict[str, timedelta] = {
    "paywall": timedelta(days=1),
    "bot_wall": timedelta(days=1),
    "consent_wall": timedelta(days=1),
    "too_short": timedelta(days=1),
    "empty": timedelta(days=1),
    "http_error": timedelta(days=1),
    "unreachable": timedelta(hours=1),
    "robots": timedelta(days=1),
}


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


@dataclass(frozen=True, slots=True)
class Landing:
    """Which part holds the row; the last columns of every table."""

    run_id: str
    seq: int  # of the part in its run, from 0
    landed_at: datetime  # UTC


@dataclass(frozen=True, slots=True)
class Refined:
    """What the pure work on one candidate gave: an article with its signature, or a reason why there is none.

    page is None where nothing was fetched (robots.txt, no answer, a refused address)."""

    page: RawPage | None
    article: Article | None = None
    signature: Signature | None = None
    reject: Reject | None = None


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
        retry_at=retry_at(reason, page.fetched_at),
    )


def retry_at(reason: Reason, seen_at: datetime) -> datetime | None:
    """When a reject is worth another try; None: never."""
    wait = RETRY_AFTER.get(reason)
    return seen_at + wait if wait else None
