"""Reads the span of days that a URL names: a day or a month for an article, also a year for a sitemap."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime
from urllib.parse import urlsplit

from crawler.sources.day_span import FIRST_YEAR, DaySpan

_YEAR = r"(?P<y>19[89]\d|20\d\d)"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NAME = r"(?P<m>(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)"
# of an article: only where a date begins a path segment, because a year in a headline is no publication date
_ARTICLE_PATTERNS = tuple(
    map(
        re.compile,
        (
            rf"/{_YEAR}/(?P<m>\d\d?)/(?P<d>\d\d?)(?=[/?]|$)",
            rf"/{_YEAR}/{_MONTH_NAME}/(?P<d>\d\d?)(?=[/?]|$)",
            rf"/{_YEAR}(?P<s>[-_.]?)(?P<m>\d\d)(?P=s)(?P<d>\d\d)(?!\d)",
            rf"/{_YEAR}/(?P<m>\d\d)(?=[/?]|$)",
        ),
    )
)
# of a sitemap: anywhere in path and query
_SITEMAP_PATTERNS = tuple(
    map(
        re.compile,
        (
            rf"[?&](?:yyyy|year|y)={_YEAR}&(?:mm|month|m)=(?P<m>\d\d?)(?:&(?:dd|day|d)=(?P<d>\d\d?))?(?!\d)",
            rf"(?<!\d){_YEAR}(?P<s>[-_./]?)(?P<m>\d\d)(?P=s)(?P<d>\d\d)(?!\d)",
            rf"(?<!\d){_YEAR}/(?P<m>\d\d?)/(?P<d>\d\d?)(?!\d)",
            rf"(?<!\d){_YEAR}[-_./]?{_MONTH_NAME}(?![a-z])",
            rf"(?<!\d){_YEAR}[-_./]?(?P<m>\d\d)(?!\d)",
            rf"(?<!\d){_YEAR}(?!\d)",
        ),
    )
)


def article_days(url: str) -> DaySpan | None:
    """The day or month in an article's URL; None if there is none."""
    return _first_span(_ARTICLE_PATTERNS, urlsplit(url).path)


def sitemap_days(url: str, *, months: bool = True) -> DaySpan | None:
    """The day, month or year in a sitemap's URL; None if there is none. months=False: a number behind a year is a
    serial number (sitemap-2019-14.xml), not a month, so that only the year is read."""
    split = urlsplit(url)
    patterns = _SITEMAP_PATTERNS if months else _SITEMAP_PATTERNS[-1:]
    return _first_span(patterns, split.path + ("?" + split.query if split.query else ""))


def _first_span(patterns: tuple[re.Pattern[str], ...], path: str) -> DaySpan | None:
    for pattern in patterns:
        if (found := pattern.search(path.lower())) and (days := _to_span(found.groupdict())):
            return days
    return None


def _to_span(groups: dict[str, str | None]) -> DaySpan | None:
    """groups: y, m and d of a pattern. None where they are no valid date, or the year is not credible."""
    year, month, day = int(groups["y"] or 0), groups.get("m"), groups.get("d")
    if not FIRST_YEAR <= year <= datetime.now(UTC).year + 1:
        return None
    try:
        if month is None:
            return DaySpan(date(year, 1, 1), date(year, 12, 31))
        number = int(month) if month.isdigit() else _MONTHS.index(month[:3]) + 1
        if day is None:
            return DaySpan(date(year, number, 1), date(year, number, monthrange(year, number)[1]))
        return DaySpan(date(year, number, int(day)), date(year, number, int(day)))
    except ValueError:  # month 14, or the 31st of June; calendar.IllegalMonthError is a ValueError, too
        return None
