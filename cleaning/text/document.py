"""From bytes to one parsed tree.

1. the charset: BOM, then UTF-8 if the bytes are that, then what the header and the page declare, then a guess
2. one parse with lxml, comments and processing instructions left out
3. deep nesting flattened: trafilatura answers None, without a word, from about 300 levels on
"""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, cast

from lxml import etree
from lxml.html import HtmlElement

from cleaning.records import NoArticle
from cleaning.text.characters import visible

if TYPE_CHECKING:
    from cleaning.records import RawPage

_MAX_BYTES = 5 << 20  # far above any article; a page of 50 MB would hold a worker for a minute
_MAX_DEPTH = 120
_MAX_ELEMENTS = 20_000  # trafilatura's time grows with the square
_IS_DEEP = etree.XPath("boolean(/*" + "/*" * _MAX_DEPTH + "/*)")
_COUNT = etree.XPath("count(//*)")
_ALL_ALIKE = etree.ElementDefaultClassLookup(element=HtmlElement)
_HEAD_BYTES = 4096
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.I)
_MARKUP_TYPE = re.compile(r"html|xml|^text/plain|^$", re.I)
_TAG = re.compile(r"<(?:!doctype|[a-z][a-z0-9]*)[\s>/]", re.I)
_STAIRS = re.compile(r"(?:<[a-zA-Z][^<>]{0,200}>\s{0,20}){150,}")  # opening tags with nothing between them
_FORBIDDEN = bytes([*range(9), 11, 12, *range(14, 32), 127])
_NONCHARACTERS = ("\ufffe".encode(), "\uffff".encode())
_NO_TEXT = ("style", "svg", "template")
_REFERENCE = re.compile(r"&#(?:[xX][0-9a-fA-F]{1,6}|\d{1,7});?")
# by the WHATWG's encoding standard these labels mean the Windows code pages
_WEB_NAMES = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
}


class Document:
    """A page, decoded and parsed when it is first asked for, and once for all who read it. `clean` cuts from the tree: it
    comes last."""

    def __init__(self, page: RawPage) -> None:
        self.page = page

    @cached_property
    def markup(self) -> str:
        kind = self.page.header("content-type") or ""
        return decode(self.page.body[:_MAX_BYTES], _named(kind.encode("utf-8", "replace")))

    @cached_property
    def tree(self) -> HtmlElement:
        """The root, flattened. Raises NoArticle(empty)."""
        tree = parse(self.markup)
        # lxml makes an element's object anew at each visit, unless somebody holds it
        self._alive = list(tree.iter())
        return tree

    def check(self) -> None:
        """Raises NoArticle(not_html | empty)."""
        kind = self.page.header("content-type") or ""
        if not _MARKUP_TYPE.search(kind.partition(";")[0].strip()):
            raise NoArticle("not_html", f"content type {kind[:80]!r}")
        if not self.page.body[:_MAX_BYTES].strip(b"\0 \t\r\n"):
            raise NoArticle("empty", "no bytes")
        if not _TAG.search(self.markup) or self.markup.count("\ufffd") > len(self.markup) // 10:
            raise NoArticle("not_html", "the bytes are no markup")


def decode(body: bytes, declared: str | None = None) -> str:
    """The text of the bytes; declared: the charset of the Content-Type header."""
    for bom, name in _BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(name, "replace")
    stated = [name for name in (declared, _named(body[:_HEAD_BYTES])) if name]
    if b"\x1b$" in body and any(name.startswith("iso2022") for name in stated):
        return body.decode("iso2022_jp", "replace")
    if body[:200].count(0) > 40:
        return body.decode(
            "utf-16-le" if body[1:200:2].count(0) > body[:200:2].count(0) else "utf-16-be", "replace"
        )
    # UTF-8 by accident is next to impossible; a wrong label is everyday
    with suppress(UnicodeDecodeError):
        return body.decode()
    text = body.decode("utf-8", "replace")
    damage = text.count("\ufffd")
    well_formed = len(text) - len(text.encode("ascii", "ignore")) - damage
    # few letters of another charset, which the page names, look like a little damage
    if damage <= len(text) // 2000 + 1 and (well_formed >= damage or set(stated) <= {"utf-8"}):
        return text
    from trafilatura.utils import detect_encoding  # as in extraction.py

    for name in [*stated, *detect_encoding(body[:50_000])]:
        try:
            return body.decode(name)
        except (LookupError, UnicodeError):
            continue
    # a little damage in what calls itself UTF-8 is damage; much of it is another charset
    damaged = "utf-8" in stated and damage < len(text) // 100
    return text if damaged else body.decode("cp1252", "replace")


