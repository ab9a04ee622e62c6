"""Who wrote it: JSON-LD first, then meta tags, then the byline that the page shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cleaning import linked_data
from cleaning.characters import fold, tidy, word_count
from cleaning.measures import shown_text

if TYPE_CHECKING:
    from lxml.html import HtmlElement

    from cleaning.linked_data import Node
    from cleaning.metadata import Head

_META = ("author", "article:author", "parsely-author", "sailthru.author", "dc.creator", "dcterms.creator", "byl", "article:author_name", "cxenseparse:author")
_BY = re.compile(r"^(?:by|von|par|por|di|da|door|av|autor|author|автор|szerző)\b[:\s]+|^(?:written|posted|text) by\s+", re.I)
_JOINED = re.compile(r"\s*(?:;|\||\band\b|\bund\b|\bet\b|\by\b|\be\b|\bi\b|&|,(?!\s*(?:jr|sr|md|phd)\b))\s*", re.I)
_ADDRESS = re.compile(r"https?://|www\.|@|\.com\b", re.I)
_MOST = 20


def authors_of(tree: HtmlElement, head: Head, article: Node) -> tuple[str, ...]:
    """Names in order, each once; () where the page names nobody."""
    for names in (_linked(article), _meta(head), _shown(tree)):
        found: dict[str, str] = {}
        for name in names:
            name = _BY.sub("", tidy(name)).strip(" ,.;|·-")
            if fold(name) and len(name) <= 80 and not _ADDRESS.search(name):
                found.setdefault(fold(name), name)
        if found:
            return tuple(found.values())[:_MOST]
    return ()


def _linked(article: Node) -> list[str]:
    return [part for key in ("author", "creator") for text in linked_data.texts(article.get(key)) for part in _split(text)]


def _meta(head: Head) -> list[str]:
    values = next((v for name in _META if (v := head.all(name))), [])
    return [part for text in values for part in _split(text)]


def _shown(tree: HtmlElement) -> list[str]:
    for element in tree.iter("a", "span", "p", "div", "address"):
        named = f"{element.get('rel') or ''} {element.get('itemprop') or ''} {element.get('class') or ''}".lower()
        if not re.search(r"(?:^|[\s_-])(?:author|byline|by-line)(?:[\s_-]*name)?(?:$|[\s_-])", named):
            continue
        text = shown_text(element)
        if 2 <= word_count(text) <= 8:
            return _split(text)
    return []


def _split(text: str) -> list[str]:
    """"Ann Lee and Bo Ek" is two; "Lee, Ann" stays one."""
    parts = [part for part in _JOINED.split(text) if part]
    return parts if all(word_count(part) >= 2 for part in parts) else [text]
