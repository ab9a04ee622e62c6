"""One outlet: the record and the check of the file that it is read from."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cleaning import Rules, canonical, check_rules, host_of, may_take_for_ever

GENERAL_DELAY_S = 1.0  # one request a second and one at a time, unless the outlet says otherwise
GENERAL_CONCURRENCY = 1


@dataclass(frozen=True, slots=True)
class Outlet:
    """What one file of outlets/ says; docs/outlets.md explains every key."""

    key: str  # the file's name without .toml: the spider's name and the outlet column
    name: str
    home: str
    domains: tuple[str, ...]
    country: str | None = None  # ISO 3166-1 alpha-2
    feeds: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    allow: tuple[re.Pattern[str], ...] = ()
    deny: tuple[re.Pattern[str], ...] = ()
    delay_s: float = GENERAL_DELAY_S
    concurrency: int = GENERAL_CONCURRENCY
    rules: Rules = field(default_factory=Rules)

    def owns(self, url: str) -> bool:
        """True for an address on one of the outlet's domains or a subdomain of one."""
        host = host_of(url)
        return any(host == d or host.endswith("." + d) for d in self.domains)

    def wants(self, url: str) -> bool:
        """True for an address that looks like an article of this outlet. The patterns see path and query without
        tracking parameters and fragment; a slash at the end may be there or not."""
        if not self.owns(url):
            return False
        try:
            parts = urlsplit(canonical(url))
        except ValueError:
            return False
        query = f"?{parts.query}" if parts.query else ""
        places = (parts.path + query, parts.path.rstrip("/") + "/" + query)
        if any(p.search(place) for p in self.deny for place in places):
            return False
        return (
            any(p.search(place) for p in self.allow for place in places)
            if self.allow
            else len(parts.path) > 1
        )


class OutletErrors(Exception):
    """problems: one line each, `file:line: key: what is wrong and what was expected`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


# ---------------------------------------------------------------- what a value has to be

Check = Callable[[Any], str | None]  # None, or what was expected


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() else "expected a text that is not empty"


def _address(value: Any) -> str | None:
    if isinstance(value, str) and urlsplit(value).scheme in ("http", "https") and host_of(value):
        named = urlsplit(value).username or urlsplit(value).password
        return "an address with a user name or password is printed in logs and records" if named else None
    return "expected an address that begins with http:// or https://"


def _host(value: Any) -> str | None:
    if (
        isinstance(value, str)
        and re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", value)
        and host_of(f"//{value}") == value
    ):
        return None
    return "expected a domain in lower case, without www and without a path"


def _regex(value: Any) -> str | None:
    if not isinstance(value, str):
        return "expected a regular expression as text"
    try:
        re.compile(value)
    except re.error as error:
        return f"not a regular expression: {error}"
    return (
        "may take for ever on some addresses: a repeat inside a repeat" if may_take_for_ever(value) else None
    )


def _code(value: Any) -> str | None:
    return (
        None
        if isinstance(value, str) and re.fullmatch("[a-z]{2}", value)
        else "expected two lower-case letters"
    )


def _zone(value: Any) -> str | None:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        return 'expected a time zone as "Europe/Budapest"'
    return None


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


_FORM: dict[str, dict[str, Check]] = {
    "": {
        "name": _text,
        "home": _address,
        "country": _code,
        "language": _code,
        "timezone": _zone,
        "domains": _list(_host),
    },
    "sources": {"feeds": _list(_address), "sitemaps": _list(_address), "sections": _list(_address)},
    "articles": {"allow": _list(_regex), "deny": _list(_regex)},
    "politeness": {"delay_s": _number(0, 3600), "concurrency": _whole(1, 64)},
    "clutter": {"cut": _list(_text), "keep": _list(_text), "lines": _list(_regex), "ends": _list(_text)},
}
_NEEDED = ("name", "home", "domains")


# ---------------------------------------------------------------- reading one file


def read(path: Path) -> Outlet:
    """The outlet of one file. Raises OutletErrors with everything that is wrong with it."""
    try:
        text = path.read_text("utf-8")
        data = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OutletErrors([f"{path}: {error}"]) from error
    problems = [f"{path}{_line(text, key)}: {key}: {wrong}" for key, wrong in _problems(data)]
    if not re.fullmatch(r"[a-z0-9][a-z0-9_]*", path.stem) or path.stem in ("urls", "warc"):
        problems.append(
            f"{path}: a file's name is the spider's name: lower-case letters, digits and _, and not urls or warc"
        )
    if problems:
        raise OutletErrors(problems)
    return _outlet(path.stem, data)


def _problems(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key in _NEEDED:
        if not data.get(key):
            yield key, "is missing"
    for key, value in data.items():
        if key in _FORM and key:
            if isinstance(value, dict):
                yield from _section_problems(key, value)
            else:
                yield key, f"expected a table: write [{key}]"
        elif check := _FORM[""].get(key):
            if wrong := check(value):
                yield key, wrong
        else:
            yield key, _unknown(key, [*_FORM[""], *filter(None, _FORM)])


def _section_problems(section: str, values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    form, sound = _FORM[section], True
    for key, value in values.items():
        wrong = form[key](value) if key in form else _unknown(key, list(form))
        if wrong:
            sound = False
            yield f"{section}.{key}", wrong
    if section == "clutter" and sound:
        for key, wrong in check_rules(_rules(values)):
            yield f"clutter.{key}", wrong


def _unknown(key: str, known: list[str]) -> str:
    guess = get_close_matches(key, known, 1)
    return (
        f"unknown key; did you mean {guess[0]!r}?" if guess else f"unknown key; known are {', '.join(known)}"
    )


def _line(text: str, key: str) -> str:
    """`:12` where the key stands in the file; tomllib does not tell."""
    section, _, name = key.rpartition(".")
    inside = not section
    for number, line in enumerate(text.splitlines(), 1):
        if head := re.match(r"\s*\[\s*([^\]]+?)\s*\]", line):
            inside = head[1] == (section or None)
            if head[1] == key:
                return f":{number}"
        elif inside and re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", line):
            return f":{number}"
    return ""


def _outlet(key: str, data: dict[str, Any]) -> Outlet:
    sources, articles, politeness = (data.get(k, {}) for k in ("sources", "articles", "politeness"))
    return Outlet(
        key=key,
        name=data["name"],
        home=data["home"],
        domains=tuple(data["domains"]),
        country=data.get("country"),
        feeds=tuple(sources.get("feeds", ())),
        sitemaps=tuple(sources.get("sitemaps", ())),
        sections=tuple(sources.get("sections", ())),
        allow=tuple(re.compile(p) for p in articles.get("allow", ())),
        deny=tuple(re.compile(p) for p in articles.get("deny", ())),
        delay_s=politeness.get("delay_s", GENERAL_DELAY_S),
        concurrency=politeness.get("concurrency", GENERAL_CONCURRENCY),
        rules=_rules(data.get("clutter", {}), data.get("timezone"), data.get("language")),
    )


def _rules(clutter: dict[str, Any], timezone: str | None = None, language: str | None = None) -> Rules:
    cut, keep, lines, ends = (tuple(clutter.get(k, ())) for k in ("cut", "keep", "lines", "ends"))
    return Rules(cut, keep, lines, ends, timezone, language)
