"""Parses the dates that pages state, in any common notation, into UTC with the precision that was stated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cleaning.vocabulary.dates_in_text import first_day_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cleaning.records import Precision

# before the web; above all it excludes 1970, the value of a field that nobody filled in
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_MAX_AHEAD = timedelta(days=1)  # tolerance for clocks and time zones; a later date is an error
_MAX_CHARACTERS = 80  # a longer text is no date
_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ]+(\d{1,2}:\d{2}(?::\d{2})?)(?:[.,]\d+)?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?)?$",
    re.I,
)
_EPOCH = re.compile(r"\d{10}(?:\d{3})?$")
_URL_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)[/_-](\d{1,2})[/_-](\d{1,2})(?!\d)")
_TIME_OF_DAY = re.compile(
    r"(?<![\d.:/-])(?P<h>[01]?\d|2[0-3])[:h](?P<m>[0-5]\d)(?::(?P<s>[0-5]\d))?(?!\d)\s*(?P<half>[ap])?(?:\.?m\b)?",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A date as the page states it.

    at: the date in UTC, midnight where only the day is known; None where `raw` is no credible date. source: where the
    page states it. raw: the date as written.
    """

    at: datetime | None = None
    precision: Precision | None = None
    source: str | None = None
    raw: str | None = None


def first_credible(
    candidates: Iterable[tuple[str, str]], *, zone: str | None, fetched_at: datetime
) -> Moment:
    """Return the first credible date of the candidates, which are pairs (source, raw).

    Where none is credible, return the first raw text with `at` None; without any text return an empty Moment.
    A credible date is neither before 1990 nor more than a day after fetched_at.
    """
    unparsed = Moment()
    for source, raw in candidates:
        raw = raw.strip()[:200]
        if not raw:
            continue
        parsed = parse_date(raw, zone)
        if parsed and _EARLIEST <= parsed[0] <= fetched_at + _MAX_AHEAD:
            return Moment(parsed[0], parsed[1], source, raw)
        if unparsed.raw is None:
            unparsed = Moment(None, None, source, raw)
    return unparsed


def day_of_url(url: str) -> str | None:
    """Return the date in the URL as YYYY-MM-DD; None where it holds none. The date may be invalid."""
    match = _URL_DATE.search(url)
    return f"{match[1]}-{int(match[2]):02}-{int(match[3]):02}" if match else None


def parse_date(raw: str, zone: str | None = None) -> tuple[datetime, Precision] | None:
    """Return (date in UTC, precision); None where the text is no date.

    zone: IANA name of the time zone for texts that state none; None for UTC. Raises ZoneInfoNotFoundError where it is
    needed and unknown.
    """
    text = " ".join(raw.split())
    try:
        return (
            _parse_iso(text, zone)
            or _parse_epoch(text)
            or _parse_mail_date(text, zone)
            or _parse_written(text, zone)
        )
    except (ValueError, OverflowError, OSError):
        return None


def _parse_iso(text: str, zone: str | None) -> tuple[datetime, Precision] | None:
    """Parse an ISO 8601 date, with or without a time."""
    match = _ISO.match(text)
    if not match:
        return None
    day, clock, offset = match.groups()
    if not clock:
        return datetime.fromisoformat(day).replace(tzinfo=UTC), "day"
    clock = clock if clock.index(":") == 2 else f"0{clock}"
    moment = datetime.fromisoformat(f"{day}T{clock}")
    return _to_utc(moment, _offset(offset) or _zone(zone)), "second" if clock.count(":") == 2 else "minute"


def _parse_epoch(text: str) -> tuple[datetime, Precision] | None:
    """Parse a Unix timestamp in seconds or milliseconds."""
    if not _EPOCH.match(text):
        return None
    return datetime.fromtimestamp(int(text[:10]), UTC), "second"


def _parse_mail_date(text: str, zone: str | None) -> tuple[datetime, Precision] | None:
    """Parse an RFC 5322 date, as in e-mail and RSS."""
    if "," not in text[:5] or len(text) > _MAX_CHARACTERS:  # Tue, 03 Dec 2024 10:00:00 +0200
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return _to_utc(moment, moment.tzinfo or _zone(zone)), "second" if text.count(":") >= 2 else "minute"


def _parse_written(text: str, zone: str | None) -> tuple[datetime, Precision] | None:
    """Parse a date in words or figures, with the time of day where the text holds one."""
    if len(text) > _MAX_CHARACTERS:
        return None
    day = first_day_in(text)
    if day is None:
        return None
    moment = datetime(day.year, day.month, day.day)
    clock = _TIME_OF_DAY.search(text)
    if not clock:
        return moment.replace(tzinfo=UTC), "day"
    moment += timedelta(hours=int(clock["h"]) % 24, minutes=int(clock["m"]), seconds=int(clock["s"] or 0))
    if clock["half"] and clock["half"].lower() == "p" and moment.hour < 12:
        moment += timedelta(hours=12)
    return _to_utc(moment, _zone(zone)), "second" if clock["s"] else "minute"


def _offset(text: str | None) -> tzinfo | None:
    """Return the UTC offset, such as "+02:00", "Z" or "GMT", as a time zone; None where there is none."""
    if not text:
        return None
    return UTC if text.isalpha() else datetime.fromisoformat(f"2000-01-01T00:00{text}").tzinfo


def _zone(name: str | None) -> tzinfo:
    """Return the time zone of an IANA name, or UTC. Raises ZoneInfoNotFoundError for an unknown name."""
    return ZoneInfo(name) if name else UTC


def _to_utc(moment: datetime, zone: tzinfo) -> datetime:
    return moment.replace(tzinfo=zone, microsecond=0).astimezone(UTC)
