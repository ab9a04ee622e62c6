"""Finds the next and the first page of a paginated article, and checks that a fetched page belongs to it.

A link counts only where both its markup or words and its URL say so. rel=next alone leads to the next article or to
comments as often as to the next page, and a URL alone proves nothing (cleaning.pagination.url_page_numbers.py).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cleaning.metadata import json_ld
from cleaning.metadata.fields import absolute_url
from cleaning.pagination.url_page_numbers import PageReading, page_key, page_readings
from cleaning.records import NoArticle
from cleaning.text.characters import fold
from cleaning.text.document import Document
from cleaning.text.shown_text import shown_text
from cleaning.vocabulary.pager_words import page_number, says_back, says_next_page, says_onward

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lxml.html import HtmlElement

    from cleaning.records import Article, RawPage

# a live blog moves its posts to later pages as it grows: its pages are not fixed and cannot be joined
_LIVE_BLOG = re.compile(
    r"live-?(?:blog|ticker|updates?|text|feed)|[/-](?:live|ao-vivo|en-direct|en-vivo)(?:[/.-]|$)", re.I
)
_PAGER = re.compile(
    r"pagin|pager|page-?(?:link|nav|numb|list|break)|post-?page|multi-?page|seiten|nav-?links", re.I
)
# a link in an element with such a name leads to no page of the article
_ELSEWHERE = re.compile(
    r"comment|kommentar|comentario|disqus|repl(?:y|ies)|forum|related|recommend|teaser|slide|slick|swiper|carousel"
    r"|galler|galerie|archive",
    re.I,
)
_MAX_ANCESTORS = 6  # of a link, whose class names are read


def next_page_url(page: RawPage, document: Document | None = None) -> str | None:
    """Return the URL of the article's next page; None where no link certainly leads to one.

    page.part: the number of this page within its article. document: the page, already parsed, if available; it must
    not have been passed to `clean` yet, which cuts from its tree."""
    tree = None if _LIVE_BLOG.search(page.url) else _tree(document or Document(page))
    if tree is None:
        return None
    number = re.compile(rf"(?<!\d){page.part + 1}(?:\.[a-z]\w{{1,4}})?/?(?:[?&#]|$)", re.I)
    digits = str(page.part + 1)  # tested first because it is cheap: on most pages no link holds the number
    numbered = _links(tree, _base_url(page), lambda href: digits in href and bool(number.search(href)))
    candidates = [
        (url, element, reading) for url, element in numbered if (reading := _read_as_next(url, page))
    ]
    if candidates and any("LiveBlog" in json_ld.type_of(node) for node in json_ld.nodes(tree)):
        return None
    return next((url for url, element, reading in candidates if _leads_to_next(element, reading)), None)


def first_page_url(page: RawPage, document: Document | None = None) -> str | None:
    """Return the URL of an article's first page, if `page` is a later page of it by its URL and its links.

    None if it is a first page or the only one. None also if the page was requested as a later page (page.part_of is
    set), for then its first page is known. document: the parsed page, if the caller has it and has not cleaned it."""
    readings = [r for r in page_readings(page.url) if r.number > 1] if page.part_of is None else []
    tree = _tree(document or Document(page)) if readings else None
    if tree is None:
        return None
    links = [(page_key(url), url, element) for url, element in _links(tree, _base_url(page))]
    return next(
        (
            url
            for reading in readings
            for key, url, element in links
            if key == page_key(reading.base) and _leads_to_first(element, reading)
        ),
        None,
    )


def is_page_of(article: Article, later_page: Article, number: int) -> bool:
    """Return whether `later_page`, as fetched and cleaned, is page `number` of the article.

    article.url is the URL of the first page."""
    first_page_keys = {
        page_key(article.url),
        *(page_key(r.base) for r in page_readings(article.url) if r.number == 1 and not r.weak),
    }
    matching = [
        r for r in page_readings(later_page.url) if r.number == number and page_key(r.base) in first_page_keys
    ]
    if not matching:
        return False  # the site redirected to another page
    canonical_key = page_key(later_page.canonical_url or "")
    if canonical_key in first_page_keys or (
        canonical_key and canonical_key == page_key(article.canonical_url or "")
    ):
        return True
    if canonical_key and canonical_key != page_key(later_page.url):
        return False
    return not all(r.weak for r in matching) or _is_same_story(article, later_page)


def _is_same_story(article: Article, later_page: Article) -> bool:
    """Compare titles and dates: the days of a daily column share the title, but not the date."""
    title, later_title = fold(article.title), fold(later_page.title)
    if not title or not later_title or not (title in later_title or later_title in title):
        return False
    return article.published_at == later_page.published_at or not (
        article.published_at and later_page.published_at
    )


def _read_as_next(url: str, page: RawPage) -> PageReading | None:
    """Return the reading by which `url` is the page after this one, in the same article; None where there is none."""
    first_page_keys = {page_key(page.url)} if page.part == 1 else set()
    first_page_keys |= {
        page_key(r.base)
        for r in page_readings(page.url)
        if r.number == page.part and (page.part > 1 or not r.weak)
    }
    return next(
        (r for r in page_readings(url) if r.number == page.part + 1 and page_key(r.base) in first_page_keys),
        None,
    )


def _base_url(page: RawPage) -> str:
    """Return the URL that links are relative to.

    The requested URL is preferred where both name one page: page.url has lost its slash at the end."""
    requested, url = page.requested_url, page.url
    return requested if page_key(requested) == page_key(url) else url


# ---------------------------------------------------------------- what a link says about itself


def _tree(document: Document) -> HtmlElement | None:
    """Return the parsed page; None where it is no HTML or empty."""
    try:
        document.check()
        return document.tree
    except NoArticle:
        return None


def _links(
    tree: HtmlElement, base: str, is_wanted: Callable[[str], bool] = bool
) -> Iterator[tuple[str, HtmlElement]]:
    """Yield (absolute URL, element) of every <a> and <link> whose href satisfies `is_wanted`."""
    for element in tree.iter("link", "a"):
        href = element.get("href")
        # a fragment such as "#comments" names a place, not a page
        if (
            href
            and is_wanted(href := href.strip())
            and "#" not in href.rstrip("#")
            and (url := absolute_url(base, href))
        ):
            yield url, element


def _leads_to_next(element: HtmlElement, reading: PageReading) -> bool:
    """Return whether a link whose URL reads as the next page also presents itself as a link to it."""
    names, label = _surrounding_names(element), _label(element)
    if _ELSEWHERE.search(names):
        return False
    if page_number(label, allow_more_words=not reading.weak) == reading.number or says_next_page(label):
        return True
    return not reading.weak and ("next" in _rel(element) or says_onward(label) or bool(_PAGER.search(names)))


def _leads_to_first(element: HtmlElement, reading: PageReading) -> bool:
    """Return whether a link whose URL reads as the first page also presents itself as a link to it."""
    if "canonical" in _rel(element):
        return True
    names, label = _surrounding_names(element), _label(element)
    if _ELSEWHERE.search(names):
        return False
    if page_number(label) == 1:
        return True
    is_second = reading.number == 2 and not reading.weak
    return is_second and ("prev" in _rel(element) or (says_back(label) and bool(_PAGER.search(names))))


def _rel(element: HtmlElement) -> list[str]:
    return (element.get("rel") or "").lower().split()


def _surrounding_names(element: HtmlElement) -> str:
    """Return class, id and aria-label of the element and its nearest ancestors, separated by spaces."""
    elements = [
        element,
        *(outer for _, outer in zip(range(_MAX_ANCESTORS), element.iterancestors(), strict=False)),
    ]
    return " ".join(
        outer.get(name) or ""
        for outer in elements
        if outer.tag not in ("body", "html")  # their classes describe the whole page
        for name in ("class", "id", "aria-label")
    )


def _label(element: HtmlElement) -> str:
    """Return the words of a link: its text, else its title, else its aria-label."""
    return shown_text(element) or element.get("title") or element.get("aria-label") or ""
