"""Who wrote it: JSON-LD first, then meta tags, then the byline that the page shows."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from cleaning.metadata import json_ld
from cleaning.text.characters import fold, tidy, word_count
from cleaning.text.shown_text import following, shown_text

if TYPE_CHECKING:
    from lxml.html import HtmlElement

    from cleaning.metadata.head import Head
    from cleaning.metadata.json_ld import Node

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
_HOST = re.compile(r"\w+\.[a-z]{2,3}$", re.I)
_ROLE_WORDS = 3  # in lower case; as many after a comma tell what somebody does
_INITIALS = re.compile(r"\s*\([\w.]{1,5}\)$|\s+\w+ \d{1,2}, (?:19|20)\d\d$")
_MOST = 20
_HEADLINES = 3  # a logo may be an <h1> too
_NEAR = 12  # blocks after the headline
_NAME = r"[^\W\d_][\w.’'-]*"
_BYLINE = re.compile(
    rf"(?:[Bb]y|BY|[Vv]on|VON|[Pp]ar|[Pp]or|[Dd]i|[Dd]oor|[Aa]v|[Tt]ext)\s*:?\s+{_NAME}(?:\s+{_NAME}){{1,5}}"
)


def authors_of(tree: HtmlElement, head: Head, article: Node) -> tuple[str, ...]:
    """Names in order, each once; the outlet itself only where nobody else is named, not even in the byline that the
    page shows; () where nobody is."""
    site = {
        fold(text) for text in (head.first("og:site_name"), json_ld.text(article.get("publisher"))) if text
    }
    houses: tuple[str, ...] = ()
    for names in (_linked(article), _meta(head)):
        found = _tidied(names)
        if found and set(found) - site:
            return tuple(found.values())[:_MOST]
        houses = houses or tuple(found.values())
    shown = _tidied(_written_under_the_headline(tree) if houses else _shown(tree))
    return (tuple(shown.values()) or houses)[:_MOST]


def _tidied(names: list[str]) -> dict[str, str]:
    """Folded name -> name; without "By", initials, addresses and what holds no letter."""
    found: dict[str, str] = {}
    for name in names:
        name = _INITIALS.sub("", _BY.sub("", tidy(name))).strip(" ,.;|·-")
        if re.search(r"[^\W\d_]", name) and len(name) <= 80 and not _ADDRESS.search(name):
            found.setdefault(fold(name), name)
    people = {key: name for key, name in found.items() if not _HOST.match(name)}
    return people or found


def _linked(article: Node) -> list[str]:
    return [
        part
        for key in ("author", "creator")
        for text in json_ld.texts(article.get(key))
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
        if "author" not in named and "by" not in named:  # nearly all
            continue
        if not re.search(r"(?:^|[\s_-])(?:author|byline|by-line)(?:[\s_-]*name)?(?:$|[\s_-])", named):
            continue
        text = shown_text(element)
        if 2 <= word_count(text) <= 8:
            return _split(text)
    return _written_under_the_headline(tree)


def _written_under_the_headline(tree: HtmlElement) -> list[str]:
    """ "By Ann Lee" in a block of its own, soon after the headline, whatever its class."""
    headlines = list(islice(tree.iter("h1"), _HEADLINES))
    near = (
        element
        for headline in headlines
        for element in islice(following(headline, "p", "div", "span", "address"), _NEAR)
        if next(element.iterdescendants("p", "li"), None) is None
    )
    return next((_split(text) for element in near if _BYLINE.fullmatch(text := shown_text(element))), [])


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
        if name and not _is_role(name)
    ]


def _is_role(text: str) -> bool:
    """ "professor at the faculty of social studies": no name, whose words begin with capitals but for a "de" or "van"."""
    return sum(word[0].islower() for word in text.split()) >= _ROLE_WORDS
