"""Writes cleaning/vocabulary/date_words.json: the words of dates in every language of the Unicode CLDR, as babel holds it.

usage: python -m tools.date_words

months: name -> number, or, for a name of two months, language -> number ("" is any other). weekdays: name -> number, Monday is 0.
ago: a relative date with "#" for its figure -> seconds of its unit. Names are folded by `dates_in_text.folded_word`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from babel import Locale, localedata

from cleaning.vocabulary.dates_in_text import folded_word

FILE = Path("cleaning", "vocabulary", "date_words.json")
_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_MIN_SHARE = 4  # a name is a month's in general if so many times as many languages say so as say otherwise


def main() -> None:
    """Write the file. Raises OSError where it cannot be written."""
    months: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    weekdays: dict[str, set[int]] = defaultdict(set)
    ago: dict[str, int] = {}
    for locale in _locales():
        for number, name in _names(locale, "months"):
            months[name][number].add(locale.language)
        for number, name in _names(locale, "days"):
            weekdays[name].add(number)
        for unit, seconds in _UNITS.items():
            for width in ("", "-short", "-narrow"):
                patterns = locale._data["date_fields"].get(unit + width, {}).get("past", {})
                ago |= {
                    folded_word(p).replace("{0}", "#"): seconds
                    for p in patterns.values()
                    if "{0}" in p and len(p) > 5
                }
    told = {
        "months": {name: _month(readings) for name, readings in sorted(months.items())},
        "weekdays": {name: min(numbers) for name, numbers in sorted(weekdays.items()) if len(numbers) == 1},
        "ago": dict(sorted(ago.items())),
    }
    FILE.write_text(json.dumps(told, ensure_ascii=False, indent=0) + "\n", "utf-8")


def _locales() -> Iterator[Locale]:
    for name in sorted(localedata.locale_identifiers()):
        if name != "root":
            yield Locale.parse(name)


def _names(locale: Locale, kind: str) -> Iterator[tuple[int, str]]:
    """Yield (number, folded name) of the months or days, long and short."""
    table = getattr(locale, kind)
    for context in ("format", "stand-alone"):
        for width in ("wide", "abbreviated"):
            for number, name in table.get(context, {}).get(width, {}).items():
                word = folded_word(name)
                if len(word) >= (3 if word.isascii() else 2) and not any(
                    c.isdigit() or (c == " " and word.isascii()) for c in word
                ):
                    yield number, word


def _month(readings: dict[int, set[str]]) -> int | dict[str, int]:
    """Return the month; for a name of two months language -> number, with "" for what it means in general, if anything."""
    if len(readings) == 1:
        return next(iter(readings))
    first, second = sorted(readings, key=lambda number: -len(readings[number]))[:2]
    by_language = {
        language: number for number, languages in readings.items() for language in sorted(languages)
    }
    if len(readings[first]) >= _MIN_SHARE * len(readings[second]):
        by_language = {lang: number for lang, number in by_language.items() if number != first} | {"": first}
    return by_language


if __name__ == "__main__":
    main()
