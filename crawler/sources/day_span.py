"""DaySpan, a first and a last day, both included: the days that a URL names (/2024/05/ is a month), or the window of an
archive crawl.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

FIRST_YEAR = 1990  # an earlier year is a mistake: no news site is older


@dataclass(frozen=True, slots=True)
class DaySpan:
    """A span of days, both ends included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def overlaps(self, other: DaySpan) -> bool:
        """Whether the two spans share at least one day."""
        return self.first <= other.last and other.first <= self.last

    def each(self, *, newest_first: bool) -> Iterator[date]:
        """Every day of the span, in the given order."""
        for n in range((self.last - self.first).days + 1):
            yield self.last - timedelta(n) if newest_first else self.first + timedelta(n)
