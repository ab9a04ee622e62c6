"""Decodes the bytes of a page and parses them into one lxml tree.

1. Find the charset: `charsets.decode`.
2. Parse once with lxml. Comments and processing instructions are dropped.
3. Flatten deep nesting. From about 300 levels on, trafilatura returns None without an error.
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple, cast

from lxml import etree
from lxml.html import HtmlElement

from cleaning.records import NoArticle
from cleaning.text.as_shown import make_as_shown
from cleaning.text.characters import without_invisible
from cleaning.text.charsets import charset_in, decode
from cleaning.text.mojibake import repair_double_utf8

if TYPE_CHECKING:
    from cleaning.records import RawPage

_MAX_BYTES = 5 << 20  # far more than any article; a page of 50 MB would block a worker for a minute
_MAX_DEPTH = 120
_MAX_ELEMENTS = 20_000  # trafilatura's time grows with the square of this number
_MIN_MENU_LINKS = 100  # of a list that may be dropped from a page of too many elements
_IS_DEEP = etree.XPath("boolean(/*" + "/*" * _MAX_DEPTH + "/*)")
_COUNT_ELEMENTS = etree.XPath("count(//*)")
_HTML_ELEMENT_LOOKUP = etree.ElementDefaultClassLookup(element=HtmlElement)
_MARKUP_CONTENT_TYPE = re.compile(r"html|xml|^text/plain|^$", re.I)
_TAG = re.compile(r"<(?:!doctype|[a-z][a-z0-9]*)[\s>/]", re.I)
# 150 or more opening tags with no text between them
_OPENING_TAG_RUN = re.compile(r"(?:<[a-zA-Z][^<>]{0,200}>\s{0,20}){150,}")
# libxml2's time grows with the square of the attributes of one element: 16,000 take half a second
_ATTRIBUTE = r"""[\s/]*+[^\s/<>][^\s/<>=]*+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s<>]*+))?+"""
_ATTRIBUTE_FLOOD = re.compile(rf"(<[a-zA-Z][^\s/<>]*+(?:{_ATTRIBUTE}){{2000}})(?:{_ATTRIBUTE})++")
_XML_FORBIDDEN = bytes([*range(9), 11, 12, *range(14, 32), 127])
_NONCHARACTERS = ("\ufffe".encode(), "\uffff".encode())
_DROPPED_TAGS = ("style", "svg", "template")
_CHARACTER_REFERENCE = re.compile(r"&#(?:[xX][0-9a-fA-F]{1,6}|\d{1,7});?")


class Document:
    """A page that is decoded and parsed on first access, and only once.

    `clean` removes elements from the tree, so every other reader has to come before it.
    """

    def __init__(self, page: RawPage) -> None:
        self.page = page
        self.repaired_characters = 0  # that were encoded twice in UTF-8; known once the page is decoded

    @cached_property
    def markup(self) -> str:
        """The decoded body, cut at 5 MiB."""
        content_type = self.page.header("content-type") or ""
        text = decode(self.page.body[:_MAX_BYTES], charset_in(content_type.encode("utf-8", "replace")))
        text, self.repaired_characters = repair_double_utf8(text)
        return text

    @cached_property
    def tree(self) -> HtmlElement:
        """The root element of the flattened tree. Raises NoArticle("empty") where the page holds no element."""
        tree, self._lacks_elements, self.hidden_texts = parse(self.markup)
        # lxml creates a new Python object at each visit of an element, unless a reference keeps one alive
        self._element_references = list(tree.iter())
        return tree

    @cached_property
    def is_cut(self) -> bool:
        """Whether the tree lacks a part of the page: bytes beyond _MAX_BYTES, or elements beyond _MAX_ELEMENTS."""
        return len(self.page.body) > _MAX_BYTES or (self.tree is not None and self._lacks_elements)

    def check(self) -> None:
        """Raises NoArticle("not_html") where type or bytes are not markup, NoArticle("empty") without any bytes."""
        content_type = self.page.header("content-type") or ""
        if not _MARKUP_CONTENT_TYPE.search(content_type.partition(";")[0].strip()):
            raise NoArticle("not_html", f"content type {content_type[:80]!r}")
        if not self.page.body[:_MAX_BYTES].strip(b"\0 \t\r\n"):
            raise NoArticle("empty", "no bytes")
        if not _TAG.search(self.markup) or self.markup.count("\ufffd") > len(self.markup) // 10:
            raise NoArticle("not_html", "the bytes are no markup")


class Parsed(NamedTuple):
    """A parsed page: the root of the flattened tree, whether it lacks elements, because there were too many, and the texts
    that the page hides and the tree lacks therefore."""

    tree: HtmlElement
    lacks_elements: bool
    hidden_texts: list[str]


def parse(markup: str) -> Parsed:
    """Return the page as a reader sees it. Raises NoArticle("empty") where the markup holds no element."""
    text = _ATTRIBUTE_FLOOD.sub(r"\1", _without_invisible_references(markup))
    try:
        tree = _parse_once(text)
        if not any(str(text).strip() for text in tree.itertext()) and _OPENING_TAG_RUN.search(text):
            # libxml2 drops everything below 2048 levels of nesting
            tree = _parse_once(_OPENING_TAG_RUN.sub(" ", text))
    except (etree.ParserError, etree.XMLSyntaxError) as error:
        raise NoArticle("empty", "no element in the page") from error
    hidden_texts = make_as_shown(tree)
    etree.strip_elements(tree, *_DROPPED_TAGS, with_tail=False)  # on some pages half of all elements
    return Parsed(tree, _flatten(tree), hidden_texts)


def _parse_once(text: str) -> HtmlElement:
    """Return the root element as libxml2 parses it. Raises ParserError or XMLSyntaxError where there is none."""
    parser = etree.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, collect_ids=False, huge_tree=True
    )
    # lxml.html's own lookup calls Python for the class of each element, at each visit. Its classes for forms and
    # inputs are not needed here.
    parser.set_element_class_lookup(_HTML_ELEMENT_LOOKUP)
    tree = cast("HtmlElement | None", etree.fromstring(_utf8(text), parser))
    if tree is None:
        raise etree.ParserError("the document is empty")
    return tree


def _utf8(text: str) -> bytes:
    """Encode without the characters that XML forbids: with one of them, trafilatura returns None for the page."""
    data = text.encode("utf-8", "replace").translate(None, _XML_FORBIDDEN)
    for noncharacter in _NONCHARACTERS:
        data = data.replace(noncharacter, b"")
    return data


def _without_invisible_references(markup: str) -> str:
    """Remove character references such as &#8203;, which the parser would turn into invisible characters. References to
    128 to 159 mean characters of windows-1252, as in browsers."""
    for reference in set(_CHARACTER_REFERENCE.findall(markup)) if "&#" in markup else ():
        number = _number_of(reference)
        if 128 <= number <= 159:
            markup = markup.replace(reference, bytes([number]).decode("cp1252", "ignore"))
        elif not _is_visible(number):
            markup = markup.replace(reference, "")
    return markup


def _number_of(reference: str) -> int:
    digits = reference.strip("&#;")
    return int(digits[1:], 16) if digits[0] in "xX" else int(digits)


@lru_cache(maxsize=4096)
def _is_visible(number: int) -> bool:
    """Return whether the code point is a character that readers see."""
    return number > 0x10FFFF or bool(without_invisible(chr(number)))


def _flatten(tree: HtmlElement) -> bool:
    """Unwrap elements nested deeper than _MAX_DEPTH, keeping text and order, and drop those beyond _MAX_ELEMENTS.
    Return whether any was dropped."""
    if not _IS_DEEP(tree) and cast("float", _COUNT_ELEMENTS(tree)) <= _MAX_ELEMENTS:
        return False
    _drop_long_menus(tree)
    depth: dict[HtmlElement, int] = {}
    too_deep: list[HtmlElement] = []
    beyond_limit: list[HtmlElement] = []
    for count, element in enumerate(tree.iter(etree.Element)):
        parent = element.getparent()
        depth[element] = depth[parent] + 1 if parent is not None else 0
        if count > _MAX_ELEMENTS:
            beyond_limit.append(element)
        elif depth[element] > _MAX_DEPTH and len(element):
            too_deep.append(element)
    # from the leaves up: else lxml would walk the rest of a big subtree again and again
    for element in reversed(beyond_limit):
        parent = element.getparent()
        if parent is not None:
            parent.remove(element)
    for element in too_deep:
        element.drop_tag()
    return bool(beyond_limit)


def _drop_long_menus(tree: HtmlElement) -> None:
    """Drop lists of hundreds of links without a paragraph from a page of too many elements: the story may stand behind."""
    if cast("float", _COUNT_ELEMENTS(tree)) <= _MAX_ELEMENTS:
        return
    for box in list(tree.iter("nav", "ul", "ol", "select", "table", "div")):
        if box.getparent() is None or next(box.iter("p", "h1"), None) is not None:
            continue
        links = sum(1 for _ in box.iter("a", "option"))
        if links >= _MIN_MENU_LINKS and 5 * links >= sum(1 for _ in box.iter(etree.Element)):
            box.drop_tree()
