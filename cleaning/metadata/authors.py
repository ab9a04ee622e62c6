"""Finds the authors of an article: in JSON-LD first, then in meta tags, then in the byline that the page shows.

The words of bylines are in vocabulary/bylines.toml, the names of agencies in vocabulary/credits.toml.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from cleaning.metadata import json_ld
from cleaning.text.characters import fold, tidy, word_count
from cleaning.text.shown_text import elements_after, shown_text
from cleaning.url import host_of
from cleaning.vocabulary.dates_in_text import first_day_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lxml.html import HtmlElement

    from cleaning.metadata.json_ld import Node
    from cleaning.metadata.meta_tags import MetaTags

FILE = "bylines.toml"
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
# white space is read from its beginning only, here and below: else a long run of it is read from each of its places
_SEPARATOR = re.compile(r"(?:(?<!\s)\s++)?[;|•·／●▪]\s*|(?<!\s)\s++[-–—/]+\s+|、\s*")
_COMMA = re.compile(r"(?:(?<!\s)\s++)?[,，،]\s*(?!(?:jr|sr|md|phd|ph\.d|esq|ii|iii)\b)", re.I)
_NOT_A_NAME = re.compile(r"https?://|www\.|@|\.com\b|\d")
_HOST_NAME = re.compile(r"\w+\.[a-z]{2,3}$", re.I)
_HANDLE = re.compile(r"(?<!\w)@\w.*$", re.S)
_TRAILING_INITIALS = re.compile(r"(?:(?<!\s)\s++)?\([\w. -]{1,30}\)$")
_MIN_ROLE_WORDS = 3  # words in lower case; with this many, the text after a comma is somebody's role
_MAX_AUTHORS = 20
_MAX_NAME_WORDS = 7
_MAX_NAME_CHARS = 80
_MAX_HEADLINES = 3  # <h1> elements that are tried: a logo may be one too
_BLOCKS_AFTER_HEADLINE = 12  # blocks in which a byline is looked for
_MAX_BYLINES = 20  # elements named as one that are tried
_MAX_PARTS = 60  # elements in a byline that are read
_MAX_BYLINE_WORDS = 40  # of an element that is one
_NAME_WORD = r"[^\W\d_][\w.’'-]*"
_BYLINE = re.compile(
    rf"(?:[Bb]y|BY|[Vv]on|VON|[Pp]ar|[Pp]or|[Dd]i|[Dd]oor|[Aa]v|[Tt]ext)(?:\s*:)?\s+{_NAME_WORD}(?:\s+{_NAME_WORD}){{1,5}}(?=$|\s*[,|·•–—-]|\s+\d).*",
    re.S,
)
_BYLINE_LABEL = re.compile(
    r"(?:^|[\s_-])(?:author|authors|byline|by-line|autor|auteur)(?:[\s_-]*(?:name|link|text))?(?:$|[\s_-])"
)
_OTHER_LABEL = re.compile(
    r"comment|bio|avatar|image|photo|social|role|title|position|job|date|time|email|desc|follow|count"
)
_PROFILE = re.compile(
    r"/(?:authors?|autor(?:es|en|i)?|auteurs?|profiles?|people|staff|journalists?|reporters?|by|contributors?|columnists?|team)/[^/]"
)
_ELSEWHERE = frozenset({"aside", "footer", "nav"})
_CASELESS = re.compile(
    r"[\u0590-\u08ff\u0900-\u0fff\u1000-\u109f\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
_CALLED = re.compile(r"(?:記者|记者|기자|さん)$")  # behind a name: reporter, Mr or Ms
_WITHOUT_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


class _Words(NamedTuple):
    before: re.Pattern[str]
    stop: re.Pattern[str]
    role: re.Pattern[str]
    join: re.Pattern[str]
    houses: frozenset[str]
    agencies: frozenset[str]


@cache
def _words() -> _Words:
    """Return the patterns and names of vocabulary/bylines.toml."""
    table = tomllib.loads(files("cleaning").joinpath("vocabulary", FILE).read_text("utf-8"))
    credits_table = tomllib.loads(files("cleaning").joinpath("vocabulary", "credits.toml").read_text("utf-8"))

    def either(key: str) -> str:
        return "|".join(re.escape(word) for word in sorted(table[key], key=len, reverse=True))

    return _Words(
        re.compile(
            rf"^(?:{either('before')})(?:\s*[:：●・=＝/／]\s*|(?<=[一-鿿])\s+|\b\s+|(?-i:(?=[A-ZÀ-Ý])))", re.I
        ),
        re.compile(rf"(?:^|(?<=[^\w]))(?:{either('stops')})(?![\w])", re.I),
        re.compile(rf"(?:^|(?<=[^\w]))(?:{either('roles')})(?!\w)", re.I),
        re.compile(rf"(?<!\s)\s++(?:{either('joins')}|&)\s+", re.I),
        frozenset(fold(name) for name in table["houses"]),
        frozenset(fold(name) for name in credits_table["agencies"]),
    )


def authors_of(tree: HtmlElement, head: MetaTags, article: Node, url: str = "") -> tuple[str, ...]:
    """Return the names of the authors in order, each once; () where none is named.

    The outlet itself or its newsroom is returned only where no person is named, not even in the byline that the page shows.
    """
    publisher, site = json_ld.text(article.get("publisher")), head.first("og:site_name")
    site_keys = frozenset(fold(text) for text in (site, publisher, _host_name(url)) if text)
    outlet_names: list[str] = []
    stated = (json_ld.texts([article.get("author"), article.get("creator")]), _in_head(head))
    for texts in stated:
        names = _unique(name for text in texts for name in _names_in(text))
        if people := [name for name in names if not _is_house(name, site_keys)]:
            return tuple(people)[:_MAX_AUTHORS]
        outlet_names = outlet_names or names
    names = _unique(name for text in _byline_texts(tree) for name in _names_in(text, is_shown=True))
    people = [name for name in names if not _is_house(name, site_keys)]
    return tuple(people or outlet_names or names)[:_MAX_AUTHORS]


def names_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the names in texts that are known to hold authors, each once: "By Ann Lee and Bo Ek" gives two."""
    return tuple(_unique(name for text in texts for name in _names_in(text)))[:_MAX_AUTHORS]


