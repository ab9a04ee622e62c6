"""A span of days, both ends included: what a URL names, or the window of an archive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

FIRST_YEAR = 1990  # no news site is older


@dataclass(frozen=True, slots=True)
class DaySpan:
    """A span of days, both ends included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def meets(self, other: DaySpan) -> bool:
        return self.first <= other.last and other.first <= self.last

    def each(self, *, newest_first: bool) -> Iterator[date]:
        for n in range((self.last - self.first).days + 1):
            yield self.last - timedelta(n) if newest_first else self.first + timedelta(n)
