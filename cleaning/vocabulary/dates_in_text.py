"""Finds a day in a short text, in words ("3 December 2024", "Dec. 3, 2024", "3 พ.ค. 2567") or figures ("03.12.2024",
"2024年5月3日"), and knows the words of relative dates ("2 hours ago").

The words of every language are in date_words.json, which tools/date_words.py writes. The library dateparser is not used: it
takes half a second for one short text of unknown language, as long as a dozen pages take to clean. Figures that could be
read either way (03/04/2024) count as none, unless the weekday beside them or the page's language settles it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import date
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

FILE = "date_words.json"
# the months of the Iranian calendar, which the Unicode CLDR keeps apart
_JALALI = (
    "فروردین",
    "اردیبهشت",
    "خرداد",
    "تیر",
    "مرداد",
    "شهریور",
    "مهر",
    "آبان",
    "آذر",
    "دی",
    "بهمن",
    "اسفند",
)
_JALALI_MONTHS = {name: number for number, name in enumerate(_JALALI, 1)}
_MONTH_FIRST_OR_DAY_FIRST = frozenset({"en", "fil"})  # languages of places that write either
_DAY_FIRST_TAGS = ("en-gb", "en-ie", "en-au", "en-nz", "en-in", "en-za")
_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925, "民國": 1911, "民国": 1911}  # the year before the first
_ERA_YEAR = re.compile(r"(令和|平成|昭和|民[國国])\s?(\d{1,3}|元)(?=\s?年)")
_HAN_FIGURES = re.compile(r"[〇零一二三四五六七八九十]{1,4}(?=[年月日])")
_HAN = {figure: number for number, figure in enumerate("〇一二三四五六七八九")} | {"零": 0}
_OTHER_FIGURE = re.compile(r"[^\x00-\x7F\W]")

_TOKEN = re.compile(r"\d+|[^\W\d_][^\s\d,/()|:;–—\"“”«»-]*")
_MAX_GAP = 12  # characters between the parts of a date
_YEAR = r"(?P<y>\d{4})"
_NUMERIC_PATTERNS = tuple(
    re.compile(rf"(?<!\d){pattern}(?!\d)")
    for pattern in (
        rf"{_YEAR}\s?[./年년-]\s?(?P<m>\d{{1,2}})\s?[./月월-]\s?(?P<d>\d{{1,2}})(?:\s?[日일])?",
        rf"(?P<d>\d{{1,2}})\.\s?(?P<m>\d{{1,2}})\.\s?{_YEAR}",
        rf"(?P<d>\d{{1,2}})\s?[/-]\s?(?P<m>\d{{1,2}})\s?[/-]\s?{_YEAR}",
        rf"(?P<d>\d{{1,2}}) tháng (?P<m>\d{{1,2}}),?(?: năm)? {_YEAR}",
        r"(?P<d>\d{2})\.(?P<m>\d{2})\.(?P<y>\d{2})(?![.\d])",  # 25.04.24: dates with dots begin with the day
        r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})(?=T|\s|$)",
    )
)


def first_day_in(text: str, language: str | None = None) -> date | None:
    """Return a day that the text names; None if it names none, or only one that is ambiguous, as 03/04/2024.

    language: of the page, as its markup states it ("en-GB"); None where it is unknown."""
    found = day_in(plain_figures(text), language)
    return found[0] if found else None


def day_in(text: str, language: str | None = None) -> tuple[date, str, str] | None:
    """Return (the day that the text names, what stands before it, what stands behind it), as `first_day_in`.

    text: with plain figures. The forms are tried one after another, those with a month's name before those in figures."""
    tokens = [
        token
        for token in _TOKEN.finditer(text)
        if token[0].isdigit() or not text[: token.start()][-1:].isdigit()
    ]
    named = [
        found
        for place, token in enumerate(tokens)
        if not token[0].isdigit() and (found := _day_around(text, tokens, place, language))
    ]
    if named:
        first = named[0]
        for other in named[
            1:
        ]:  # a weekday of one language is a month of another: of two that overlap, the narrower
            if len(text) - len(first[2]) > len(other[1]) and len(first[1] + first[2]) < len(
                other[1] + other[2]
            ):
                first = other
        return first
    for pattern in _NUMERIC_PATTERNS:
        if match := pattern.search(text):
            day = _day_of_figures(text, match, language)
            return (day, text[: match.start()], text[match.end() :]) if day else None
    return None


