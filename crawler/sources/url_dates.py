"""Days as addresses and sources tell them: spans, windows and moments."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import urlsplit

_FIRST_YEAR = 1990  # no news site is older
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


@dataclass(frozen=True, slots=True)
class Days:
    """A span of days, both ends included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def meets(self, other: Days) -> bool:
        return self.first <= other.last and other.first <= self.last

    def each(self, *, newest_first: bool) -> Iterator[date]:
        for n in range((self.last - self.first).days + 1):
            yield self.last - timedelta(n) if newest_first else self.first + timedelta(n)


def of_article(url: str) -> Days | None:
    """The day or month that an article's address names; None where it names none."""
    return _first(_ARTICLE, urlsplit(url).path)


def of_sitemap(url: str, *, months: bool = True) -> Days | None:
    """The day, month or year that a sitemap's address names. months=False: what follows a year is a number of a
    series (sitemap-2019-14.xml), not a month."""
    parts = urlsplit(url)
    patterns = _SITEMAP if months else _SITEMAP[-1:]
    return _first(patterns, parts.path + ("?" + parts.query if parts.query else ""))


def _first(patterns: tuple[re.Pattern[str], ...], place: str) -> Days | None:
    for pattern in patterns:
        if (found := pattern.search(place.lower())) and (days := _days(found.groupdict())):
            return days
    return None


def _days(parts: dict[str, str | None]) -> Days | None:
    year, month, day = int(parts["y"] or 0), parts.get("m"), parts.get("d")
    if not _FIRST_YEAR <= year <= datetime.now(UTC).year + 1:
        return None
    try:
        if month is None:
            return Days(date(year, 1, 1), date(year, 12, 31))
        number = int(month) if month.isdigit() else _NAMES.index(month[:3]) + 1
        if day is None:
            return Days(date(year, number, 1), date(year, number, monthrange(year, number)[1]))
        return Days(date(year, number, int(day)), date(year, number, int(day)))
    except ValueError:  # month 14, or the 31st of June; calendar's own error is one, too
        return None


@lru_cache(4096)  # a sitemap says the same few days many thousand times
def moment(text: str) -> datetime | None:
    """The moment, in UTC, of a W3C date (https://www.w3.org/TR/NOTE-datetime) or one as mails have it; None for
    what is neither, for years that cannot be, and for the future: that is a clock or a mistake."""
    text = text.strip()
    if not text:
        return None
    try:
        found = _read(text)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, TypeError):
        return None
    return found if credible(found) else None


def credible(found: datetime) -> bool:
    return found.year >= _FIRST_YEAR and found <= datetime.now(UTC) + timedelta(days=1)


def _read(text: str) -> datetime:
    if text[:4].isdigit():
        return datetime.fromisoformat(text + {4: "-01-01", 7: "-01"}.get(len(text), ""))
    return parsedate_to_datetime(text)
