"""Who wrote it: JSON-LD first, then meta tags, then the byline that the page shows."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from cleaning import linked_data
from cleaning.characters import fold, tidy, word_count
from cleaning.measures import shown_text

if TYPE_CHECKING:
    from lxml.html import HtmlElement

    from cleaning.linked_data import Node
    from cleaning.metadata import Head

_META = (
    "author",
    "article:author",
    "parsely-author",
    "sailthru.author",
    "dc.creator",
    "dcterms.creator",
    "byl",
    "article:author_name",
    "cxenseparse:author",
)
_BY = re.compile(
    r"^(?:by|von|par|por|di|da|door|av|autor|author|автор|szerző)\b[:\s]+|^(?:written|posted|text) by\s+",
    re.I,
)
_PAIR = re.compile(r"\s*(?:;|\||\s(?:and|und|et|y|e|i|og|och|en|és|та|и|&)\s)\s*", re.I)
_COMMA = re.compile(r"\s*,\s*(?!(?:jr|sr|md|phd)\b)", re.I)
_ADDRESS = re.compile(r"https?://|www\.|@|\.com\b", re.I)
_INITIALS = re.compile(r"\s*\([\w.]{1,5}\)$|\s+\w+ \d{1,2}, (?:19|20)\d\d$")
_MOST = 20
_NEAR = 6  # blocks after the headline
_NAME = r"[^\W\d_][\w.’'-]*"
_BYLINE = re.compile(
    rf"(?:[Bb]y|BY|[Vv]on|VON|[Pp]ar|[Pp]or|[Dd]i|[Dd]oor|[Aa]v|[Tt]ext)\s*:?\s+{_NAME}(?:\s+{_NAME}){{1,5}}"
)


def authors_of(tree: HtmlElement, head: Head, article: Node) -> tuple[str, ...]:
    """Names in order, each once; the outlet itself only where nobody else is named; () where nobody is."""
    site = {
        fold(text)
        for text in (head.first("og:site_name"), linked_data.text(article.get("publisher")))
        if text
    }
    houses: tuple[str, ...] = ()
    for names in (_linked(article), _meta(head)):
        found = _tidied(names)
        if found and set(found) - site:
            return tuple(found.values())[:_MOST]
        houses = houses or tuple(found.values())
    return (houses or tuple(_tidied(_shown(tree)).values()))[:_MOST]


def _tidied(names: list[str]) -> dict[str, str]:
    """Folded name -> name; without "By", initials, addresses and what holds no letter."""
    found: dict[str, str] = {}
    for name in names:
        name = _INITIALS.sub("", _BY.sub("", tidy(name))).strip(" ,.;|·-")
        if re.search(r"[^\W\d_]", name) and len(name) <= 80 and not _ADDRESS.search(name):
            found.setdefault(fold(name), name)
    return found


def _linked(article: Node) -> list[str]:
    return [
        part
        for key in ("author", "creator")
        for text in linked_data.texts(article.get(key))
        for part in _split(text)
    ]


def _meta(head: Head) -> list[str]:
    values = next((v for name in _META if (v := head.all(name))), [])
    return [part for text in values for part in _split(text)]


def _shown(tree: HtmlElement) -> list[str]:
    for element in tree.iter("a", "span", "p", "div", "address"):
        named = (
            f"{element.get('rel') or ''} {element.get('itemprop') or ''} {element.get('class') or ''}".lower()
        )
        if not re.search(r"(?:^|[\s_-])(?:author|byline|by-line)(?:[\s_-]*name)?(?:$|[\s_-])", named):
            continue
        text = shown_text(element)
        if 2 <= word_count(text) <= 8:
            return _split(text)
    return _written_under_the_headline(tree)


def _written_under_the_headline(tree: HtmlElement) -> list[str]:
    """ "By Ann Lee" in a block of its own, soon after the headline, whatever its class."""
    for headline in tree.iter("h1"):
        for element in islice(headline.itersiblings("p", "div", "span", "address"), _NEAR):
            text = shown_text(element)
            if _BYLINE.fullmatch(text) and not next(element.iterdescendants("p", "li"), None):
                return _split(text)
    return []


def _split(text: str) -> list[str]:
    """ "Ann Lee and Bo Ek, dpa" is three; "Lee, Ann" stays one."""
    text = _INITIALS.sub("", text)
    pairs = _PAIR.split(text)
    if any(word_count(part) < 2 for part in pairs):
        pairs = [text]
    return [
        name
        for part in pairs
        for name in (_COMMA.split(part) if word_count(_COMMA.split(part)[0]) > 1 else [part])
        if name
    ]
