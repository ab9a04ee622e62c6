"""Addresses of an article in parts: which part of which article an address may be, by its spelling alone.

A spelling proves nothing: /story-2 is the second page of /story on one site and another story on the next. What
the page says about its links has to be added (cleaning/pagination/next_page.py), more of it for a weak spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit, urlunsplit

from cleaning.url import canonical

_PAGE = (
    r"(?:page|pg|pagina|p%C3%A1gina|seite|strona|sivu|sida|side|oldal|stranica|strana|stranka|lapa|puslapis"
    r"|lehekulg|sayfa|halaman)"
)
_NAMES = re.compile(
    rf"{_PAGE}|p|pag|str|page_?(?:no?|num|number|wanted|id)|pageno|seitennummer|part|teil", re.I
)
_NUMBER = r"([1-9]\d?)"
# the last segment is the number: /story/2, /story/2.html, /story/page-2, /story/seite2, /story/p2
_SEGMENT = re.compile(rf"((?:{_PAGE}|p)[-_]?)?{_NUMBER}(?:\.[a-z]\w{{1,4}})?", re.I)
# the number ends the last segment behind a word: /story-page-2, /story,seite2.html
_WORDED = re.compile(rf"(.+?)[-_,.~](?:{_PAGE}|p)[-_]?{_NUMBER}(\.[a-z]\w{{1,4}})?", re.I)
# or behind a sign only: /story-2.html, /story,2.html
_BARE = re.compile(rf"(.+?)[-_,.~]{_NUMBER}(\.[a-z]\w{{1,4}})?", re.I)
_PAGE_SEGMENT = re.compile(_PAGE, re.I)
_ENDING = re.compile(r"(?:/index)?\.(?:s?html?|php|aspx?|jsp)$", re.I)


@dataclass(frozen=True, slots=True)
class PageReading:
    """The address may be part `number` of the article at `base`. weak: without a word that says page."""

    base: str
    number: int
    weak: bool


@lru_cache(1024)
def page_readings(url: str) -> tuple[PageReading, ...]:
    """Every way to read an address as a part; none for one without a number at the right place, or no address."""
    try:
        parts = urlsplit(canonical(url))
    except ValueError:
        return ()
    found = (*_of_query(parts), *_of_path(parts))
    return tuple(r for r in found if urlsplit(r.base)[2:4] != ("/", ""))  # a front page is no article


def page_key(url: str) -> str | None:
    """Equal for the spellings of one page: no scheme, www, file ending or slash at the end. None for no address."""
    try:
        parts = urlsplit(canonical(url))
    except ValueError:
        return None
    path = _ENDING.sub("", parts.path).rstrip("/")
    return f"{parts.netloc.removeprefix('www.')}{path}?{parts.query}"


def _of_query(parts: SplitResult) -> Iterator[PageReading]:
    scheme, host, path, query, _ = parts
    named = query.split("&") if query else []
    for place, pair in enumerate(named):
        name, _, value = pair.partition("=")
        if re.fullmatch(_NUMBER, value) and _NAMES.fullmatch(name):
            rest = "&".join(named[:place] + named[place + 1 :])
            yield PageReading(urlunsplit((scheme, host, path, rest, "")), int(value), weak=False)


def _of_path(parts: SplitResult) -> Iterator[PageReading]:
    scheme, host, path, query, _ = parts
    before, _, last = path.rpartition("/")

    def reading(base: str, number: str, *, weak: bool = False) -> PageReading:
        return PageReading(urlunsplit((scheme, host, base or "/", query, "")), int(number), weak)

    if found := _SEGMENT.fullmatch(last):
        outer, _, word = before.rpartition("/")
        if not found[1] and _PAGE_SEGMENT.fullmatch(word):  # /story/page/2
            yield reading(outer, found[2])
        else:
            yield reading(before, found[2], weak=not found[1])
    elif found := _WORDED.fullmatch(last):
        yield reading(f"{before}/{found[1]}{found[3] or ''}", found[2])
    elif found := _BARE.fullmatch(last):
        yield reading(f"{before}/{found[1]}{found[3] or ''}", found[2], weak=True)
