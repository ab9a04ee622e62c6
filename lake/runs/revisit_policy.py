"""Revisit policy: decides whether a page that a source lists is fetched for the first time, fetched again, or skipped.

It compares what the index knows of the page (its page state) with the date of change that the source gives for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from lake.index.page_index import PageState

RevisitDecision = Literal[
    "new",  # never requested
    "changed",  # an article that, according to its source, has changed since the last fetch
    "again",  # a reject whose retry is due, or a final one that has changed; an article that is to be checked
    "afresh",  # known, but this run ignores page states
    "known",  # an article, and the source tells of no change
    "later",  # not due yet: a reject before its retry time, a change too soon after the last fetch, or a page that
    # another run is about to land
    "taken_down",  # removed for good by lake/jobs/takedown.py
    "never",  # a reject that is not retried unless its source tells a change
]
FETCH_DECISIONS: tuple[RevisitDecision, ...] = ("new", "changed", "again", "afresh")
SKIP_DECISIONS: tuple[RevisitDecision, ...] = ("known", "later", "never", "taken_down")


@dataclass(frozen=True, slots=True)
class RevisitPolicy:
    """When a known page is fetched again."""

    window: timedelta = timedelta(days=7)  # after publication; later changes are ignored
    # between two fetches; doubles with each fetch that found nothing new
    interval: timedelta = timedelta(hours=1)
    fresh: bool = False  # ignore page states

    def decide(self, page: PageState | None, modified_at: datetime | None, now: datetime) -> RevisitDecision:
        """Return whether to fetch a page, and why. page: its state in the lake, None where it is unknown.
        modified_at: the last change according to the source, with a time zone; None where the source gives none."""
        if page is None:
            return "new"
        if self.fresh:
            return "afresh"
        if page.reason:
            if page.retry_at is None:
                return "again" if self._has_changed(page, modified_at, now) else "never"
            return "again" if page.retry_at <= now else "later"
        if page.retry_at and page.retry_at <= now:
            return "again"
        if modified_at is None or modified_at <= page.fetched_at:
            return "known"
        if now - (page.published_at or page.first_at) > self.window:
            return "known"
        return "changed" if self.next_check_at(page) <= now else "later"

    def _has_changed(self, page: PageState, modified_at: datetime | None, now: datetime) -> bool:
        """Whether the source tells a change of a page since its last reject. The wait doubles with each reject in a
        row."""
        if modified_at is None or modified_at <= page.fetched_at or now - page.first_at > self.window:
            return False
        wait: timedelta = self.interval * 2 ** min(page.tries, 16)
        return page.fetched_at + wait <= now

    def next_check_at(self, page: PageState) -> datetime:
        """The earliest time at which an article with a newer date in its source is fetched again."""
        # some sources give all their pages a new date every hour: the wait doubles with each fetch in vain
        wait: timedelta = min(self.interval * 2 ** min(page.checks, 16), self.window)
        return page.fetched_at + wait
