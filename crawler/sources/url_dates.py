"""Days that URLs name: of an article, of a sitemap."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime
from urllib.parse import urlsplit

from crawler.sources.day_span import FIRST_YEAR, DaySpan

_YEAR = r"(?P<y>19[89]\d|20\d\d)"
_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMED = r"(?P<m>(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)"
# of an article: only where a whole part of the path is a date; a year in a headline says nothing
_ARTICLE = tuple(
    map(
        re.compile,
        (
            rf"/{_YEAR}/(?P<m>\d\d?)/(?P<d>\d\d?)(?=[/?]|$)",
            rf"/{_YEAR}/{_NAMED}/(?P<d>\d\d?)(?=[/?]|$)",
            rf"/{_YEAR}(?P<s>[-_.]?)(?P<m>\d\d)(?P=s)(?P<d>\d\d)(?!\d)",
            rf"/{_YEAR}/(?P<m>\d\d)(?=[/?]|$)",
        ),
    )
)
# of a sitemap: anywhere in its address
_SITEMAP = tuple(
    map(
        re.compile,
        (
            rf"[?&](?:yyyy|year|y)={_YEAR}&(?:mm|month|m)=(?P<m>\d\d?)(?:&(?:dd|day|d)=(?P<d>\d\d?))?(?!\d)",
            rf"(?<!\d){_YEAR}(?P<s>[-_./]?)(?P<m>\d\d)(?P=s)(?P<d>\d\d)(?!\d)",
            rf"(?<!\d){_YEAR}/(?P<m>\d\d?)/(?P<d>\d\d?)(?!\d)",
            rf"(?<!\d){_YEAR}[-_./]?{_NAMED}(?![a-z])",
            rf"(?<!\d){_YEAR}[-_./]?(?P<m>\d\d)(?!\d)",
            rf"(?<!\d){_YEAR}(?!\d)",
        ),
    )
)


def article_days(url: str) -> DaySpan | None:
    """The day or month that an article's address names; None where it names none."""
    return _first(_ARTICLE, urlsplit(url).path)


def sitemap_days(url: str, *, months: bool = True) -> DaySpan | None:
    """The day, month or year that a sitemap's address names. months=False: what follows a year is a number of a
    series (sitemap-2019-14.xml), not a month."""
    parts = urlsplit(url)
    patterns = _SITEMAP if months else _SITEMAP[-1:]
    return _first(patterns, parts.path + ("?" + parts.query if parts.query else ""))


def _first(patterns: tuple[re.Pattern[str], ...], place: str) -> DaySpan | None:
    for pattern in patterns:
        if (found := pattern.search(place.lower())) and (days := _days(found.groupdict())):
            return days
    return None


def _days(parts: dict[str, str | None]) -> DaySpan | None:
    year, month, day = int(parts["y"] or 0), parts.get("m"), parts.get("d")
    if not FIRST_YEAR <= year <= datetime.now(UTC).year + 1:
        return None
    try:
        if month is None:
            return DaySpan(date(year, 1, 1), date(year, 12, 31))
        number = int(month) if month.isdigit() else _NAMES.index(month[:3]) + 1
        if day is None:
            return DaySpan(date(year, number, 1), date(year, number, monthrange(year, number)[1]))
        return DaySpan(date(year, number, int(day)), date(year, number, int(day)))
    except ValueError:  # month 14, or the 31st of June; calendar's own error is one, too
        return None
