"""Reads a story from the state of a page's application: the JSON that a script would make the page from (__NEXT_DATA__, a
Nuxt payload, window.__INITIAL_STATE__), where it holds the story as plain text or as markup."""

from __future__ import annotations

import json
import re
from typing import Any

from cleaning.text.characters import tidy, word_count

_STATE = re.compile(
    r"<script\b[^<>]{0,300}?(?:application/(?:\w+\+)?json|__NEXT_DATA__|__NUXT_DATA__)[^<>]{0,300}>|(?:window\.|var |self\.)[\w$.]{2,60}\s*=\s*(?=[{\[])",
    re.I,
)
_BODY_KEY = re.compile(r"body|content|text|html|paragraph|article|story|value|children|blocks|elements", re.I)
_LINE_BREAK = re.compile(r"<(?:br|/p|/div|/li|/h\d)[^<>]*>|\n+", re.I)
_TAG = re.compile(r"<[^<>]{1,500}>")
_MIN_STORY_WORDS = 60
_MIN_LINE_WORDS = 5
_MAX_STATES = 20
_MAX_DEPTH = 3  # of objects around a paragraph's text
_MAX_CHARACTERS = 3_000_000
_SENTENCE = re.compile(r"[^\W\d_]{2}[.!?。！？।؟…][\"”»)]?(?:\s|$)")


def lines_of_markup(text: str) -> list[str]:
    """Return the lines of a text with or without markup, without empty ones."""
    return [line for part in _LINE_BREAK.split(text) if (line := tidy(_TAG.sub(" ", part)))]


def story_in_state(markup: str) -> list[str]:
    """Return the lines of the longest story in the state of the page's application; [] where there is none."""
    best: list[str] = []
    for place, match in enumerate(_STATE.finditer(markup, 0, _MAX_CHARACTERS)):
        if place == _MAX_STATES:
            break
        try:
            state = json.JSONDecoder(strict=False).raw_decode(markup[match.end() : _MAX_CHARACTERS].lstrip())[
                0
            ]
        except (ValueError, RecursionError):
            continue
        best = max(best, _longest_story(state), key=_words)
    return best if _words(best) >= _MIN_STORY_WORDS else []


def _longest_story(state: Any) -> list[str]:
    """Return the lines of one text, or of the texts in one list, whichever has the most words."""
    best: list[str] = []
    stack: list[tuple[str, Any]] = [("", state)]
    while stack:
        key, value = stack.pop()
        if isinstance(value, str):
            if len(value) > 300 and _BODY_KEY.search(key):
                best = max(best, _prose(lines_of_markup(value)), key=_words)
        elif isinstance(value, list):
            best = max(
                best, _prose([line for item in value[:1000] for line in _lines_of_block(item)]), key=_words
            )
            stack += [(key, item) for item in reversed(value)]
        elif isinstance(value, dict):
            stack += reversed(value.items())
    return best


def _lines_of_block(block: Any, depth: int = 0) -> list[str]:
    """Return the lines of one paragraph of a list: its text, or the joined texts of its parts."""
    if isinstance(block, str):
        return lines_of_markup(block)
    if not isinstance(block, dict) or depth > _MAX_DEPTH:
        return []
    for key, value in block.items():
        if isinstance(value, str) and _BODY_KEY.search(key) and word_count(value) >= _MIN_LINE_WORDS:
            return lines_of_markup(value)
    for key in ("children", "content", "value", "data", "model", "attributes"):
        parts = block.get(key)
        if isinstance(parts, list):
            texts = [
                str(part.get("text") or part.get("value") or "") if isinstance(part, dict) else str(part)
                for part in parts[:200]
            ]
            return lines_of_markup("".join(texts))
        if isinstance(parts, dict):
            return _lines_of_block(parts, depth + 1)
    return []


def _prose(lines: list[str]) -> list[str]:
    """Return the lines if most of them are sentences: else it is a list of headlines, or no text at all."""
    sentences = sum(bool(_SENTENCE.search(line)) for line in lines)
    return lines if lines and sentences >= 0.5 * len(lines) else []


def _words(lines: list[str]) -> int:
    return sum(word_count(line) for line in lines)
