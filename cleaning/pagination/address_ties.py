"""Decides whether a requested URL and the page that answered it belong together.

Many URLs of an outlet may be answered by one page that is none of them: a log-in, a maintenance notice, the home page.
The page of an article that has only moved says so in some way.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from cleaning.pagination.alternate_urls import is_alternate_url
from cleaning.text.characters import words_only
from cleaning.url import canonical, page_id

_MIN_WORDS = 2  # of a URL or title: fewer say nothing about a story
_MIN_SHARE = 0.5  # of these words that the other side has, too
_NUMBER = re.compile(r"(?<![0-9])[0-9]{3,}(?![0-9])")
_DATE = re.compile(
    r"(?:19|20)[0-9]{2}(?:(?:0[1-9]|1[0-2])(?:[0-3][0-9])?)?"
)  # a year, month or day is no story's number
_STORY_PARAMETER = re.compile(r"p|nr|no|art|article|story|page|\w*id", re.I)  # may tell which story it is
_FILE_ENDING = re.compile(r"\.[a-z]{2,5}$", re.I)


def is_tied(
    requested_url: str,
    page_url: str,
    canonical_url: str | None = None,
    title: str | None = None,
    listed_title: str | None = None,
) -> bool:
    """Return whether something says that the page is what was requested.

    That is: the same URL but for its spelling, a rel=canonical that names the requested URL, the number of a story in
    both URLs, or words of the requested URL, or of the title that its source gave, in the page's URL or title.
    canonical_url, title: of the page. listed_title: from the source. Raises ValueError where a URL is not http or
    https."""
    requested, page = canonical(requested_url), canonical(without_return_address(page_url, requested_url))
    if is_version(requested, page) or (canonical_url and _names(canonical_url, requested)):
        return True
    if _story_numbers(requested) & _story_numbers(page):
        return True
    if f"{urlsplit(requested).path}/".startswith(f"{urlsplit(page).path.rstrip('/')}/"):
        page = ""  # a page above the requested one, as its section, shares words with it for that alone
    page_words = _path_words(page) | _words(title or "")
    return _is_shared(_path_words(requested), page_words) or fits_title(title, listed_title)


def is_version(url: str, other: str) -> bool:
    """Return whether two URLs differ only in their spelling: they are an AMP, print or mobile version of one another, or
    have the same path, on whatever hosts, and no parameter that may name a story differs."""
    one, two = urlsplit(canonical(url)), urlsplit(canonical(other))
    if page_id(url) == page_id(other) or is_alternate_url(urlunsplit(one), urlunsplit(two)):
        return True
    paths = {_FILE_ENDING.sub("", unquote(each.path).rstrip("/")).casefold() for each in (one, two)}
    differing = {*parse_qsl(one.query)} ^ {*parse_qsl(two.query)}
    return len(paths) == 1 and paths != {""} and not any(_STORY_PARAMETER.fullmatch(n) for n, _ in differing)


def fits_title(title: str | None, listed_title: str | None) -> bool:
    """Return whether the title of a page is the one that its source gave, going by their words."""
    own, listed = _words(title or ""), _words(listed_title or "")
    # both ways: titles in a feed may end with the name of the site, which a notice has in its title, too
    return _is_shared(listed, own) and _is_shared(own, listed)


def fits_address(url: str, title: str | None) -> bool:
    """Return whether words of a URL are in the title of its page."""
    return _is_shared(_path_words(canonical(url)), _words(title or ""))


def is_home_page(url: str) -> bool:
    """Return whether a URL is the front of its host: it has neither path nor query."""
    split_url = urlsplit(canonical(url))
    return split_url.path in ("", "/") and not split_url.query


def without_return_address(page_url: str, requested_url: str) -> str:
    """Return the URL of a page without the parameters that name the requested URL, such as `?next=/news/1`."""
    split_url, requested = urlsplit(page_url), urlsplit(requested_url)
    if len(requested.path) < 2:
        return page_url
    parameters = parse_qsl(split_url.query, keep_blank_values=True)
    kept = [(name, value) for name, value in parameters if unquote(requested.path) not in unquote(value)]
    return page_url if kept == parameters else urlunsplit(split_url._replace(query=urlencode(kept)))


def _names(canonical_url: str, requested: str) -> bool:
    try:
        return page_id(canonical_url) == page_id(requested)
    except ValueError:
        return False


def _story_numbers(url: str) -> set[str]:
    """The numbers in the last segment of the path, and in parameters that may name a story; no dates."""
    split_url = urlsplit(url)
    values = [value for name, value in parse_qsl(split_url.query) if _STORY_PARAMETER.fullmatch(name)]
    texts = [split_url.path.rstrip("/").rpartition("/")[2], *values]
    return {number for text in texts for number in _NUMBER.findall(text) if not _DATE.fullmatch(number)}


def _path_words(url: str) -> set[str]:
    """The words of the path's last two segments: the others name sections."""
    segments = _FILE_ENDING.sub("", unquote(urlsplit(url).path)).rstrip("/").rsplit("/", 2)[-2:]
    return _words(" ".join(segments))


def _words(text: str) -> set[str]:
    return {word for word in words_only(text).split() if len(word) > 2 and not word.isdecimal()}


def _is_shared(words: set[str], others: set[str]) -> bool:
    if len(words) < _MIN_WORDS:
        return False
    common = words & others
    return len(common) >= _MIN_WORDS and len(common) >= _MIN_SHARE * len(words)
