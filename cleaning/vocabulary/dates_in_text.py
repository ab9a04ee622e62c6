"""Finds a day in a short text: one with a month's name first ("3 December 2024", "Dec. 3, 2024", "3. prosince 2024"), then
one in figures ("03.12.2024", "2024-12-03").

Times of day are not read here. Figures with slashes that could be read either way (03/04/2024) count as none. Month names
come from months.toml. The library dateparser is not used: it takes half a second for one short text of unknown language,
as long as a dozen pages take to clean.
"""

from __future__ import annotations

import re
import tomllib
from datetime import date
from functools import cache
from importlib.resources import files

_YEAR = r"(?P<y>(?:19|20)\d\d)"
_MONTH_NAME = r"(?P<m>[^\W\d_]{3,12})\.?"
_DAY = r"(?P<d>\d{1,2})(?:st|nd|rd|th|er|\.|º|ª|-го)?"
_NAMED_MONTH_PATTERNS = tuple(
    re.compile(rf"(?<!\d){pattern}(?!\d)", re.I)
    for pattern in (
        rf"{_DAY}\s+(?:de\s+|of\s+|d')?{_MONTH_NAME},?\s+(?:de\s+|del\s+)?{_YEAR}",
        rf"{_DAY}[-/]{_MONTH_NAME}[-/]{_YEAR}",
        rf"{_MONTH_NAME}\s+{_DAY},?\s+{_YEAR}",
        rf"{_YEAR}\.?\s+{_MONTH_NAME}\s+{_DAY}",
    )
)
_NUMERIC_PATTERNS = tuple(
    re.compile(rf"(?<!\d){pattern}(?!\d)")
    for pattern in (
        rf"{_YEAR}[./年-]\s?(?P<m>\d{{1,2}})[./月-]\s?(?P<d>\d{{1,2}})",
        rf"(?P<d>\d{{1,2}})\.\s?(?P<m>\d{{1,2}})\.\s?{_YEAR}",
        rf"(?P<d>\d{{1,2}})[/-](?P<m>\d{{1,2}})[/-]{_YEAR}",
        r"(?P<d>\d{2})\.(?P<m>\d{2})\.(?P<y>\d{2})(?![.\d])",  # 25.04.24: dates with dots begin with the day
    )
)


def first_day_in(text: str) -> date | None:
    """Return a day that the text names; None if it names none, or only one that is ambiguous, as 03/04/2024.

    The forms are tried one after another, those with a month's name before those in figures."""
    for named_month_pattern in _NAMED_MONTH_PATTERNS:
        for match in named_month_pattern.finditer(text):
            if month := _month_number(match["m"]):
                return _valid_date(match["y"], month, match["d"])
    for numeric_pattern in _NUMERIC_PATTERNS:
        if numeric_match := numeric_pattern.search(text):
            day, month = int(numeric_match["d"]), int(numeric_match["m"])
            if "/" in numeric_match[0] and not numeric_match[0].startswith(numeric_match["y"]):
                if month > 12:  # 12/31/2024
                    day, month = month, day
                elif day <= 12 and day != month:
                    return None
            return _valid_date(numeric_match["y"], month, day)
    return None


@cache
def _months() -> dict[str, int]:
    """Return prefix of a month name (three letters or more) -> month number, for prefixes of one month only."""
    tables = tomllib.loads(files("cleaning").joinpath("vocabulary", "months.toml").read_text("utf-8"))
    months_by_prefix: dict[str, set[int]] = {}
    for names in tables.values():
        for number, name in enumerate(names, 1):
            for length in range(3, len(name) + 1):
                months_by_prefix.setdefault(name[:length], set()).add(number)
    # a complete month name counts even where it is also a prefix of another month
    for names in tables.values():
        for number, name in enumerate(names, 1):
            if len(months_by_prefix[name]) > 1:
                months_by_prefix[name] = {number}
    return {name: numbers.pop() for name, numbers in months_by_prefix.items() if len(numbers) == 1}


def _month_number(word: str) -> int | None:
    """Return the month (1 to 12) that the word names; None for any other word."""
    word = word.casefold()
    return _months().get(word) or _months().get({"sept": "sep"}.get(word, word))


def _valid_date(year: str, month: int, day: str | int) -> date | None:
    """Return the date; None where there is no such day. A two-digit year means 20xx."""
    try:
        return date(int(year) + (2000 if len(year) == 2 else 0), month, int(day))
    except ValueError:
        return None
