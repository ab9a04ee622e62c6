"""Moments as pages write them: to UTC, with the precision that was really given."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cleaning.vocabulary.written_dates import first_day_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cleaning.records import Precision

_EARLIEST = datetime(
    1990, 1, 1, tzinfo=UTC
)  # before the web, and above all not 1970: a field nobody filled in
_AHEAD = timedelta(days=1)  # clocks and zones differ; more is nonsense
_LONGEST = 80  # characters; longer is no date
_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ]+(\d{1,2}:\d{2}(?::\d{2})?)(?:[.,]\d+)?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?)?$",
    re.I,
)
_EPOCH = re.compile(r"\d{10}(?:\d{3})?$")
_URL_DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)[/_-](\d{1,2})[/_-](\d{1,2})(?!\d)")
_CLOCK = re.compile(
    r"(?<![\d.:/-])(?P<h>[01]?\d|2[0-3])[:h](?P<m>[0-5]\d)(?::(?P<s>[0-5]\d))?(?!\d)\s*(?P<half>[ap])?(?:\.?m\b)?",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Moment:
    """at: UTC, midnight where only the day is known; None where raw is no believable date."""

    at: datetime | None = None
    precision: Precision | None = None
    source: str | None = None
    raw: str | None = None


def first_credible(found: Iterable[tuple[str, str]], *, zone: str | None, fetched_at: datetime) -> Moment:
    """The first believable of (source, raw); else the first raw with at None; else an empty Moment."""
    unread = Moment()
    for source, raw in found:
        raw = raw.strip()[:200]
        if not raw:
            continue
        moment = parse_date(raw, zone)
        if moment and _EARLIEST <= moment[0] <= fetched_at + _AHEAD:
            return Moment(moment[0], moment[1], source, raw)
        if unread.raw is None:
            unread = Moment(None, None, source, raw)
    return unread


def day_of_url(url: str) -> str | None:
    """YYYY-MM-DD where the address holds a date."""
    found = _URL_DAY.search(url)
    return f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}" if found else None


def parse_date(raw: str, zone: str | None = None) -> tuple[datetime, Precision] | None:
    """(UTC, precision); zone: IANA name for what is written without one, UTC by default. None for no date."""
    text = " ".join(raw.split())
    try:
        return _iso(text, zone) or _epoch(text) or _mail(text, zone) or _words(text, zone)
    except (ValueError, OverflowError, OSError):
        return None


def _iso(text: str, zone: str | None) -> tuple[datetime, Precision] | None:
    found = _ISO.match(text)
    if not found:
        return None
    day, clock, offset = found.groups()
    if not clock:
        return datetime.fromisoformat(day).replace(tzinfo=UTC), "day"
    clock = clock if clock.index(":") == 2 else f"0{clock}"
    moment = datetime.fromisoformat(f"{day}T{clock}")
    return _utc(moment, _offset(offset) or _zone(zone)), "second" if clock.count(":") == 2 else "minute"


def _epoch(text: str) -> tuple[datetime, Precision] | None:
    if not _EPOCH.match(text):
        return None
    return datetime.fromtimestamp(int(text[:10]), UTC), "second"


def _mail(text: str, zone: str | None) -> tuple[datetime, Precision] | None:
    if "," not in text[:5] or len(text) > _LONGEST:  # Tue, 03 Dec 2024 10:00:00 +0200
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return _utc(moment, moment.tzinfo or _zone(zone)), "second" if text.count(":") >= 2 else "minute"


def _words(text: str, zone: str | None) -> tuple[datetime, Precision] | None:
    if len(text) > _LONGEST:
        return None
    day = first_day_in(text)
    if day is None:
        return None
    moment = datetime(day.year, day.month, day.day)
    clock = _CLOCK.search(text)
    if not clock:
        return moment.replace(tzinfo=UTC), "day"
    moment += timedelta(hours=int(clock["h"]) % 24, minutes=int(clock["m"]), seconds=int(clock["s"] or 0))
    if clock["half"] and clock["half"].lower() == "p" and moment.hour < 12:
        moment += timedelta(hours=12)
    return _utc(moment, _zone(zone)), "second" if clock["s"] else "minute"


def _offset(text: str | None) -> tzinfo | None:
    if not text:
        return None
    return UTC if text.isalpha() else datetime.fromisoformat(f"2000-01-01T00:00{text}").tzinfo


def _zone(name: str | None) -> tzinfo:
    return ZoneInfo(name) if name else UTC


def _utc(moment: datetime, zone: tzinfo) -> datetime:
    return moment.replace(tzinfo=zone, microsecond=0).astimezone(UTC)
