"""Finds the authors of an article: in JSON-LD first, then in meta tags, then in the byline that the page shows."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from cleaning.metadata import json_ld
from cleaning.text.characters import fold, tidy, word_count
from cleaning.text.shown_text import elements_after, shown_text

if TYPE_CHECKING:
    from lxml.html import HtmlElement

    from cleaning.metadata.json_ld import Node
    from cleaning.metadata.meta_tags import MetaTags

_META_NAMES = (
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
_BY_PREFIX = re.compile(
    r"^(?:by|von|par|por|di|da|door|av|autor|author|автор|szerző)\b[:\s]+|^(?:written|posted|text) by\s+",
    re.I,
)
# white space is read from its beginning only, here and below: else a long run of it is read from each of its places
_NAME_SEPARATOR = re.compile(
    r"(?:(?<!\s)\s++)?[;|]\s*|(?<!\s)\s++(?:and|und|et|y|e|i|og|och|en|és|та|и|&)\s+", re.I
)
_NAME_COMMA = re.compile(r"(?:(?<!\s)\s++)?,\s*(?!(?:jr|sr|md|phd)\b)", re.I)
_URL_OR_EMAIL = re.compile(r"https?://|www\.|@|\.com\b", re.I)
_HOST_NAME = re.compile(r"\w+\.[a-z]{2,3}$", re.I)
_MIN_ROLE_WORDS = 3  # words in lower case; with this many, the text after a comma is somebody's role
_TRAILING_INITIALS_OR_DATE = re.compile(
    r"(?:(?<!\s)\s++)?\([\w.]{1,5}\)$|(?<!\s)\s++\w+ \d{1,2}, (?:19|20)\d\d$"
)
_MAX_AUTHORS = 20
_MAX_HEADLINES = 3  # <h1> elements that are tried: a logo may be one too
_BLOCKS_AFTER_HEADLINE = 12  # blocks in which a byline is looked for
_NAME_WORD = r"[^\W\d_][\w.’'-]*"
_BYLINE = re.compile(
    rf"(?:[Bb]y|BY|[Vv]on|VON|[Pp]ar|[Pp]or|[Dd]i|[Dd]oor|[Aa]v|[Tt]ext)(?:\s*:)?\s+{_NAME_WORD}(?:\s+{_NAME_WORD}){{1,5}}"
)


def authors_of(tree: HtmlElement, head: MetaTags, article: Node) -> tuple[str, ...]:
    """Return the names of the authors in order, each once; () where none is named.

    The outlet itself is returned only where no person is named, not even in the byline that the page shows.
    """
    site_keys = {
        fold(text) for text in (head.first("og:site_name"), json_ld.text(article.get("publisher"))) if text
    }
    outlet_names: tuple[str, ...] = ()
    for names in (_names_in_json_ld(article), _names_in_head(head)):
        names_by_key = _clean_names(names)
        if names_by_key and set(names_by_key) - site_keys:
            return tuple(names_by_key.values())[:_MAX_AUTHORS]
        outlet_names = outlet_names or tuple(names_by_key.values())
    byline_names = _clean_names(_names_below_headline(tree) if outlet_names else _names_in_byline(tree))
    return (tuple(byline_names.values()) or outlet_names)[:_MAX_AUTHORS]


def _clean_names(names: list[str]) -> dict[str, str]:
    """Return folded name -> name, without "By" and initials. URLs and texts without a letter are dropped."""
    names_by_key: dict[str, str] = {}
    for name in names:
        name = _TRAILING_INITIALS_OR_DATE.sub("", _BY_PREFIX.sub("", tidy(name))).strip(" ,.;|·-")
        if re.search(r"[^\W\d_]", name) and len(name) <= 80 and not _URL_OR_EMAIL.search(name):
            names_by_key.setdefault(fold(name), name)
    people = {key: name for key, name in names_by_key.items() if not _HOST_NAME.match(name)}
    return people or names_by_key


def _names_in_json_ld(article: Node) -> list[str]:
    """Return the authors and creators that JSON-LD names."""
    return [
        name
        for key in ("author", "creator")
        for text in json_ld.texts(article.get(key))
        for name in _split_names(text)
    ]


def _names_in_head(head: MetaTags) -> list[str]:
    """Return the names in the first of _META_NAMES that the page fills."""
    values = next((contents for name in _META_NAMES if (contents := head.all(name))), [])
    return [name for text in values for name in _split_names(text)]


def _names_in_byline(tree: HtmlElement) -> list[str]:
    """Return the names in the first short element whose markup calls it an author or a byline."""
    for element in tree.iter("a", "span", "p", "div", "address"):
        label = (
            f"{element.get('rel') or ''} {element.get('itemprop') or ''} {element.get('class') or ''}".lower()
        )
        if "author" not in label and "by" not in label:  # fast path for nearly all elements
            continue
        if not re.search(r"(?:^|[\s_-])(?:author|byline|by-line)(?:[\s_-]*name)?(?:$|[\s_-])", label):
            continue
        text = shown_text(element)
        if 2 <= word_count(text) <= 8:
            return _split_names(text)
    return _names_below_headline(tree)


def _names_below_headline(tree: HtmlElement) -> list[str]:
    """Return the names in a block such as "By Ann Lee" soon after the headline, whatever its class."""
    headlines = list(islice(tree.iter("h1"), _MAX_HEADLINES))
    nearby_blocks = (
        element
        for headline in headlines
        for element in islice(elements_after(headline, "p", "div", "span", "address"), _BLOCKS_AFTER_HEADLINE)
        if next(element.iterdescendants("p", "li"), None) is None
    )
    return next(
        (_split_names(text) for element in nearby_blocks if _BYLINE.fullmatch(text := shown_text(element))),
        [],
    )


def _split_names(text: str) -> list[str]:
    """Split a text into names: "Ann Lee and Bo Ek, dpa" gives three, "Lee, Ann" stays one."""
    text = _TRAILING_INITIALS_OR_DATE.sub("", text)
    joined_names = _NAME_SEPARATOR.split(text)
    if any(word_count(joined_name) < 2 for joined_name in joined_names):
        joined_names = [text]
    return [
        name
        for joined_name in joined_names
        for name in (
            _NAME_COMMA.split(joined_name)
            if word_count(_NAME_COMMA.split(joined_name)[0]) > 1
            else [joined_name]
        )
        if name and not _is_role(name)
    ]


def _is_role(text: str) -> bool:
    """Return whether the text is a role, such as "professor at the faculty of social studies", and no name.

    The words of a name begin with capitals, but for a "de" or "van".
    """
    return sum(word[0].islower() for word in text.split()) >= _MIN_ROLE_WORDS
