"""An outlet's rules, compiled once: CSS selectors, line patterns, phrases that end the story."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from lxml.cssselect import CSSSelector, SelectorError

if TYPE_CHECKING:
    from lxml.html import HtmlElement

    from cleaning.records import Rules


@dataclass(frozen=True, slots=True)
class CompiledRules:
    cuts: tuple[CSSSelector, ...]
    keeps: tuple[CSSSelector, ...]
    lines: tuple[re.Pattern[str], ...]
    ends: tuple[str, ...]

    def cut(self, tree: HtmlElement) -> list[HtmlElement]:
        return _matches(self.cuts, tree)

    def keep(self, tree: HtmlElement) -> list[HtmlElement]:
        return _matches(self.keeps, tree)


def _matches(selectors: tuple[CSSSelector, ...], tree: HtmlElement) -> list[HtmlElement]:
    return [element for selector in selectors for element in cast("list[HtmlElement]", selector(tree))]


@lru_cache(maxsize=1024)
def compile_rules(rules: Rules) -> CompiledRules:
    """Raises ValueError on rules in which check_rules finds a mistake."""
    problems = check_rules(rules)
    if problems:
        raise ValueError("; ".join(f"{key}: {message}" for key, message in problems))
    return CompiledRules(
        cuts=tuple(_selector(text) for text in rules.cut),
        keeps=tuple(_selector(text) for text in rules.keep),
        lines=tuple(re.compile(text, re.I) for text in rules.lines),
        ends=rules.ends,
    )


def check_rules(rules: Rules) -> list[tuple[str, str]]:
    """(key, message) of every mistake: a selector or pattern that does not compile, or matches everything."""
    problems = [("cut", message) for text in rules.cut if (message := _selector_problem(text))]
    problems += [("keep", message) for text in rules.keep if (message := _selector_problem(text))]
    problems += [("lines", message) for text in rules.lines if (message := _pattern_problem(text))]
    problems += [
        ("ends", f"{text!r}: expected at least three letters") for text in rules.ends if len(text.strip()) < 3
    ]
    return problems


def _selector(text: str) -> CSSSelector:
    return CSSSelector(text, translator="html")


def _selector_problem(text: str) -> str | None:
    try:
        _selector(text)
    except (SelectorError, ValueError) as error:
        return f"{text!r} is no CSS selector: {error}"
    return f"{text!r} would match every element" if text.strip() in ("*", "html", "body") else None


def _pattern_problem(text: str) -> str | None:
    try:
        pattern = re.compile(text, re.I)
    except (re.error, OverflowError, RecursionError) as error:
        return f"{text!r} is no regular expression: {error}"
    if pattern.search(""):
        return f"{text!r} would match every line"
    return f"{text!r} {FOR_EVER}" if is_slow_pattern(pattern) else None


def is_slow_pattern(pattern: re.Pattern[str]) -> bool:
    """A repeat inside a repeat, as (a+)+, doubles the time with every letter of a line that does not match. Tried
    out, because the harmless (-\\w+)+ looks the same."""
    start = re.sub(r"\\(.)", r"\1", _LITERAL_START.match(pattern.pattern)[1])  # type: ignore[index]  # matches always
    return any(
        _is_slow(pattern, f"{start}{unit * length}\0") for length in (8, 12, 16, 20, 22) for unit in _UNITS
    )


def _is_slow(pattern: re.Pattern[str], text: str) -> bool:
    """Every time: a collection of garbage may fall into one of them."""
    return all(_seconds(pattern, text) > _TOO_LONG_S for _ in range(3))


def _seconds(pattern: re.Pattern[str], text: str) -> float:
    began = time.thread_time()  # of this thread: a busy machine makes no pattern guilty
    pattern.search(text)
    return time.thread_time() - began


_UNITS = ("a", "a-", "1", "1-", "a/", "a.", "a ", "-", "a_")
_LITERAL_START = re.compile(r"\^?((?:[\w/.-]|\\[/.?_-])*)")
_TOO_LONG_S = 0.03
FOR_EVER = "may take for ever on some lines: a repeat inside a repeat"
