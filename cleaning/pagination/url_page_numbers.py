"""Guesses from a URL alone which page of which paginated article it may be.

The form of a URL proves nothing: /story-2 is the second page of /story on one site and another story on the next. The
links on the fetched page have to confirm the guess (cleaning/pagination/next_page.py). A weak form, one without a word
for "page", needs a link that says so and the same title.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit, urlunsplit

from cleaning.url import canonical

_PAGE_WORD = (
    r"(?:page|pg|pagina|p%C3%A1gina|seite|strona|sivu|sida|side|oldal|stranica|strana|stranka|lapa|puslapis"
    r"|lehekulg|sayfa|halaman)"
)
_PARAMETER_NAMES = re.compile(
    rf"{_PAGE_WORD}|p|pag|str|page_?(?:no?|num|number|wanted|id)|pageno|seitennummer|part|teil", re.I
)
_NUMBER = r"([1-9]\d?)"
# the last segment is the number: /story/2, /story/2.html, /story/page-2, /story/seite2, /story/p2
_NUMBER_SEGMENT = re.compile(rf"((?:{_PAGE_WORD}|p)[-_]?)?{_NUMBER}(?:\.[a-z]\w{{1,4}})?", re.I)
# the number ends the last segment behind a word: /story-page-2, /story,seite2.html
_PAGE_WORD_AND_NUMBER = re.compile(rf"(.+?)[-_,.~](?:{_PAGE_WORD}|p)[-_]?{_NUMBER}(\.[a-z]\w{{1,4}})?", re.I)
# the number ends the last segment behind a mere sign: /story-2.html, /story,2.html
_SIGN_AND_NUMBER = re.compile(rf"(.+?)[-_,.~]{_NUMBER}(\.[a-z]\w{{1,4}})?", re.I)
_PAGE_SEGMENT = re.compile(_PAGE_WORD, re.I)
_FILE_EXTENSION = re.compile(r"(?:/index)?\.(?:s?html?|php|aspx?|jsp)$", re.I)


@dataclass(frozen=True, slots=True)
class PageReading:
    """One way to read a URL: page `number` of the article at URL `base`. weak: no word such as "page" says so."""

    base: str
    number: int
    weak: bool


@lru_cache(1024)
def page_readings(url: str) -> tuple[PageReading, ...]:
    """Return every way to read the URL as a page of a paginated article.

    Empty where no number stands at the right place, and where `url` is no http or https URL."""
    try:
        split_url = urlsplit(canonical(url))
    except ValueError:
        return ()
    readings = (*_read_query(split_url), *_read_path(split_url))
    return tuple(r for r in readings if urlsplit(r.base)[2:4] != ("/", ""))  # a front page is no article


def page_key(url: str) -> str | None:
    """Return a key that is equal for all spellings of one page's URL; None where `url` is no http or https URL.

    It holds no scheme, "www.", file extension or slash at the end."""
    try:
        split_url = urlsplit(canonical(url))
    except ValueError:
        return None
    path = _FILE_EXTENSION.sub("", split_url.path).rstrip("/")
    return f"{split_url.netloc.removeprefix('www.')}{path}?{split_url.query}"


def _read_query(split_url: SplitResult) -> Iterator[PageReading]:
    """Yield the readings of query parameters: ?page=2."""
    scheme, host, path, query, _ = split_url
    pairs = query.split("&") if query else []
    for index, pair in enumerate(pairs):
        name, _, value = pair.partition("=")
        if re.fullmatch(_NUMBER, value) and _PARAMETER_NAMES.fullmatch(name):
            rest = "&".join(pairs[:index] + pairs[index + 1 :])
            yield PageReading(urlunsplit((scheme, host, path, rest, "")), int(value), weak=False)


def _read_path(split_url: SplitResult) -> Iterator[PageReading]:
    """Yield the reading of the path's last segments: /story/2, /story-page-2, /story-2."""
    scheme, host, path, query, _ = split_url
    before, _, last = path.rpartition("/")

    def make_reading(base: str, number: str, *, weak: bool = False) -> PageReading:
        return PageReading(urlunsplit((scheme, host, base or "/", query, "")), int(number), weak)

    if match := _NUMBER_SEGMENT.fullmatch(last):
        outer, _, word = before.rpartition("/")
        if not match[1] and _PAGE_SEGMENT.fullmatch(word):  # /story/page/2
            yield make_reading(outer, match[2])
        else:
            yield make_reading(before, match[2], weak=not match[1])
    elif match := _PAGE_WORD_AND_NUMBER.fullmatch(last):
        yield make_reading(f"{before}/{match[1]}{match[3] or ''}", match[2])
    elif match := _SIGN_AND_NUMBER.fullmatch(last):
        yield make_reading(f"{before}/{match[1]}{match[3] or ''}", match[2], weak=True)
