"""Finds the refresh that a page asks of a browser, where a browser would find it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast
from urllib.parse import urljoin

from lxml import etree

from crawler.reading.page_text import PageText

_SEARCHED_CHARACTERS = 2**18
_SEARCHED_BYTES = 4 * _SEARCHED_CHARACTERS  # a character has at most four bytes
# possessive: a run of white space is read once
_REFRESH_ATTRIBUTE = re.compile(rb"http-equiv\s*+=\s*+(?:[\"']\s*+)?refresh")
# inside these a browser sees text, or no part of the document; lxml takes most of them for text by itself
_INERT_TAGS = ("template", "select", "script", "style", "textarea", "title")
# seconds and URL of the content: https://html.spec.whatwg.org/#shared-declarative-refresh-steps
_REFRESH_CONTENT = re.compile(
    r"\s*(?:([0-9]{1,9})|(?=\.))[0-9.]*(?:\s*[;,]\s*|\s+|\Z)(?:url\s*=\s*)?(.*)", re.I | re.S
)


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh that leads to another URL."""

    seconds: int
    url: str  # absolute


def may_refresh(body: bytes) -> bool:
    """Whether a page may ask for a refresh; cheap, and false of most pages."""
    start = body[:_SEARCHED_BYTES].replace(b"\0", b"").lower()  # without zeros UTF-16 is found, too
    return b"http-equiv" in start and bool(_REFRESH_ATTRIBUTE.search(start))


def find_refresh(page: PageText, ignored_tags: tuple[str, ...]) -> Refresh | None:
    """The refresh that a browser would do; None where there is none, or it reloads the page. ignored_tags: elements
    inside which none counts, as noscript to a browser that runs scripts. Raises ValueError for a malformed URL."""
    text = page.text[:_SEARCHED_CHARACTERS].encode("utf-8", "replace").replace(b"\0", b"")
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    tree = cast("etree._Element | None", etree.fromstring(text, parser))
    if tree is None:
        return None
    inert = {*_INERT_TAGS, *(tag.lower() for tag in ignored_tags)}
    base = next(
        (b.get("href", "") for b in tree.iter("base") if b.get("href") and not _is_inside(b, inert)), ""
    )
    for meta in tree.iter("meta"):
        if (meta.get("http-equiv") or "").lower() == "refresh" and not _is_inside(meta, inert):
            content = _REFRESH_CONTENT.match(meta.get("content") or "")
            if content:  # the first that can be read counts, also where it only reloads the page
                url = _unquote(content[2].strip())
                absolute_url = urljoin(urljoin(page.url, base), url)
                return Refresh(int(content[1] or 0), absolute_url) if url else None
    return None


def _unquote(url: str) -> str:
    return url[1:].partition(url[0])[0].strip() if url[:1] in ("'", '"') else url


def _is_inside(element: etree._Element, tags: set[str]) -> bool:
    return any(outer.tag in tags for outer in element.iterancestors())
