"""Parses the dates that pages state, in any common notation, into UTC with the precision that was stated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cleaning.vocabulary.dates_in_text import day_in, first_day_in, plain_figures, seconds_ago

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cleaning.records import Precision

# before the web; above all it excludes 1970, the value of a field that nobody filled in
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_MAX_AHEAD = timedelta(days=1)  # tolerance for clocks and time zones; a later date is an error
_MAX_CHARACTERS = 80  # a longer text is no date
# what may stand before "2 hours ago" on the story's own date
_PUBLISHED_WORDS = frozenset(
    {
        "published",
        "posted",
        "veröffentlicht",
        "publié",
        "publicado",
        "pubblicato",
        "gepubliceerd",
        "опубликовано",
        "opublikowano",
    }
)
_EPOCH = re.compile(r"(\d{10})(?:\d{3})?(?:\.\d+)?$")
_URL_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)[/_-](\d{1,2})[/_-](\d{1,2})(?!\d)")
_FIGURES = r"(?P<h>\d{1,2})"
_MINUTES = r"(?P<m>\d\d)"
_CLOCKS = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        r"^T(?P<h>\d\d)(?P<m>\d\d)(?P<s>\d\d)?(?:[.,]\d+)?(?![\d:])",  # 20240503T101500
        rf"(?<![\d.:/+-]){_FIGURES}[:：]{_MINUTES}(?:[:：](?P<s>\d\d)(?:[.,:]\d+)?)?(?!\d)",
        rf"{_FIGURES}\s?[時时點点시](?:\s?(?P<m>\d{{1,2}})\s?[分분])?(?:\s?(?P<s>\d{{1,2}})\s?[秒초])?",
        rf"(?<![\d.:/+-]){_FIGURES}(?:\s?h\s?|\s?Uhr\s?|\.){_MINUTES}(?![\d.])",  # 17h30, 9.05pm
        rf"(?<![\d.:/+-]){_FIGURES}(?:\s?(?:h|Uhr)\b|(?=\s?[ap]\.?\s?m\b))",  # 17h, 9 pm
    )
)
_HALF_BEHIND = re.compile(
    r"\s?(?:(?P<pm>p\.?\s?m\b\.?|(?<=\d)p\b|μ\.?\s?μ\b\.?|م(?!\w)|CH\b)|(?P<am>a\.?\s?m\b\.?|(?<=\d)a\b|π\.?\s?μ\b\.?|ص(?!\w)|SA\b))",
    re.I,
)
_HALF_BEFORE = re.compile(
    r"(?:(?P<pm>下午|午後|午后|오후|晚上|傍晚|中午)|(?P<am>上午|午前|오전|凌晨|早上|清晨))\s?$"
)
_ZONE_BEHIND = re.compile(
    r"\s?[(\[]?\s?(?P<name>(?-i:[A-Z]{1,5}\b))?\s?(?P<offset>[+−-]\d{1,2}:\d\d|[+−-]\d{1,4})?(?![\w:])[)\]]?"
)
_ZONE_NAME = re.compile(r"\[([A-Za-z_]+/[A-Za-z_/]+)\]")
# fmt: off
_ZONES: dict[str, float | str] = {  # hours from UTC, or an IANA name where the abbreviation covers summer and winter
    "Z": 0, "UTC": 0, "GMT": 0, "UT": 0, "WET": 0, "BST": 1, "WEST": 1, "CET": 1, "MEZ": 1, "WAT": 1, "CEST": 2, "MESZ": 2,
    "EET": 2, "SAST": 2, "CAT": 2, "EEST": 3, "MSK": 3, "TRT": 3, "EAT": 3, "PKT": 5, "NPT": 5.75, "WIB": 7, "ICT": 7,
    "WITA": 8, "HKT": 8, "SGT": 8, "MYT": 8, "AWST": 8, "PHT": 8, "WIT": 9, "JST": 9, "KST": 9, "ACST": 9.5, "AEST": 10,
    "ACDT": 10.5, "AEDT": 11, "NZST": 12, "NZDT": 13, "NST": -3.5, "NDT": -2.5, "BRT": -3, "ART": -3, "EDT": -4, "EST": -5,
    "CDT": -5, "MDT": -6, "MST": -7, "PDT": -7, "PST": -8, "AKST": -9, "AKDT": -8, "HST": -10,
    "ET": "America/New_York", "CT": "America/Chicago", "MT": "America/Denver", "PT": "America/Los_Angeles",
}  # fmt: skip
# fmt: on
_OPEN_ZONES = frozenset({"IST", "CST", "AST"})  # of several places: the outlet's zone counts, if there is one


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
    candidates: Iterable[tuple[str, str]],
    *,
    zone: str | None,
    fetched_at: datetime,
    language: str | None = None,
) -> Moment:
    """Return the first credible date of the candidates, which are pairs (source, raw).

    Where it is only a day, a later candidate of the same day that has a time of day counts instead. Where none is credible,
    return the first raw text with `at` None; without any text return an empty Moment. A credible date is neither before
    1990 nor more than a day after fetched_at. language: of the page, for dates that it decides.
    """
    unparsed, day_only = Moment(), Moment()
    for source, raw in candidates:
        raw = raw.strip()[:200]
        if not raw:
            continue
        parsed = parse_date(raw, zone, language=language, fetched_at=fetched_at)
        if parsed and _EARLIEST <= parsed[0] <= fetched_at + _MAX_AHEAD:
            moment = Moment(parsed[0], parsed[1], source, raw)
            if moment.precision != "day":
                if day_only.at is None or _are_of_one_day(day_only.at, moment):
                    return moment
            elif day_only.at is None:
                day_only = moment
        elif unparsed.raw is None:
            unparsed = Moment(None, None, source, raw)
    return unparsed if day_only.at is None else day_only


def _are_of_one_day(day: datetime, moment: Moment) -> bool:
    """Whether a moment falls on the day, in UTC or as it is written."""
    written = first_day_in(moment.raw or "")
    return moment.at is not None and day.date() in (moment.at.date(), written)


def day_of_url(url: str) -> str | None:
    """Return the date in the URL as YYYY-MM-DD; None where it holds none. The date may be invalid."""
    match = _URL_DATE.search(url)
    return f"{match[1]}-{int(match[2]):02}-{int(match[3]):02}" if match else None


def parse_date(
    raw: str, zone: str | None = None, *, language: str | None = None, fetched_at: datetime | None = None
) -> tuple[datetime, Precision] | None:
    """Return (date in UTC, precision); None where the text is no date.

    zone: IANA name of the time zone for texts that state none; None for UTC. language: of the page, as its markup states
    it. fetched_at: what "2 hours ago" counts from. A time of day or a zone that is not understood leaves the day. Raises
    ZoneInfoNotFoundError where the zone is needed and unknown.
    """
    text = plain_figures(" ".join(raw.split()))
    if len(text) > _MAX_CHARACTERS:
        return None
    try:
        return (
            _parse_epoch(text) or _parse_written(text, zone, language) or _parse_ago(text, zone, fetched_at)
        )
    except (ValueError, OverflowError, OSError):
        return None


def _parse_epoch(text: str) -> tuple[datetime, Precision] | None:
    """Parse a Unix timestamp in seconds or milliseconds."""
    match = _EPOCH.match(text)
    return (datetime.fromtimestamp(int(match[1]), UTC), "second") if match else None


def _parse_ago(text: str, zone: str | None, fetched_at: datetime | None) -> tuple[datetime, Precision] | None:
    """Parse a text such as "2 hours ago" into the day, in the zone, that it means."""
    words = text.split(" ")
    spellings = [text, " ".join(words[1:]) if words[0].strip(":").casefold() in _PUBLISHED_WORDS else ""]
    seconds = next((found for spelling in spellings if (found := seconds_ago(spelling)) is not None), None)
    if seconds is None or fetched_at is None:
        return None
    local = (fetched_at - timedelta(seconds=seconds)).astimezone(_zone(zone))
    return datetime(local.year, local.month, local.day, tzinfo=UTC), "day"


def _parse_written(text: str, zone: str | None, language: str | None) -> tuple[datetime, Precision] | None:
    """Parse a date in words or figures, with the time of day where the text holds one."""
    found = day_in(text, language)
    if found is None:
        return None
    day, *rest = found
    midnight = datetime(day.year, day.month, day.day)
    for part in (rest[1], rest[0]):  # the time of day mostly stands behind
        for pattern in _CLOCKS:
            if clock := pattern.search(part.removeprefix(", ")):
                moment = _at_clock(midnight, part.removeprefix(", "), clock, zone, language)
                return moment or (midnight.replace(tzinfo=UTC), "day")
    return midnight.replace(tzinfo=UTC), "day"


def _at_clock(
    midnight: datetime, text: str, clock: re.Match[str], zone: str | None, language: str | None
) -> tuple[datetime, Precision] | None:
    """Return the moment of a time of day; None where the time or the zone behind it is not understood."""
    parts = clock.groupdict()
    hour, minute, second = (int(parts.get(key) or 0) for key in "hms")
    behind = text[clock.end() :]
    half = _HALF_BEFORE.search(text[: clock.start()])
    if half is None and (half := _HALF_BEHIND.match(behind if parts.get("m") else text[clock.end("h") :])):
        if half["am"] and (language or "").lower().startswith("de"):
            half = None  # "10:15 am Montag"
        else:
            behind = (behind if parts.get("m") else text[clock.end("h") :])[half.end() :]
    if half and hour <= 12:
        hour = hour % 12 + (12 if half["pm"] else 0)
    if hour > 24 or minute > 59 or second > 59 or (hour == 24 and minute + second):
        return None
    moment = midnight + timedelta(hours=hour, minutes=minute, seconds=second)
    stated_zone = _zone_in(behind, zone)
    if stated_zone is None:
        return None
    return _to_utc(moment, stated_zone), "second" if parts.get("s") else "minute"


def _zone_in(text: str, zone: str | None) -> tzinfo | None:
    """Return the time zone that stands behind a time of day, or else the given one; None where it is not understood.

    zone: IANA name of the page's time zone, None for UTC."""
    match = _ZONE_BEHIND.match(text)
    name, offset = (match["name"], match["offset"]) if match else (None, None)
    if offset:
        return _offset(offset)
    if name in _ZONES:
        told = _ZONES[name]
        return ZoneInfo(told) if isinstance(told, str) else timezone(timedelta(hours=told))
    if full_name := _ZONE_NAME.search(text):
        try:
            return ZoneInfo(full_name[1])
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return None
    if name in _OPEN_ZONES:
        return ZoneInfo(zone) if zone else None
    if name and len(name) > 2 and name.endswith("T") and name not in _OPEN_ZONES:
        return None
    return _zone(zone)


def _offset(text: str) -> tzinfo | None:
    """Return the UTC offset, such as "+02:00", "+7" or "-500", as a time zone; None where no place on earth has it."""
    hours, _, minutes = text[1:].partition(":")
    if not minutes and len(hours) > 2:
        hours, minutes = hours[:-2], hours[-2:]
    seconds = int(hours) * 3600 + int(minutes or 0) * 60
    if seconds > 14 * 3600 or int(minutes or 0) % 15:
        return None
    return timezone(timedelta(seconds=seconds if text[0] == "+" else -seconds))


def _zone(name: str | None) -> tzinfo:
    """Return the time zone of an IANA name, or UTC. Raises ZoneInfoNotFoundError for an unknown name."""
    return ZoneInfo(name) if name else UTC


def _to_utc(moment: datetime, zone: tzinfo) -> datetime:
    return moment.replace(tzinfo=zone, microsecond=0).astimezone(UTC)
