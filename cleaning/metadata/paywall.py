"""Paywalls: what the page declares, and what is seen where the text ends."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from lxml.cssselect import CSSSelector, SelectorError

from cleaning.metadata import json_ld
from cleaning.text.characters import word_count
from cleaning.text.shown_text import shown_text
from cleaning.vocabulary import wall_words

if TYPE_CHECKING:
    from lxml.html import HtmlElement

    from cleaning.metadata.head import Head
    from cleaning.metadata.json_ld import Node

_TIERS = {"locked": True, "free": False}  # article:content_tier; "metered" is free for the first visits
_DECLARED = re.compile(r"(?:^|/)(true|false)$", re.I)
_CLOSED_WORDS = 25  # shown by the parts that are declared closed; fewer, and they are not there
_STUB_WORDS = 250  # a wall's words beside more are an advertisement for a subscription
_MISSING = 0.6  # of the words that the page says it has
_LONGEST_SELECTOR = 200  # characters


def declared(nodes: list[Node], head: Head) -> bool | None:
    """isAccessibleForFree turned round, of the article or of a part of it (hasPart); then the content tier of the
    page's head; None where nothing is declared."""
    for node in json_ld.articles(nodes) or nodes:
        stated = [_is_closed(one) for one in (node, *_closable(node))]
        if known := [closed for closed in stated if closed is not None]:
            return any(known)
    return _TIERS.get((head.first("article:content_tier") or "").lower())


def _closable(node: Node) -> list[Node]:
    parts = node.get("hasPart")
    found = parts if isinstance(parts, list) else [parts]
    return [part for part in found[:50] if isinstance(part, dict)]


def _is_closed(node: Node) -> bool | None:
    found = _DECLARED.search(str(node.get("isAccessibleForFree", "")).strip())
    return found[1].lower() == "false" if found else None


def is_closed_away(tree: HtmlElement, article: Node) -> bool:
    """The parts that JSON-LD declares closed (hasPart with a cssSelector) are not in the page, or are empty. To be
    asked of the whole page."""
    selectors = [
        str(part.get("cssSelector") or "") for part in _closable(article) if _is_closed(part) is True
    ]
    found = [selector for text in selectors if (selector := _selector(text))]
    return bool(found) and sum(_words_in(selector(tree)) for selector in found) < _CLOSED_WORDS


def _words_in(found: Any) -> int:
    return sum(word_count(shown_text(element)) for element in cast("list[HtmlElement]", found))


@lru_cache(maxsize=256)
def _selector(text: str) -> CSSSelector | None:
    try:
        return CSSSelector(text, translator="html") if 0 < len(text) <= _LONGEST_SELECTOR else None
    except (SelectorError, ValueError):
        return None


def is_seen(words: int, article: Node, *, closed: bool | None, closed_away: bool, behind: str) -> bool:
    """The text, of so many words, ends at a wall. closed, closed_away: as above; behind: what the page shows right
    behind the text."""
    told = _told_words(article)
    short = told is not None and words < _MISSING * told
    few = words < _STUB_WORDS
    if closed and ((closed_away and few) or short):
        return True
    return (short or few) and wall_words.says("paywall", behind)


def _told_words(article: Node) -> int | None:
    text = str(article.get("wordCount", "")).strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else None
