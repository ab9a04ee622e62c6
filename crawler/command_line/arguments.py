"""Parses the `-a` arguments that spiders share: the selection of articles, the window of an archive, its order.

The selection takes the place of the outlet file's. Every function raises BadArgument, which names the argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, Literal

from crawler.sources.day_span import DaySpan
from outlets import Selection


class BadArgument(ValueError):
    """The value of a `-a` argument cannot be used; the message names the argument and what was expected."""


def selection_of(outlet: Selection, arguments: Mapping[str, Any]) -> Selection:
    """The outlet's selection, with the values of `-a` arguments in place of its own. Raises BadArgument."""
    values: dict[str, Any] = {
        name: parse(name, arguments[name])
        for name, parse in _PARSERS.items()
        if arguments.get(name) is not None
    }
    return replace(outlet, **values)


def window_of(arguments: Mapping[str, Any]) -> DaySpan | None:
    """The days from -a since to -a until (default: today), both included; None without since, where no archive is to
    be crawled. Raises BadArgument where a day is malformed, since is later than until, or until stands alone."""
    today = datetime.now(UTC).date()
    if arguments.get("since") is None:
        if arguments.get("until") is not None:
            raise BadArgument("until: says where to stop; since is missing, as -a since=2019-01-01")
        return None
    since = _parse_day("since", arguments["since"])
    until = _parse_day("until", arguments["until"]) if arguments.get("until") is not None else today
    if since > until:
        raise BadArgument(f"since: {since} is later than until, {until}")
    return DaySpan(since, min(until, today))


def order_of(arguments: Mapping[str, Any]) -> Literal["oldest", "newest"]:
    """The value of -a order; newest by default. Raises BadArgument where it is another word."""
    value = arguments.get("order", "newest")
    if value not in ("oldest", "newest"):
        raise BadArgument(f"order: {value!r}; expected oldest or newest")
    return "oldest" if value == "oldest" else "newest"


def _parse_day(name: str, value: Any) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise BadArgument(f"{name}: {value!r}; expected a day as 2019-01-31") from None


def _parse_words(name: str, value: Any) -> tuple[str, ...]:
    words = tuple(w.strip().lower() for w in str(value).split(",") if w.strip())
    if not words:
        raise BadArgument(f"{name}: expected words with commas between them, as {_EXAMPLES[name]}")
    return words


def _parse_languages(name: str, value: Any) -> tuple[str, ...]:
    codes = _parse_words(name, value)
    if wrong := next((c for c in codes if len(c) != 2 or not c.isascii() or not c.isalpha()), None):
        raise BadArgument(f"{name}: {wrong!r}; expected ISO 639-1 codes, as {_EXAMPLES[name]}")
    return codes


def _parse_days(name: str, value: Any) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1
    if not 0 < number <= 36500:
        raise BadArgument(f"{name}: {value!r}; expected a number of days, as {_EXAMPLES[name]}")
    return number


def _parse_whole_number(name: str, value: Any) -> int:
    if not str(value).isdecimal() or int(value) < 1:
        raise BadArgument(f"{name}: {value!r}; expected a whole number, as {_EXAMPLES[name]}")
    return int(value)


_PARSERS = {
    "languages": _parse_languages,
    "sections": _parse_words,
    "max_age_days": _parse_days,
    "min_words": _parse_whole_number,
}
SELECTION_ARGUMENTS = tuple(_PARSERS)  # the arguments of `selection_of`
_EXAMPLES = {"languages": "de,en", "sections": "politics,world", "max_age_days": "7", "min_words": "100"}
