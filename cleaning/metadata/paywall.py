"""Detects paywalls: what the page declares in JSON-LD or its head, and what it shows where the text ends."""

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

    from cleaning.metadata.json_ld import Node
    from cleaning.metadata.meta_tags import MetaTags

# article:content_tier -> closed; "metered" is not listed, because the first visits are free
_CLOSED_BY_TIER = {"locked": True, "free": False}
_TRUE_OR_FALSE = re.compile(r"(?:^|/)(true|false)$", re.I)
_MIN_CLOSED_WORDS = 25  # words in the elements that are declared closed; with fewer, the server left them out
_MAX_STUB_WORDS = 250  # beside a longer text, a wall's words are an advertisement for a subscription
_INCOMPLETE_SHARE = 0.6  # share of the stated word count; a text with less is incomplete
_MAX_SELECTOR = 200  # characters


def declared(article: Node, nodes: list[Node], head: MetaTags) -> bool | None:
    """Return whether the page declares the article closed (not free); None where it declares nothing.

    JSON-LD comes first: isAccessibleForFree of the article and of its sections (hasPart). Then the content tier in the
    page's head. article: the page's own node; {} where there is none. nodes: all, of which the first to declare something
    counts where none describes an article.
    """
    for node in [article] if article else [] if json_ld.articles(nodes) else nodes:
        declarations = [_is_closed(candidate) for candidate in (node, *_has_part_nodes(node))]
        if known_declarations := [closed for closed in declarations if closed is not None]:
            return any(known_declarations)
    return _CLOSED_BY_TIER.get((head.first("article:content_tier") or "").lower())


def _has_part_nodes(node: Node) -> list[Node]:
    """Return the objects under hasPart, 50 at most."""
    has_part = node.get("hasPart")
    candidates = has_part if isinstance(has_part, list) else [has_part]
    return [candidate for candidate in candidates[:50] if isinstance(candidate, dict)]


def _is_closed(node: Node) -> bool | None:
    """Return whether isAccessibleForFree is false; None where the node does not state it."""
    match = _TRUE_OR_FALSE.search(str(node.get("isAccessibleForFree", "")).strip())
    return match[1].lower() == "false" if match else None


def is_paywalled_text_missing(tree: HtmlElement, article: Node) -> bool:
    """Return whether the sections that JSON-LD declares not free are missing from the page, or hold fewer than
    _MIN_CLOSED_WORDS words together. False if none is declared.

    JSON-LD declares them by hasPart with a cssSelector. The tree has to be the whole page, before any cut.
    """
    selector_texts = [
        str(node.get("cssSelector") or "") for node in _has_part_nodes(article) if _is_closed(node) is True
    ]
    selectors = [selector for text in selector_texts if (selector := _compile_selector(text))]
    return (
        bool(selectors)
        and sum(_shown_word_count(selector(tree)) for selector in selectors) < _MIN_CLOSED_WORDS
    )


def _shown_word_count(elements: Any) -> int:
    """Return the number of words that the elements show."""
    return sum(word_count(shown_text(element)) for element in cast("list[HtmlElement]", elements))


@lru_cache(maxsize=256)
def _compile_selector(text: str) -> CSSSelector | None:
    """Return the compiled CSS selector; None where it is empty, too long or invalid."""
    try:
        return CSSSelector(text, translator="html") if 0 < len(text) <= _MAX_SELECTOR else None
    except (SelectorError, ValueError):
        return None


def is_seen(words: int, article: Node, *, closed: bool | None, closed_away: bool, behind: str) -> bool:
    """Return whether the text ends at a paywall.

    words: the words of the text. closed: the result of `declared`. closed_away: the result of `is_paywalled_text_missing`.
    behind: what the page shows right after the text.
    """
    stated_words = _stated_word_count(article)
    is_incomplete = stated_words is not None and words < _INCOMPLETE_SHARE * stated_words
    is_short = words < _MAX_STUB_WORDS
    if closed and ((closed_away and is_short) or is_incomplete):
        return True
    return (is_incomplete or is_short) and wall_words.has_wall_words("paywall", behind)


def _stated_word_count(article: Node) -> int | None:
    """Return the wordCount of JSON-LD; None where it is missing or no number."""
    text = str(article.get("wordCount", "")).strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else None