def plain_figures(text: str) -> str:
    """Return the text with figures of every script as 0 to 9, and the years of Japanese and Taiwanese eras as ours."""
    if text.isascii():
        return text
    text = _OTHER_FIGURE.sub(
        lambda found: str(unicodedata.decimal(found[0], found[0])), unicodedata.normalize("NFC", text)
    )
    text = _HAN_FIGURES.sub(lambda found: _han_number(found[0]), text)
    return _ERA_YEAR.sub(
        lambda found: str(_ERAS[found[1]] + (1 if found[2] == "元" else int(found[2]))), text
    )


def folded_word(text: str) -> str:
    """Return a word of a date in lower case, without full stops and spaces around it, with plain apostrophes."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().replace(".", "").replace("’", "'").split())


def seconds_ago(text: str) -> int | None:
    """Return how long ago a text such as "2 hours ago" says, in seconds; None for any other text."""
    text = folded_word(plain_figures(text))
    figures = re.findall(r"\d+", text)
    if len(figures) != 1 or len(figures[0]) > 3:
        return None
    unit: int | None = _words()["ago"].get(re.sub(r"\d+", "#", text))
    return unit * int(figures[0]) if unit else None


def _han_number(figures: str) -> str:
    """Return 二〇二四 as "2024" and 二十三 as "23"."""
    if "十" not in figures:
        return "".join(str(_HAN[figure]) for figure in figures)
    tens, _, ones = figures.partition("十")
    return str(_HAN.get(tens[:1], 1) * 10 + _HAN.get(ones[:1], 0))


def _day_around(
    text: str, tokens: list[re.Match[str]], place: int, language: str | None
) -> tuple[date, str, str] | None:
    """Return the day whose month the token names, with what stands around it; None where there is none."""
    name, last = tokens[place][0], place
    month = _month_number(name, language)
    jalali = None if month else _JALALI_MONTHS.get(folded_word(name))
    if not (month or jalali):
        last = place + 1  # كانون الثاني
        month = _month_number(f"{name} {tokens[last][0]}", language) if last < len(tokens) else None
        if not month:
            return None
    before = _number_beside(text, tokens, place, -1)
    behind = _number_beside(text, tokens, last, 1)
    orders = (
        (before, behind),  # 3 May 2024: the places of day and year
        (behind, _number_beside(text, tokens, behind, 1)),  # May 3, 2024
        (behind, before),  # 2024 May 3
        (before, _number_beside(text, tokens, before, -1)),  # 2024. gada 3. maijs
    )
    for day_at, year_at in orders:
        if day_at is None or year_at is None or len(tokens[day_at][0]) > 2 or len(tokens[year_at][0]) != 4:
            continue
        day = _valid_date(tokens[year_at][0], month or jalali or 0, tokens[day_at][0], jalali=bool(jalali))
        if day:
            places = (place, day_at, year_at)
            return day, text[: tokens[min(places)].start()], text[tokens[max(places)].end() :]
    return None


def _number_beside(text: str, tokens: list[re.Match[str]], place: int | None, step: int) -> int | None:
    """Return the place of the next number in one direction, at most one word away; None where there is none."""
    if place is None:
        return None
    for other in (place + step, place + 2 * step):
        if not 0 <= other < len(tokens):
            return None
        first, second = sorted((place, other))
        gap = text[tokens[first].end() : tokens[second].start()]
        if len(gap) > _MAX_GAP or ":" in gap or "|" in gap:
            return None
        if tokens[other][0].isdigit():
            return other
    return None


def _day_of_figures(text: str, match: re.Match[str], language: str | None) -> date | None:
    """Return the day that a match of a numeric pattern gives; None where it is none or could be two."""
    year, day, month = match["y"], int(match["d"]), int(match["m"])
    first_read = _valid_date(year, month, day)
    is_open = match.start("y") > match.start("m") and any(mark in match[0] for mark in "/-")
    if not is_open or day == month:
        return first_read
    other = _valid_date(year, day, month)
    if first_read is None or other is None:
        return first_read or other
    weekday = _weekday_in(text)
    readings = [reading for reading in (first_read, other) if reading.weekday() == weekday]
    if len(readings) == 1:
        return readings[0]
    return first_read if _is_day_first(language) else None


def _is_day_first(language: str | None) -> bool:
    """Whether the language's readers write the day before the month, wherever they live."""
    tag = (language or "").strip().lower().replace("_", "-")
    base = tag.partition("-")[0]
    return bool(base) and (base not in _MONTH_FIRST_OR_DAY_FIRST or tag.startswith(_DAY_FIRST_TAGS))