def _host_name(url: str) -> str:
    return host_of(url).rpartition(".")[0].rpartition(".")[2] if url else ""


def _is_house(name: str, site_keys: frozenset[str]) -> bool:
    """Whether a name is the outlet's, its newsroom's, an agency's or an address."""
    key, words = fold(name), _words()
    return (
        key in site_keys
        or key in words.houses
        or key in words.agencies
        or bool(_HOST_NAME.match(name))
        or any(len(site) > 4 and key.startswith(site) for site in site_keys)
        or any(key.endswith(house) and not key.isascii() for house in words.houses)
    )


def _unique(names: Iterable[str]) -> list[str]:
    """Return the names in order, each once, by its first spelling."""
    return list({fold(name): name for name in reversed(list(names))}.values())[::-1]


def _in_head(head: MetaTags) -> list[str]:
    """Return the contents of the first of _META_NAMES that the page fills with names, not with addresses alone."""
    filled = (contents for name in _META_NAMES if (contents := head.all(name)))
    return next((contents for contents in filled if any(_names_in(text) for text in contents)), [])


# ---------------------------------------------------------------- the byline that the page shows


def _byline_texts(tree: HtmlElement) -> list[str]:
    """Return the texts of the byline, each of which holds one name or several; [] where none is shown."""
    tried = 0
    for element in tree.iter(
        "a", "span", "p", "div", "address", "li", "section", "ul", "em", "strong", "cite", "h2", "h3", "h4"
    ):
        label = _label(element)
        if "aut" not in label and "by" not in label:  # fast path for nearly all elements
            continue
        if not _BYLINE_LABEL.search(label) or _is_other_author(element, label):
            continue
        if (tried := tried + 1) > _MAX_BYLINES:
            break
        texts = _names_of_box(_outermost_byline(element))
        if any(_names_in(text, is_shown=True) for text in texts):
            return texts
    return _below_headline(tree)


def _label(element: HtmlElement) -> str:
    return f"{element.get('rel') or ''} {element.get('itemprop') or ''} {element.get('class') or ''}".lower()


def _is_other_author(element: HtmlElement, label: str) -> bool:
    """Whether an element with an author's label belongs to a comment, a biography or a box of other stories."""
    if re.search(r"comment|bio", label):
        return True
    return any(
        above.tag in _ELSEWHERE or "comment" in _label(above) or (above.tag == "a" and above is not element)
        for above in element.iterancestors()
        if above.tag != "body"
    )


def _outermost_byline(element: HtmlElement) -> HtmlElement:
    """Return the outermost short element around a byline's that is a byline's too, or holds nothing else."""
    box = element
    for above in islice(element.iterancestors(), 4):
        is_byline = _BYLINE_LABEL.search(_label(above)) or above.tag == "address"
        if not is_byline or word_count(_spaced_text(above)) > _MAX_BYLINE_WORDS:
            break
        box = above
    return box


def _names_of_box(box: HtmlElement) -> list[str]:
    """Return the texts of the profile links in a byline, else of its innermost elements for names, else its own."""
    links = [a for a in islice(box.iter("a"), _MAX_PARTS) if _is_profile(a)]
    if texts := [text for a in links if (text := _spaced_text(a)) and _names_in(text, is_shown=True)]:
        return texts
    named = [
        element
        for element in islice(box.iter("span", "a", "div", "p", "strong"), _MAX_PARTS)
        if element is not box
        and re.search(r"name|author", _label(element))
        and not _OTHER_LABEL.search(_label(element))
    ]
    outer = {above for element in named for above in element.iterancestors()}
    inner = [element for element in named if element not in outer]
    if texts := [
        text for element in inner if (text := _spaced_text(element)) and _names_in(text, is_shown=True)
    ]:
        return texts
    text = _spaced_text(box)
    return [text] if 0 < word_count(text) <= _MAX_BYLINE_WORDS else []


