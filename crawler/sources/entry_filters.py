"""Which entries of a source are worth a request: by language, section and age."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal
from urllib.parse import urlsplit

from crawler.sources.day_span import DaySpan
from crawler.sources.entries import Entry
from crawler.sources.url_dates import article_days
from outlets import Selection

NotWanted = Literal["language", "section", "age"]


def why_not_wanted(selection: Selection, entry: Entry, now: datetime) -> NotWanted | None:
    """Why an entry is not worth a request; None where it is, or where nothing tells."""
    if selection.languages and entry.language and entry.language not in selection.languages:
        return "language"
    if selection.sections and not _in_sections(entry.url, selection.sections):
        return "section"
    if selection.max_age_days is not None and _older(entry, now - timedelta(days=selection.max_age_days)):
        return "age"
    return None


def _in_sections(url: str, sections: tuple[str, ...]) -> bool:
    segments = urlsplit(url.lower()).path.split("/")
    return any(s.lower() in segments for s in sections)


def _older(entry: Entry, limit: datetime) -> bool:
    known = entry.published_at or entry.modified_at  # what was not touched since has not appeared since
    if known:
        return known < limit
    days = article_days(entry.url)
    # a day more: their midnight is not ours
    return days is not None and days.last + timedelta(days=1) < limit.date()


def recent_entries(listed: Sequence[Entry], since: datetime) -> list[Entry]:
    """What something has happened to since, by its date or else the day in its address, or where nothing tells."""
    return [e for e in listed if _recent(e, since)]


def _recent(entry: Entry, since: datetime) -> bool:
    if entry.latest_date:
        return entry.latest_date >= since
    days = article_days(entry.url)
    return days is None or days.last + timedelta(days=1) >= since.date()


def is_within(window: DaySpan, entry: Entry, zone: tzinfo = UTC) -> bool | None:
    """Whether an entry appeared in the window, days of the outlet's zone, by its date or its address; None where
    neither tells."""
    if entry.published_at:
        return entry.published_at.astimezone(zone).date() in window
    if days := article_days(entry.url):
        return days.meets(window)
    if entry.modified_at and entry.modified_at.date() < window.first - timedelta(days=1):
        return False
    return None
