"""Tests on the entries of a source, made before a request: wanted by language, section and age; recent; inside a window.

An entry is never excluded for what its source does not say.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal
from urllib.parse import urlsplit

from crawler.sources.day_span import DaySpan
from crawler.sources.entries import Entry
from crawler.sources.url_dates import article_days
from outlets import Selection

_LONG_AGO = timedelta(days=30)

NotWanted = Literal["language", "section", "age"]


def why_not_wanted(selection: Selection, entry: Entry, now: datetime) -> NotWanted | None:
    """The criterion by which the selection excludes an entry; None if it is wanted, or if nothing is known."""
    if selection.languages and entry.language and entry.language not in selection.languages:
        return "language"
    if selection.sections and not _in_sections(entry.url, selection.sections):
        return "section"
    if selection.max_age_days is not None and _is_older(entry, now - timedelta(days=selection.max_age_days)):
        return "age"
    return None


def _in_sections(url: str, sections: tuple[str, ...]) -> bool:
    segments = urlsplit(url.lower()).path.split("/")
    return any(s.lower() in segments for s in sections)


def _is_older(entry: Entry, limit: datetime) -> bool:
    # an entry that was not modified since then was not published since then either
    entry_date = entry.published_at or entry.modified_at
    if entry_date:
        return entry_date < limit
    days = article_days(entry.url)
    # one day of tolerance: the day in a URL is in the outlet's time zone
    return days is not None and days.last + timedelta(days=1) < limit.date()


def recent_entries(entries: Sequence[Entry], since: datetime) -> list[Entry]:
    """The entries published or modified since then, by their date or else by the day in their URL. Entries of unknown
    date are among them."""
    return [e for e in entries if _is_recent(e, since)]


def _is_recent(entry: Entry, since: datetime) -> bool:
    if entry.latest_date:
        return entry.latest_date >= since
    days = article_days(entry.url)
    return days is None or days.last + timedelta(days=1) >= since.date()


def is_frozen(entries: Sequence[Entry], now: datetime) -> bool:
    """Whether entries have nothing but a lastmod to date them by, and that is of long ago for each: many sites write it
    once for ever, or write that of the template."""
    return bool(entries) and all(
        e.modified_at
        and e.modified_at < now - _LONG_AGO
        and not e.published_at
        and article_days(e.url) is None
        for e in entries
    )


def is_within(window: DaySpan, entry: Entry, zone: tzinfo = UTC) -> bool | None:
    """Whether an entry was published in the window, by its date or else by the day in its URL; None where neither is
    known. zone: the outlet's time zone, which the window's days are in."""
    if entry.published_at:
        return entry.published_at.astimezone(zone).date() in window
    if days := article_days(entry.url):
        return days.overlaps(window)
    if entry.modified_at and entry.modified_at.date() < window.first - timedelta(days=1):
        return False
    return None
