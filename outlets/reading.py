"""From a file to an outlet; every mistake is told with file, line and key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from cleaning import Rules, check_rules
from cleaning.url import ascii_host
from outlets.form import FORM, NEEDED
from outlets.record import GENERAL_CONCURRENCY, GENERAL_DELAY_S, Limits, Outlet, OutletErrors, Selection

SPIDER_NAMES = ("all", "urls", "warc")  # the spiders of no outlet


def read(path: Path) -> Outlet:
    """The outlet of one file. Raises OutletErrors with everything that is wrong with it."""
    try:
        text = path.read_text("utf-8")
        data = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OutletErrors([f"{path}: {error}"]) from error
    problems = [f"{path}{_line(text, key)}: {key}: {wrong}" for key, wrong in _problems(data)]
    if not re.fullmatch(r"[a-z0-9][a-z0-9_]*", path.stem) or path.stem in SPIDER_NAMES:
        problems.append(
            f"{path}: a file's name is the spider's name: lower-case letters, digits and _, and not {', '.join(SPIDER_NAMES[:-1])} or {SPIDER_NAMES[-1]}"
        )
    if problems:
        raise OutletErrors(problems)
    return _outlet(path.stem, data)


def domains_in(path: Path) -> tuple[str, ...]:
    """The domains that a file with mistakes names, as far as they can be read."""
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return ()
    try:
        named = tomllib.loads(text).get("domains")
    except tomllib.TOMLDecodeError:
        found = re.search(r"^[ \t]*domains[ \t]*=[ \t]*\[([^\]]*)", text, re.M)
        named = re.findall(r"[\w.-]+", found[1]) if found else []
    return tuple(d for d in named if isinstance(d, str)) if isinstance(named, list) else ()


def _problems(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key in NEEDED:
        if not data.get(key):
            yield key, "is missing"
    for key, value in data.items():
        if key in FORM and key:
            if isinstance(value, dict):
                yield from _section_problems(key, value)
            else:
                yield key, f"expected a table: write [{key}]"
        elif check := FORM[""].get(key):
            if wrong := check(value):
                yield key, wrong
        else:
            yield key, _unknown(key, [*FORM[""], *filter(None, FORM)])


def _section_problems(section: str, values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    form, sound = FORM[section], True
    for key, value in values.items():
        wrong = form[key](value) if key in form else _unknown(key, list(form))
        if wrong:
            sound = False
            yield f"{section}.{key}", wrong
    if section == "clutter" and sound:
        for key, wrong in check_rules(_rules(values)):
            yield f"clutter.{key}", wrong
    if section == "fields" and sound:
        yield from check_rules(_rules({}, fields=values))


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
        if head := re.match(r"\s*\[([^\]]+)\]", line):
            inside = head[1].strip() == section
            if head[1].strip() == key:
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
        domains=tuple(map(ascii_host, data["domains"])),
        country=data.get("country"),
        facts=data.get("facts"),
        seen_alive=_day(data.get("seen_alive", "never")),
        feeds=tuple(sources.get("feeds", ())),
        news_sitemaps=tuple(sources.get("news_sitemaps", ())),
        sitemaps=tuple(sources.get("sitemaps", ())),
        sitemaps_allow=_patterns(sources, "sitemaps_allow"),
        sitemaps_deny=_patterns(sources, "sitemaps_deny"),
        newest_last=sources.get("newest_last", False),
        sections=tuple(sources.get("sections", ())),
        dated_sections=tuple(sources.get("dated_sections", ())),
        allow=_patterns(articles, "allow"),
        deny=_patterns(articles, "deny"),
        tracking=tuple(name.lower() for name in articles.get("tracking", ())),
        general=articles.get("general", True),
        delay_s=politeness.get("delay_s", GENERAL_DELAY_S),
        concurrency=politeness.get("concurrency", GENERAL_CONCURRENCY),
        cookies=politeness.get("cookies", False),
        rules=_rules(
            data.get("clutter", {}), data.get("timezone"), data.get("language"), data.get("fields", {})
        ),
        selection=_selection(data.get("select", {})),
        limits=Limits(**data.get("monitors", {})),
    )


def _patterns(section: dict[str, Any], key: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(p) for p in section.get(key, ()))


def _day(value: date | str) -> date | None:
    if isinstance(value, str):
        return None if value == "never" else date.fromisoformat(value)
    return value


def _selection(select: dict[str, Any]) -> Selection:
    languages, sections = (tuple(select.get(k, ())) for k in ("languages", "sections"))
    return Selection(languages, sections, select.get("max_age_days"), select.get("min_words"))


def _rules(
    clutter: dict[str, Any],
    timezone: str | None = None,
    language: str | None = None,
    fields: dict[str, str] | None = None,
) -> Rules:
    cut, keep, lines, ends = (tuple(clutter.get(k, ())) for k in ("cut", "keep", "lines", "ends"))
    return Rules(cut, keep, lines, ends, timezone, language, tuple(sorted((fields or {}).items())))
