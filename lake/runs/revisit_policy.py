"""Whether a page that a source names is asked for: what the lake knows of it, against what the source says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from lake.index.page_index import PageState

RevisitDecision = Literal[
    "new",  # never asked for
    "changed",  # an article that its source says has changed since the last fetch
    "again",  # held no article last time, and is due for another try
    "afresh",  # known, but the run ignores what is known
    "known",  # an article, and no word of a change
    "later",  # due another time: a reject that waits, a change too soon after the last fetch, a page that another
    # run is about to land
    "taken_down",  # it may not come back, lake/jobs/takedown.py
    "never",  # holds no article, and is not worth another try
]
FETCH_DECISIONS: tuple[RevisitDecision, ...] = ("new", "changed", "again", "afresh")
SKIP_DECISIONS: tuple[RevisitDecision, ...] = ("known", "later", "never", "taken_down")


@dataclass(frozen=True, slots=True)
class RevisitPolicy:
    """When a known page is fetched again."""

    window: timedelta = timedelta(days=7)  # since publication: later changes are not looked at
    interval: timedelta = timedelta(hours=1)  # between two fetches; doubles with each that found nothing new
    fresh: bool = False  # ignore what is known

    def decide(self, page: PageState | None, modified_at: datetime | None, now: datetime) -> RevisitDecision:
        """modified_at: the last change as the source tells it, with its zone; None where it tells nothing."""
        if page is None:
            return "new"
        if self.fresh:
            return "afresh"
        if page.reason:
            if page.retry_at is None:
                return "never"
            return "again" if page.retry_at <= now else "later"
        if modified_at is None or modified_at <= page.fetched_at:
            return "known"
        if now - (page.published_at or page.first_at) > self.window:
            return "known"
        return "changed" if self.next_check_at(page) <= now else "later"

    def next_check_at(self, page: PageState) -> datetime:
        """When an article that its source dates anew is looked at."""
        # a source that puts a new date to all its pages every hour is not followed every hour
        wait: timedelta = min(self.interval * 2 ** min(page.checks, 16), self.window)
        return page.fetched_at + wait
