"""Articles in parts: which page comes next, and whether a page is a later one.

A page is believed only where its links and their addresses agree: rel=next alone leads to the next article or to
comments as often as to the next page, and an address alone proves nothing (cleaning/pagination/page_urls.py).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cleaning.metadata import json_ld
from cleaning.metadata.fields import absolute
from cleaning.pagination.page_urls import PageReading, page_key, page_readings
from cleaning.records import NoArticle
from cleaning.text.characters import fold
from cleaning.text.document import Document
from cleaning.text.shown_text import shown_text
from cleaning.vocabulary.pager_words import page_number, says_back, says_next_page, says_onward

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lxml.html import HtmlElement

    from cleaning.records import Article, RawPage

# a live blog turns its pages every hour: what is on the second now is on the third tonight
_LIVE = re.compile(
    r"live-?(?:blog|ticker|updates?|text|feed)|[/-](?:live|ao-vivo|en-direct|en-vivo)(?:[/.-]|$)", re.I
)
_PAGER = re.compile(
    r"pagin|pager|page-?(?:link|nav|numb|list|break)|post-?page|multi-?page|seiten|nav-?links", re.I
)
# a link in here leads to no page of the story
_ELSEWHERE = re.compile(
    r"comment|kommentar|comentario|disqus|repl(?:y|ies)|forum|related|recommend|teaser|slide|slick|swiper|carousel"
    r"|galler|galerie|archive",
    re.I,
)
_BOXES = 6  # ancestors of a link that are looked at


def next_page_url(page: RawPage, document: Document | None = None) -> str | None:
    """The address at which the article goes on; None where the page names none that is surely its own.
    page.part says which page of its article this is. document: of the page, where somebody has it; not cleaned yet."""
    tree = None if _LIVE.search(page.url) else _tree(document or Document(page))
    if tree is None:
        return None
    number = re.compile(rf"(?<!\d){page.part + 1}(?:\.[a-z]\w{{1,4}})?/?(?:[?&#]|$)", re.I)
    figure = str(page.part + 1)  # asked first: on nearly every page no link is numbered
    numbered = _links(tree, _base(page), lambda href: figure in href and bool(number.search(href)))
    found = [(url, element, reading) for url, element in numbered if (reading := _as_next(url, page))]
    if found and any("LiveBlog" in json_ld.type_of(node) for node in json_ld.nodes(tree)):
        return None
    return next((url for url, element, reading in found if _leads_on(element, reading)), None)


def first_page_url(page: RawPage, document: Document | None = None) -> str | None:
    """The address of the first page, for a page that says it is a later one of an article; None for any other, and
    for a page that was asked for as a part. document: as above."""
    later = [r for r in page_readings(page.url) if r.number > 1] if page.part_of is None else []
    tree = _tree(document or Document(page)) if later else None
    if tree is None:
        return None
    links = [(page_key(url), url, element) for url, element in _links(tree, _base(page))]
    return next(
        (
            url
            for reading in later
            for name, url, element in links
            if name == page_key(reading.base) and _leads_back(element, reading)
        ),
        None,
    )


def is_page_of(article: Article, part: Article, number: int) -> bool:
    """Whether an answered page is part `number` of the article; article.url is the first page's address."""
    own = {
        page_key(article.url),
        *(page_key(r.base) for r in page_readings(article.url) if r.number == 1 and not r.weak),
    }
    fitting = [r for r in page_readings(part.url) if r.number == number and page_key(r.base) in own]
    if not fitting:
        return False  # the site sent us elsewhere
    named = page_key(part.canonical_url or "")
    if named in own or (named and named == page_key(article.canonical_url or "")):
        return True
    if named and named != page_key(part.url):
        return False
    return not all(r.weak for r in fitting) or _same_story(article, part)


def _same_story(article: Article, part: Article) -> bool:
    """A daily column keeps its title, and its address but for a number: the date tells its days apart."""
    mine, theirs = fold(article.title), fold(part.title)
    if not mine or not theirs or not (mine in theirs or theirs in mine):
        return False
    return article.published_at == part.published_at or not (article.published_at and part.published_at)


def _as_next(url: str, page: RawPage) -> PageReading | None:
    """The reading of an address that makes it the page after this one, in the same article."""
    own = {page_key(page.url)} if page.part == 1 else set()
    own |= {
        page_key(r.base)
        for r in page_readings(page.url)
        if r.number == page.part and (page.part > 1 or not r.weak)
    }
    return next(
        (r for r in page_readings(url) if r.number == page.part + 1 and page_key(r.base) in own), None
    )


def _base(page: RawPage) -> str:
    """What links are relative to: page.url has lost the slash at its end."""
    asked, url = page.requested_url, page.url
    return asked if page_key(asked) == page_key(url) else url


# ---------------------------------------------------------------- what a link says


def _tree(document: Document) -> HtmlElement | None:
    try:
        document.check()
        return document.tree
    except NoArticle:
        return None


def _links(
    tree: HtmlElement, base: str, wanted: Callable[[str], bool] = bool
) -> Iterator[tuple[str, HtmlElement]]:
    for element in tree.iter("link", "a"):
        href = element.get("href")
        # not "#comments" and its like
        if (
            href
            and wanted(href := href.strip())
            and "#" not in href.rstrip("#")
            and (url := absolute(base, href))
        ):
            yield url, element


def _leads_on(element: HtmlElement, reading: PageReading) -> bool:
    boxes, label = _boxes(element), _label(element)
    if _ELSEWHERE.search(boxes):
        return False
    if page_number(label, headed=not reading.weak) == reading.number or says_next_page(label):
        return True
    return not reading.weak and ("next" in _rel(element) or says_onward(label) or bool(_PAGER.search(boxes)))


def _leads_back(element: HtmlElement, reading: PageReading) -> bool:
    if "canonical" in _rel(element):
        return True
    boxes, label = _boxes(element), _label(element)
    if _ELSEWHERE.search(boxes):
        return False
    if page_number(label) == 1:
        return True
    second = reading.number == 2 and not reading.weak
    return second and ("prev" in _rel(element) or (says_back(label) and bool(_PAGER.search(boxes))))


def _rel(element: HtmlElement) -> list[str]:
    return (element.get("rel") or "").lower().split()


def _boxes(element: HtmlElement) -> str:
    """What the element and the boxes around it are called."""
    around = [element, *(outer for _, outer in zip(range(_BOXES), element.iterancestors(), strict=False))]
    return " ".join(
        box.get(name) or ""
        for box in around
        if box.tag not in ("body", "html")  # a body's classes speak of the whole page
        for name in ("class", "id", "aria-label")
    )


def _label(element: HtmlElement) -> str:
    return shown_text(element) or element.get("title") or element.get("aria-label") or ""
