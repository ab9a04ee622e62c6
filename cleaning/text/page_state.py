"""Reads the story out of the state that a page leaves for its scripts, where it is plain article text: __NEXT_DATA__ and its like."""

from __future__ import annotations

import html
import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from cleaning.text.characters import is_sentence, tidy, word_count
from cleaning.text.extraction import Line

if TYPE_CHECKING:
    from collections.abc import Callable

    from lxml.html import HtmlElement

_SHELL_IDS = frozenset({"app", "root", "__next", "__nuxt", "___gatsby", "svelte", "app-root", "react-root", "main-app", "application", "mount"})  # fmt: skip
_SHELL_TAGS = ("div", "main", "section", "app-root")
_MAX_STATE = 2_000_000  # characters of one script
_MIN_STORY_WORDS = 60
_MIN_LINE_WORDS = 8
_ASSIGNMENT = re.compile(r"\s*+(?:window|self|globalThis)?\.?[\w$.\[\]\"']{1,60}\s*+=\s*+(?=[{\[])")
_BREAK = re.compile(r"<(?:br|/p|/div|/li|/h\d)[^<>]{0,200}>|\n+", re.I)
_TAG = re.compile(r"<[^<>]{1,500}>")


def is_shell(tree: HtmlElement, asks_for_scripts: Callable[[str], bool]) -> bool:
    """Return whether the page is an empty frame that scripts fill, or asks in <noscript> for scripts.

    asks_for_scripts: whether a text does so. Call it before scripts are dropped from the tree."""
    if next(tree.iter("script"), None) is not None and any(
        element.get("id") in _SHELL_IDS and not "".join(element.itertext()).strip()
        for element in tree.iter(*_SHELL_TAGS)
    ):
        return True
    return any(asks_for_scripts("".join(noscript.itertext())) for noscript in tree.iter("noscript"))


def state_lines(tree: HtmlElement) -> list[Line]:
    """Return the lines of the longest text in the page's states; [] where none is as long as a story."""
    best: list[str] = []
    most = _MIN_STORY_WORDS - 1
    for script in tree.iter("script"):
        for texts in _texts_by_place(_state_of(script)).values():
            lines = [line for text in texts for line in _lines_of(text)]
            words = sum(map(word_count, lines))
            if words > most and sum(map(is_sentence, lines)) >= len(lines) / 2:
                best, most = lines, words
    return [Line(line) for line in best]


def _state_of(script: HtmlElement) -> object:
    """Return the JSON of a script that holds nothing but a state; None for another script and for JSON-LD."""
    kind, text = script.get("type") or "", script.text or ""
    if "ld+json" in kind or not 200 < len(text) < _MAX_STATE:
        return None
    if "json" not in kind:
        match = _ASSIGNMENT.match(text)
        if not match:
            return None
        text = text[match.end() :]
    try:
        return json.JSONDecoder(strict=False).raw_decode(text.lstrip())[0]
    except (ValueError, RecursionError):
        return None


def _texts_by_place(state: object) -> dict[tuple[str, ...], list[str]]:
    """Return the texts of prose, in order, by the keys that lead to them: the paragraphs of one list stand together."""
    places: dict[tuple[str, ...], list[str]] = defaultdict(list)
    waiting: list[tuple[object, tuple[str, ...]]] = [(state, ())]
    while waiting:
        value, place = waiting.pop()
        if isinstance(value, dict):
            waiting += [(inner, (*place, str(key))) for key, inner in reversed(value.items())]
        elif isinstance(value, list):
            waiting += [(inner, place) for inner in reversed(value)]
        elif isinstance(value, str) and word_count(value) >= _MIN_LINE_WORDS and len(place) < 60:
            places[place].append(value)
    return places


def _lines_of(text: str) -> list[str]:
    lines = (tidy(html.unescape(_TAG.sub("", line))) for line in _BREAK.split(text))
    return [line for line in lines if line]
