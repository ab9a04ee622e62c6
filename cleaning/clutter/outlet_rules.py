"""Checks and compiles an outlet's cleaning rules: CSS selectors, line patterns, phrases that end the story, and where the
fields of a page stand."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from lxml.cssselect import CSSSelector, SelectorError

from cleaning.records import FIELD_NAMES
from cleaning.text.characters import tidy
from cleaning.text.shown_text import shown_text

if TYPE_CHECKING:
    from lxml.html import HtmlElement

    from cleaning.records import Rules


@dataclass(frozen=True, slots=True)
class CompiledRules:
    """The rules of one outlet, ready to be applied."""

    cut_selectors: tuple[CSSSelector, ...]
    keep_selectors: tuple[CSSSelector, ...]
    line_patterns: tuple[re.Pattern[str], ...]
    ending_phrases: tuple[str, ...]
    field_selectors: tuple[tuple[str, CSSSelector, str | None], ...] = ()  # field, selector, attribute

    def fields_of(self, tree: HtmlElement) -> dict[str, list[str]]:
        """Return field -> the texts that its selector finds, in order; [] where it finds none."""
        found: dict[str, list[str]] = {}
        for name, selector, attribute in self.field_selectors:
            elements = cast("list[HtmlElement]", selector(tree))
            texts = [
                tidy(element.get(attribute) or "") if attribute else shown_text(element)
                for element in elements
            ]
            found[name] = [text for text in texts if text]
        return found

    def elements_to_cut(self, tree: HtmlElement) -> list[HtmlElement]:
        """Return the elements that the `cut` selectors match."""
        return _select(self.cut_selectors, tree)

    def elements_to_keep(self, tree: HtmlElement) -> list[HtmlElement]:
        """Return the elements that the `keep` selectors match."""
        return _select(self.keep_selectors, tree)


def _select(selectors: tuple[CSSSelector, ...], tree: HtmlElement) -> list[HtmlElement]:
    return [element for selector in selectors for element in cast("list[HtmlElement]", selector(tree))]


@lru_cache(maxsize=1024)
def compile_rules(rules: Rules) -> CompiledRules:
    """Return the compiled rules, from a cache. Raises ValueError where check_rules finds a mistake."""
    problems = check_rules(rules)
    if problems:
        raise ValueError("; ".join(f"{key}: {message}" for key, message in problems))
    return CompiledRules(
        cut_selectors=tuple(_selector(text) for text in rules.cut),
        keep_selectors=tuple(_selector(text) for text in rules.keep),
        line_patterns=tuple(re.compile(text, re.I) for text in rules.lines),
        ending_phrases=rules.ends,
        field_selectors=tuple((name, *_field_selector(text)) for name, text in rules.fields),
    )


def check_rules(rules: Rules) -> list[tuple[str, str]]:
    """Return (key, message) of every mistake.

    A mistake is a selector or pattern that does not compile or matches everything, a pattern that may take very long
    (`is_slow_pattern`), or an ending phrase of less than three characters."""
    problems = [("cut", message) for text in rules.cut if (message := _selector_problem(text))]
    problems += [("keep", message) for text in rules.keep if (message := _selector_problem(text))]
    problems += [("lines", message) for text in rules.lines if (message := _pattern_problem(text))]
    problems += [
        ("ends", f"{text!r}: expected at least three letters") for text in rules.ends if len(text.strip()) < 3
    ]
    problems += [
        (f"fields.{name}", message) for name, text in rules.fields if (message := _field_problem(name, text))
    ]
    return problems


def _field_selector(text: str) -> tuple[CSSSelector, str | None]:
    """Return the selector and the attribute of "meta[name=x]::attr(content)"; None for the text of the element."""
    match = _ATTRIBUTE.search(text)
    return _selector(text[: match.start()] if match else text), match[1] if match else None


def _field_problem(name: str, text: str) -> str | None:
    """Return what is wrong with the place of a field; None where nothing is."""
    if name not in FIELD_NAMES:
        return f"unknown field; known are {', '.join(FIELD_NAMES)}"
    match = _ATTRIBUTE.search(text)
    return _selector_problem(text[: match.start()] if match else text)


def _selector(text: str) -> CSSSelector:
    return CSSSelector(text, translator="html")


def _selector_problem(text: str) -> str | None:
    """Return what is wrong with a CSS selector; None where nothing is."""
    try:
        _selector(text)
    except (SelectorError, ValueError) as error:
        return f"{text!r} is no CSS selector: {error}"
    return f"{text!r} would match every element" if text.strip() in ("*", "html", "body") else None


def _pattern_problem(text: str) -> str | None:
    """Return what is wrong with a line pattern; None where nothing is."""
    try:
        pattern = re.compile(text, re.I)
    except (re.error, OverflowError, RecursionError) as error:
        return f"{text!r} is no regular expression: {error}"
    if pattern.search(""):
        return f"{text!r} would match every line"
    return f"{text!r} {SLOW_PATTERN_MESSAGE}" if is_slow_pattern(pattern) else None


def is_slow_pattern(pattern: re.Pattern[str]) -> bool:
    """Return whether matching time grows exponentially with the length of some line (catastrophic backtracking).

    A repeat inside a repeat, as (a+)+, doubles the time with every letter of a line that does not match. The pattern
    is run on test lines, because the harmless (-\\w+)+ looks the same."""
    start = re.sub(r"\\(.)", r"\1", _LITERAL_START.match(pattern.pattern)[1])  # type: ignore[index]  # matches always
    return any(
        _is_slow_on(pattern, f"{start}{text * length}\0")
        for length in (8, 12, 16, 20, 22)
        for text in _REPEATED_TEXTS
    )


def _is_slow_on(pattern: re.Pattern[str], text: str) -> bool:
    """Return whether three searches out of three are slow: a garbage collection may fall into one of them."""
    return all(_search_seconds(pattern, text) > _SLOW_SEARCH_S for _ in range(3))


def _search_seconds(pattern: re.Pattern[str], text: str) -> float:
    """Return the CPU seconds of one search."""
    started = time.thread_time()  # CPU time of this thread: on a busy machine no pattern shall look slow
    pattern.search(text)
    return time.thread_time() - started


_ATTRIBUTE = re.compile(r"::attr\(([\w:-]{1,60})\)$")
_REPEATED_TEXTS = ("a", "a-", "1", "1-", "a/", "a.", "a ", "-", "a_")
_LITERAL_START = re.compile(r"\^?((?:[\w/.-]|\\[/.?_-])*)")
_SLOW_SEARCH_S = 0.03
SLOW_PATTERN_MESSAGE = "may take for ever on some lines: a repeat inside a repeat"
