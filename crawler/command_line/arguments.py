"""What `-a` gives to a spider: a selection of articles, a window of days, an order. Checked before a crawl begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, Literal

from crawler.sources.day_span import DaySpan
from outlets import Selection


class BadArgument(ValueError):
    """What -a gave cannot be used; the message names the argument and what was expected."""


def selection_of(outlet: Selection, arguments: Mapping[str, Any]) -> Selection:
    """The outlet's own selection; what -a names takes its place. Raises BadArgument."""
    given: dict[str, Any] = {
        name: read(name, arguments[name]) for name, read in _READ.items() if arguments.get(name) is not None
    }
    return replace(outlet, **given)


def window_of(arguments: Mapping[str, Any]) -> DaySpan | None:
    """The days that -a since and -a until name, both included; None where no archive is asked for.
    Raises BadArgument."""
    today = datetime.now(UTC).date()
    if arguments.get("since") is None:
        if arguments.get("until") is not None:
            raise BadArgument("until: says where to stop; since is missing, as -a since=2019-01-01")
        return None
    since = _day("since", arguments["since"])
    until = _day("until", arguments["until"]) if arguments.get("until") is not None else today
    if since > until:
        raise BadArgument(f"since: {since} is later than until, {until}")
    return DaySpan(since, min(until, today))


def order_of(arguments: Mapping[str, Any]) -> Literal["oldest", "newest"]:
    """Raises BadArgument."""
    given = arguments.get("order", "newest")
    if given not in ("oldest", "newest"):
        raise BadArgument(f"order: {given!r}; expected oldest or newest")
    return "oldest" if given == "oldest" else "newest"


def _day(name: str, value: Any) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise BadArgument(f"{name}: {value!r}; expected a day as 2019-01-31") from None


def _words(name: str, value: Any) -> tuple[str, ...]:
    words = tuple(w.strip().lower() for w in str(value).split(",") if w.strip())
    if not words:
        raise BadArgument(f"{name}: expected words with commas between them, as {_EXAMPLES[name]}")
    return words


def _languages(name: str, value: Any) -> tuple[str, ...]:
    codes = _words(name, value)
    if wrong := next((c for c in codes if len(c) != 2 or not c.isascii() or not c.isalpha()), None):
        raise BadArgument(f"{name}: {wrong!r}; expected ISO 639-1 codes, as {_EXAMPLES[name]}")
    return codes


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1
    if not 0 < number <= 36500:
        raise BadArgument(f"{name}: {value!r}; expected a number of days, as {_EXAMPLES[name]}")
    return number


def _whole(name: str, value: Any) -> int:
    if not str(value).isdecimal() or int(value) < 1:
        raise BadArgument(f"{name}: {value!r}; expected a whole number, as {_EXAMPLES[name]}")
    return int(value)


_READ = {"languages": _languages, "sections": _words, "max_age_days": _number, "min_words": _whole}
SELECTION_ARGUMENTS = tuple(_READ)  # the arguments of `selection_of`
_EXAMPLES = {"languages": "de,en", "sections": "politics,world", "max_age_days": "7", "min_words": "100"}