def parse(markup: str) -> HtmlElement:
    """The root of the tree; raises NoArticle("empty") where there is no element."""
    text = _without_unseen_references(markup)
    try:
        tree = _parsed(text)
        if not any(str(text).strip() for text in tree.itertext()) and _STAIRS.search(text):
            # libxml2 drops what lies deeper than 2048 elements
            tree = _parsed(_STAIRS.sub(" ", text))
    except (etree.ParserError, etree.XMLSyntaxError) as error:
        raise NoArticle("empty", "no element in the page") from error
    etree.strip_elements(tree, *_NO_TEXT, with_tail=False)  # half of the elements of some pages
    _flatten(tree)
    return tree


def _parsed(text: str) -> HtmlElement:
    """Raises ParserError, XMLSyntaxError."""
    parser = etree.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, collect_ids=False, huge_tree=True
    )
    # lxml.html's own lookup asks Python for the class of each element, at each visit; forms and inputs are none to us
    parser.set_element_class_lookup(_ALL_ALIKE)
    tree = cast("HtmlElement | None", etree.fromstring(_utf8(text), parser))
    if tree is None:
        raise etree.ParserError("the document is empty")
    return tree


def _utf8(text: str) -> bytes:
    """Without the characters that XML forbids: with one of them trafilatura answers None for the whole page."""
    data = text.encode("utf-8", "replace").translate(None, _FORBIDDEN)
    for noncharacter in _NONCHARACTERS:
        data = data.replace(noncharacter, b"")
    return data


def _without_unseen_references(markup: str) -> str:
    """&#8203; and the like, which would come back as characters that no reader sees."""
    for reference in set(_REFERENCE.findall(markup)) if "&#" in markup else ():
        if not _is_seen(reference):
            markup = markup.replace(reference, "")
    return markup


@lru_cache(maxsize=4096)
def _is_seen(reference: str) -> bool:
    digits = reference.strip("&#;")
    number = int(digits[1:], 16) if digits[0] in "xX" else int(digits)
    return number > 0x10FFFF or bool(visible(chr(number)))


def _named(text: bytes) -> str | None:
    found = _CHARSET.search(text)
    if not found:
        return None
    try:
        name = codecs.lookup(found[1].decode("ascii", "replace")).name
    except LookupError:
        return None
    return _WEB_NAMES.get(name, name)


def _flatten(tree: HtmlElement) -> None:
    """Elements below _MAX_DEPTH become siblings; text and order stay. What lies beyond _MAX_ELEMENTS is dropped."""
    if not _IS_DEEP(tree) and cast("float", _COUNT(tree)) <= _MAX_ELEMENTS:
        return
    depth: dict[HtmlElement, int] = {}
    deep: list[HtmlElement] = []
    late: list[HtmlElement] = []
    for count, element in enumerate(tree.iter(etree.Element)):
        parent = element.getparent()
        depth[element] = depth[parent] + 1 if parent is not None else 0
        if count > _MAX_ELEMENTS:
            late.append(element)
        elif depth[element] > _MAX_DEPTH and len(element):
            deep.append(element)
    for element in reversed(late):  # leaves first: lxml would walk the rest of a big subtree again and again
        parent = element.getparent()
        if parent is not None:
            parent.remove(element)
    for element in deep:
        element.drop_tag()