def _is_profile(link: HtmlElement) -> bool:
    rels = (link.get("rel") or "").lower().split()
    href = (link.get("href") or "").lower()
    return "author" in rels or bool(_PROFILE.search(href) and "twitter.com" not in href)


def _spaced_text(element: HtmlElement) -> str:
    """Return the text of an element with a space between its parts, without those for dates, roles and the like."""
    parts: list[str] = []

    def walk(node: HtmlElement, depth: int) -> None:
        if node.text and isinstance(node.tag, str):
            parts.append(node.text)
        for child in node:
            is_left_out = child.tag in ("time", "button", "script", "style", "svg") or (
                _OTHER_LABEL.search(_label(child)) and not _BYLINE_LABEL.search(_label(child))
            )
            if isinstance(child.tag, str) and not is_left_out and depth < 20:
                walk(child, depth + 1)
            elif is_left_out:
                parts.append("|")
            parts.append(child.tail or "")

    walk(element, 0)
    return tidy(" ".join(parts)).strip(" |,·•")


def _below_headline(tree: HtmlElement) -> list[str]:
    """Return the text of a block such as "By Ann Lee" or of a profile link soon after the headline, whatever its class."""
    headlines = list(islice(tree.iter("h1"), _MAX_HEADLINES))
    for headline in headlines:
        nearby = islice(elements_after(headline, "a", "p", "div", "span"), 3 * _BLOCKS_AFTER_HEADLINE)
        links = [a for a in nearby if a.tag == "a" and _is_profile(a) and not _is_other_author(a, "")]
        if texts := [text for a in links[:5] if _names_in(text := _spaced_text(a), is_shown=True)]:
            return texts
    nearby_blocks = (
        element
        for headline in headlines
        for element in islice(elements_after(headline, "p", "div", "span", "address"), _BLOCKS_AFTER_HEADLINE)
        if next(element.iterdescendants("p", "li"), None) is None
    )
    return next(
        (
            [_spaced_text(element)]
            for element in nearby_blocks
            if _BYLINE.fullmatch(text := shown_text(element)) and word_count(text) <= 16
        ),
        [],
    )


# ---------------------------------------------------------------- names in a text


def _names_in(text: str, *, is_shown: bool = False) -> list[str]:
    """Return the names in a text: "By Ann Lee and Bo Ek, dpa" gives two, "Lee, Ann" stays one.

    is_shown: whether the text is a byline that the page shows, where what looks like no name is none."""
    words = _words()
    names: list[str] = []
    for segment in _SEPARATOR.split(words.before.sub("", tidy(text))):
        segment = words.before.sub("", segment.strip())
        if words.stop.match(segment):
            break  # "Text: Ann Lee | Photo: Bo Ek"
        names += _names_in_segment(segment, is_shown=is_shown)
    return names


def _names_in_segment(segment: str, *, is_shown: bool) -> list[str]:
    words = _words()
    joined = [part for part in words.join.split(_TRAILING_INITIALS.sub("", segment)) if part]
    if any(word_count(part) < 2 and not _WITHOUT_SPACES.search(part) for part in joined):
        joined = [segment]
    names: list[str] = []
    for part in joined:
        pieces = _COMMA.split(part)
        if word_count(pieces[0]) < 2 and not _WITHOUT_SPACES.search(pieces[0]) and len(pieces) > 1:
            names += _one_name(part, is_shown)  # "Lee, Ann"
            continue
        for place, piece in enumerate(pieces):
            if (
                place
                and (word_count(piece) < 2 or words.role.search(piece))
                and not _WITHOUT_SPACES.search(piece)
            ):
                continue  # a place, an agency or a role behind a name
            names += _one_name(piece, is_shown)
    return names


def _one_name(text: str, is_shown: bool) -> list[str]:
    """Return the name that a text begins with; [] where it is none."""
    words = _words()
    text = words.before.sub("", _HANDLE.sub("", text.strip()))
    text = _TRAILING_INITIALS.sub("", _before_date(text))
    stop = words.stop.search(text)
    if stop and (is_shown or stop.start() == 0):
        text = text[: stop.start()]
    text = text.strip(" ,.;:|·•-–—")
    if _CASELESS.search(text):
        text = _CALLED.sub("", text).rstrip()
    is_name = (
        re.search(r"[^\W\d_]", text) is not None
        and len(text) <= _MAX_NAME_CHARS
        and not _NOT_A_NAME.search(text)
        and sum(word[0].islower() for word in text.split()) < _MIN_ROLE_WORDS
    )
    if is_name and is_shown:
        is_name = word_count(text) <= _MAX_NAME_WORDS and (
            bool(_CASELESS.search(text)) or (word_count(text) > 1 and not text.split()[-1][0].islower())
        )
    return [text] if is_name else []


def _before_date(text: str) -> str:
    """Return what stands before a date, or before a weekday or month that begins one."""
    match = re.search(r"\d", text)
    if match is None:
        return text
    before = text[: match.start()].rstrip()
    head, _, last = before.rpartition(" ")
    is_month = first_day_in(f"1 {last} 2024") is not None or first_day_in(text[len(head) :][:40]) is not None
    return head if is_month and last else before
