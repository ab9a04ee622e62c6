"""Which of the articles that a source lists are worth a request: by language, section and age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Literal
from urllib.parse import urlsplit

from crawler.sources.entries import Listed
from crawler.sources.url_dates import Days, of_article
from outlets import Selection

NotWanted = Literal["language", "section", "age"]


class BadArgument(ValueError):
    """What -a gave cannot be used; the message names the argument and what was expected."""


def selection_of(outlet: Selection, arguments: Mapping[str, Any]) -> Selection:
    """The outlet's own selection; what -a names takes its place. Raises BadArgument."""
    given: dict[str, Any] = {
        name: read(name, arguments[name]) for name, read in _READ.items() if arguments.get(name) is not None
    }
    return replace(outlet, **given)


def window_of(arguments: Mapping[str, Any]) -> Days | None:
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
    return Days(since, min(until, today))


def order_of(arguments: Mapping[str, Any]) -> Literal["oldest", "newest"]:
    """Raises BadArgument."""
    given = arguments.get("order", "newest")
    if given not in ("oldest", "newest"):
        raise BadArgument(f"order: {given!r}; expected oldest or newest")
    return "oldest" if given == "oldest" else "newest"


def refuses(selection: Selection, entry: Listed, now: datetime) -> NotWanted | None:
    """Why an entry is not worth a request; None where it is, or where nothing tells."""
    if selection.languages and entry.language and entry.language not in selection.languages:
        return "language"
    if selection.sections and not _in_sections(entry.url, selection.sections):
        return "section"
    if selection.max_age_days is not None and _older(entry, now - timedelta(days=selection.max_age_days)):
        return "age"
    return None


def _in_sections(url: str, sections: tuple[str, ...]) -> bool:
    segments = urlsplit(url.lower()).path.split("/")
    return any(s.lower() in segments for s in sections)


def _older(entry: Listed, limit: datetime) -> bool:
    known = entry.published_at or entry.modified_at  # what was not touched since has not appeared since
    if known:
        return known < limit
    days = of_article(entry.url)
    # a day more: their midnight is not ours
    return days is not None and days.last + timedelta(days=1) < limit.date()


def recent(listed: Sequence[Listed], since: datetime) -> list[Listed]:
    """What something has happened to since, by its date or else the day in its address, or where nothing tells."""
    return [e for e in listed if _recent(e, since)]


def _recent(entry: Listed, since: datetime) -> bool:
    if entry.dated:
        return entry.dated >= since
    days = of_article(entry.url)
    return days is None or days.last + timedelta(days=1) >= since.date()


def within(window: Days, entry: Listed, zone: tzinfo = UTC) -> bool | None:
    """Whether an entry appeared in the window, days of the outlet's zone, by its date or its address; None where
    neither tells."""
    if entry.published_at:
        return entry.published_at.astimezone(zone).date() in window
    if days := of_article(entry.url):
        return days.meets(window)
    if entry.modified_at and entry.modified_at.date() < window.first - timedelta(days=1):
        return False
    return None


# ---------------------------------------------------------------- what -a gives


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
SELECTING = tuple(_READ)  # the arguments of `selection_of`
_EXAMPLES = {"languages": "de,en", "sections": "politics,world", "max_age_days": "7", "min_words": "100"}