def _weekday_in(text: str) -> int | None:
    """Return the weekday that the text names, Monday is 0; None where it names none."""
    words = [folded_word(token[0]) for token in _TOKEN.finditer(text) if not token[0].isdigit()]
    names = [*(f"{first} {second}" for first, second in pairwise(words)), *words]
    return next((day for name in names if (day := _words()["weekdays"].get(name)) is not None), None)


@cache
def _words() -> dict[str, dict[str, Any]]:
    """Return the tables of date_words.json."""
    table: dict[str, dict[str, Any]] = json.loads(
        files("cleaning").joinpath("vocabulary", FILE).read_text("utf-8")
    )
    return table


@lru_cache(4096)
def _month_number(word: str, language: str | None) -> int | None:
    """Return the month (1 to 12) that the word names; None for any other word."""
    name = folded_word(word)
    base = (language or "").lower().replace("_", "-").partition("-")[0]
    # with a Catalan or Hebrew "of" before the name, with a Basque one behind it
    for spelling in (name, name.removeprefix("d'"), name.removeprefix("ב"), name.removesuffix("ren")):
        month = _words()["months"].get(spelling)
        if isinstance(month, dict):
            month = month.get(base, month.get(""))
        if month:
            return int(month)
    return _prefixes().get(name)


@cache
def _prefixes() -> dict[str, int]:
    """Return beginning of a month's name (four letters or more) -> month, where it begins the name of one month only."""
    found: dict[str, set[int]] = {}
    for name, month in _words()["months"].items():
        for length in range(4, len(name)):
            found.setdefault(name[:length], set()).update(
                month.values() if isinstance(month, dict) else {month}
            )
    return {start: months.pop() for start, months in found.items() if len(months) == 1}


def _valid_date(year: str, month: int, day: str | int, *, jalali: bool = False) -> date | None:
    """Return the date; None where there is no such day. A year of two figures means 20xx, 1380 to 1450 is the Iranian
    calendar's, 2400 to 2699 the Buddhist one's."""
    number = int(year) + (2000 if len(year) == 2 else 0)
    try:
        if jalali or 1380 <= number <= 1450:
            return _of_jalali(number, month, int(day))
        if 2400 <= number <= 2699:
            number -= 543
        return date(number, month, int(day)) if 1900 <= number <= 2099 else None
    except (ValueError, OverflowError):
        return None


def _of_jalali(year: int, month: int, day: int) -> date | None:
    """Return the Gregorian day of a day of the Iranian calendar; None where there is no such day.

    Source: the arithmetic form of the calendar with 8 leap years in 33, right for 1206 to 1498 (Borkowski 1996)."""
    if not (1 <= month <= 12 and 1 <= day <= (31 if month < 7 else 30) and 1300 <= year <= 1498):
        return None
    since = year + 1595
    days = 365 * since + since // 33 * 8 + (since % 33 + 3) // 4
    days += (month - 1) * 31 if month < 7 else (month - 7) * 30 + 186
    return date.fromordinal(days + day - 355668 - 365)
