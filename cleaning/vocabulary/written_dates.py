"""Days in words and figures: "3 December 2024", "Dec. 3, 2024", "3. prosince 2024", "03.12.2024".

A table of months instead of dateparser: on one text of unknown language that takes half a second, a crawl's page
budget many times over.
"""

from __future__ import annotations

import re
import tomllib
from datetime import date
from functools import cache
from importlib.resources import files

_YEAR = r"(?P<y>(?:19|20)\d\d)"
_NAME = r"(?P<m>[^\W\d_]{3,12})\.?"
_DAY = r"(?P<d>\d{1,2})(?:st|nd|rd|th|er|\.|º|ª|-го)?"
_ORDERS = tuple(
    re.compile(rf"(?<!\d){pattern}(?!\d)", re.I)
    for pattern in (
        rf"{_DAY}\s+(?:de\s+|of\s+|d')?{_NAME},?\s+(?:de\s+|del\s+)?{_YEAR}",
        rf"{_DAY}[-/]{_NAME}[-/]{_YEAR}",
        rf"{_NAME}\s+{_DAY},?\s+{_YEAR}",
        rf"{_YEAR}\.?\s+{_NAME}\s+{_DAY}",
    )
)
_FIGURES = tuple(
    re.compile(rf"(?<!\d){pattern}(?!\d)")
    for pattern in (
        rf"{_YEAR}[./年-]\s?(?P<m>\d{{1,2}})[./月-]\s?(?P<d>\d{{1,2}})",
        rf"(?P<d>\d{{1,2}})\.\s?(?P<m>\d{{1,2}})\.\s?{_YEAR}",
        rf"(?P<d>\d{{1,2}})[/-](?P<m>\d{{1,2}})[/-]{_YEAR}",
        r"(?P<d>\d{2})\.(?P<m>\d{2})\.(?P<y>\d{2})(?![.\d])",  # 25.04.24; with dots the day comes first
    )
)


def first_day_in(text: str) -> date | None:
    """The first day that the text names; None where there is none, or where 03/04 could be two days."""
    for order in _ORDERS:
        for found in order.finditer(text):
            if month := _month(found["m"]):
                return _date(found["y"], month, found["d"])
    for figures in _FIGURES:
        if hit := figures.search(text):
            day, month = int(hit["d"]), int(hit["m"])
            if "/" in hit[0] and not hit[0].startswith(hit["y"]):
                if month > 12:  # 12/31/2024
                    day, month = month, day
                elif day <= 12 and day != month:
                    return None
            return _date(hit["y"], month, day)
    return None


@cache
def _months() -> dict[str, int]:
    """Every beginning of three letters or more -> month, where it means one month only."""
    tables = tomllib.loads(files("cleaning").joinpath("vocabulary", "months.toml").read_text("utf-8"))
    meanings: dict[str, set[int]] = {}
    for names in tables.values():
        for number, name in enumerate(names, 1):
            for end in range(3, len(name) + 1):
                meanings.setdefault(name[:end], set()).add(number)
    for names in tables.values():  # a whole word is right whatever it begins
        for number, name in enumerate(names, 1):
            if len(meanings[name]) > 1:
                meanings[name] = {number}
    return {name: numbers.pop() for name, numbers in meanings.items() if len(numbers) == 1}


def _month(word: str) -> int | None:
    word = word.casefold()
    return _months().get(word) or _months().get({"sept": "sep"}.get(word, word))


def _date(year: str, month: int, day: str | int) -> date | None:
    try:
        return date(int(year) + (2000 if len(year) == 2 else 0), month, int(day))
    except ValueError:
        return None
