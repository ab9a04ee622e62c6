"""Finds the next page of a section: its rel=next link, or a link to the same URL with the next page number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urljoin, urlsplit

from cleaning import canonical, host_of

_PAGE_NUMBER = re.compile(
    r"(?:/(?:page|seite|pagina|pag|strana|oldal|sida|side)[/-]?(\d{1,5})(?=[/?]|$)"
    r"|(?<=[?&])(?:page|paged|pg|p|seite|pagina|pag|pagenum|pageno)=(\d{1,5})(?=&|$))",
    re.I,
)


def next_page(url: str, rel_next: Iterable[str], links: Iterable[str], base: str = "") -> str | None:
    """URL of the section page after this one; None where no link leads to one on the same host.

    url: of this page; rel_next: the hrefs of its rel=next links; links: those of all its links; base: the URL that
    they are relative to, if not url."""
    stem, number = _split_page_number(url)
    for link in _absolute_urls(base or url, rel_next):
        if host_of(link) == host_of(url) and _split_page_number(link) != (stem, number):
            return link
    for link in _absolute_urls(base or url, links):
        if _split_page_number(link) == (stem, number + 1):
            return link
    return None


def _absolute_urls(url: str, links: Iterable[str]) -> Iterable[str]:
    for link in links:
        try:
            absolute_url = urljoin(url, link.strip())
            if urlsplit(absolute_url).scheme in ("http", "https"):
                canonical(absolute_url)
                yield absolute_url
        except ValueError:
            continue


def _split_page_number(url: str) -> tuple[str, int]:
    """The URL without its page number, and the number; 1 where it has none, as most first pages."""
    text = canonical(url)
    found = _PAGE_NUMBER.search(text)
    if not found:
        return _without_empty_query(text), 1
    return _without_empty_query(text[: found.start()] + text[found.end() :]), int(found[1] or found[2])


def _without_empty_query(text: str) -> str:
    return re.sub(r"\?&*$", "", re.sub(r"\?&+", "?", re.sub(r"&&+", "&", text))).rstrip("/&")
