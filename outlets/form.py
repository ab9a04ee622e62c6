"""The form of an outlet file: which keys there are, and what a value has to be."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cleaning import FIELD_NAMES, host_of, is_slow_pattern
from cleaning.url import ascii_host
from outlets.record import on_day

Check = Callable[[Any], str | None]  # None, or what was expected


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() else "expected a text that is not empty"


def _address(value: Any) -> str | None:
    if isinstance(value, str) and value.startswith(("http://", "https://")) and host_of(value):
        named = urlsplit(value).username or urlsplit(value).password
        return "an address with a user name or password is printed in logs and records" if named else None
    return "expected an address that begins with http:// or https://"


def _dated(value: Any) -> str | None:
    if not isinstance(value, str) or "{yyyy}" not in value:
        return "expected an address with {yyyy}, and {mm} or {m}, {dd} or {d} where it has them"
    try:
        return _address(on_day(value, date(2001, 2, 3)))
    except ValueError as error:
        return str(error)


def _host(value: Any) -> str | None:
    if (
        isinstance(value, str)
        and re.fullmatch(r"[\w-]+(\.[\w-]+)*", value)
        and "_" not in value
        and value == value.lower()
        and host_of(f"//{value}") == ascii_host(value)
        and ascii_host(value).isascii()
    ):
        return None
    return "expected a domain in lower case, in Unicode or punycode, without www and without a path"


def _regex(value: Any) -> str | None:
    if not isinstance(value, str):
        return "expected a regular expression as text"
    return _pattern(value)


@cache  # families of outlets share their patterns, and trying one out takes longer than reading its file
def _pattern(value: str) -> str | None:
    try:
        pattern = re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        return f"not a regular expression: {error}"
    return (
        "may take for ever on some addresses: a repeat inside a repeat" if is_slow_pattern(pattern) else None
    )


def _code(value: Any) -> str | None:
    return (
        None
        if isinstance(value, str) and re.fullmatch("[a-z]{2}", value)
        else "expected two lower-case letters"
    )


def _zone(value: Any) -> str | None:
    return _known_zone(value) if isinstance(value, str) else _known_zone("")


@cache
def _known_zone(name: str) -> str | None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        return 'expected a time zone as "Europe/Budapest"'
    return None


def _day(value: Any) -> str | None:
    if value == "never" or (isinstance(value, date) and not isinstance(value, datetime)):
        return None
    try:
        date.fromisoformat(value)
    except (ValueError, TypeError):
        return 'expected a day as 2026-11-22, or "never"'
    return None


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "expected true or false"


def _segment(value: Any) -> str | None:
    fits = isinstance(value, str) and re.fullmatch(r"[^\s/?#]+", value)
    return None if fits else "expected one segment of a path, without a slash"


def _parameter(value: Any) -> str | None:
    fits = isinstance(value, str) and re.fullmatch(r"[^\s?#&=%*]+", value)
    return None if fits else "expected the name of a query parameter, without ?, &, = and *"


def _number(low: float, high: float) -> Check:
    def check(value: Any) -> str | None:
        fits = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
        return None if fits else f"expected a number from {low:g} to {high:g}"

    return check


def _whole(low: int, high: int) -> Check:
    def check(value: Any) -> str | None:
        fits = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return None if fits else f"expected a whole number from {low} to {high}"

    return check


def _list(item: Check) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, list):
            return "expected a list"
        return next((f"{v!r}: {wrong}" for v in value if (wrong := item(v))), None)

    return check


FORM: dict[str, dict[str, Check]] = {
    "": {
        "name": _text,
        "home": _address,
        "country": _code,
        "language": _code,
        "timezone": _zone,
        "domains": _list(_host),
        "facts": _text,
        "seen_alive": _day,
    },
    "sources": {
        "feeds": _list(_address),
        "news_sitemaps": _list(_address),
        "sitemaps": _list(_address),
        "sitemaps_allow": _list(_regex),
        "sitemaps_deny": _list(_regex),
        "newest_last": _flag,
        "sections": _list(_address),
        "dated_sections": _list(_dated),
    },
    "articles": {
        "allow": _list(_regex),
        "deny": _list(_regex),
        "tracking": _list(_parameter),
        "general": _flag,
    },
    "select": {
        "languages": _list(_code),
        "sections": _list(_segment),
        "max_age_days": _number(0.04, 36500),  # an hour to a century
        "min_words": _whole(1, 100_000),
    },
    "politeness": {"delay_s": _number(0, 3600), "concurrency": _whole(1, 64), "cookies": _flag},
    "monitors": {
        "min_pages": _whole(1, 100_000),
        "articles": _number(0, 1),
        "fields": _number(0, 1),
        "rejects": _number(0, 1),
        "clutter": _number(0, 1),
        "copies": _number(0, 1),
        "dead_sources": _number(0, 1),
        "silence_h": _number(1, 876_000),  # a century
    },
    "clutter": {"cut": _list(_text), "keep": _list(_text), "lines": _list(_regex), "ends": _list(_text)},
    "fields": dict.fromkeys(FIELD_NAMES, _text),
}
NEEDED = ("name", "home", "domains")
