"""Finds whom a page credits as the source of its story: an agency, or the outlet that published the text first.

`credit_of` reads what the page shows: the first and last lines of the story, cut credit lines, rights notices.
`credit_stated` reads meta tags, JSON-LD and the authors. The words are in vocabulary/credits.toml.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from cleaning.metadata import json_ld
from cleaning.text.characters import fold, tidy, word_count
from cleaning.url import host_of
from cleaning.vocabulary import phrases

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cleaning.metadata.json_ld import Node
    from cleaning.metadata.meta_tags import MetaTags
    from cleaning.records import Removed
    from cleaning.text.extraction import Line

FILE = "credits.toml"
_MAX_NAME_WORDS = 8  # of a credited name
_MAX_COPYRIGHT_WORDS = 14  # of a line that names the owner of the copyright
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
# The bare word names nobody: "Copyright Policy" is a link of the footer.
_COPYRIGHT_OWNER = re.compile(
    r"\W*(?:©|\(c\)|copyright\s*(?:©|\(c\)|:|by\b))\s*(?:copyright\b\s*)?(?P<who>[^–—|.,;:]{2,80})", re.I
)
_BETWEEN_NAMES = re.compile(r"[,;/|]| and | und ")
_NAME_END = re.compile(r"[.!?](?:\s|$)|,")
_HEAD_NAMES = (
    "syndication-source",
    "original-source",
    "article:source",
    "news_source",
)
_NOTICE_KINDS = frozenset({"credit", "rights"})  # kinds of cuts that may name a source


@cache
def _vocabulary() -> tuple[tuple[str, ...], re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Return the agencies, and the patterns of a dateline, a signature and an origin."""
    table = tomllib.loads(files("cleaning").joinpath("vocabulary", FILE).read_text("utf-8"))
    names = "|".join(re.escape(name) for name in sorted(table["agencies"], key=len, reverse=True))
    origins = (
        r"\s+".join(map(re.escape, words.split()))
        for words in sorted(table["origins"], key=len, reverse=True)
    )
    return (
        tuple(table["agencies"]),
        # CITY, 3 May (Reuters) -   at the beginning of a first paragraph
        re.compile(rf"^.{{0,80}}?\((?P<agency>(?:{names})(?:/(?:{names}))*)\)\s*[-–—:]"),
        # (dpa)   or   - AFP   at the end of the last paragraph
        re.compile(rf"(?:\((?P<a>{names})\)|[-–—/]\s?(?P<b>{names}))\.?$"),
        re.compile(
            rf"(?<!\w)(?:{'|'.join(origins).replace(chr(39), '[’' + chr(39) + ']')})\s+(?P<who>[^;:\n]{{2,80}})",
            re.I,
        ),
    )


def credit_of(
    lines: Sequence[Line], cuts: Iterable[Removed], rights_notices: str | None, site_keys: frozenset[str]
) -> str | None:
    """Return the agency or outlet that the shown page credits as the source of the story; None where it credits none.

    rights_notices: the rights notices of the page, one a line. site_keys: the folded names of the page's own site.
    """
    story_credit = _credit_in_story(lines) if lines else None
    if story_credit:
        return story_credit
    notice_texts = [removed_cut.text for removed_cut in cuts if removed_cut.kind in _NOTICE_KINDS]
    names = [phrases.after_opening(removed_cut.text) for removed_cut in cuts if removed_cut.kind == "credit"]
    names += [origin for text in notice_texts if (origin := _origin_in(text))]
    names += [_copyright_owner(text) for text in (rights_notices or "").splitlines()]
    return next((credit for name in names if (credit := _valid_credit(name, site_keys))), None)


def credit_stated(
    head: MetaTags, article: Node, authors: Sequence[str], page_url: str, site_keys: frozenset[str]
) -> str | None:
    """Return the source that the head or JSON-LD names, or an agency among the authors; None where there is none.

    site_keys: the folded names of the page's own site.
    """
    for value in [*head.all(*_HEAD_NAMES), *_sources_in_json_ld(article)]:
        name = (
            _other_outlet_host(value, page_url)
            if value.lower().startswith(("http://", "https://"))
            else value
        )
        if credit := _valid_credit(name, site_keys):
            return credit
    agencies = {fold(name) for name in _vocabulary()[0]} - site_keys
    stated = [*authors, *json_ld.texts(article.get("author")), *head.all("author")]
    names = (name.strip() for text in stated for name in _BETWEEN_NAMES.split(text))
    return next((name for name in names if fold(name) in agencies), None)


def _sources_in_json_ld(article: Node) -> Iterator[str]:
    """Yield the names and URLs that JSON-LD gives as the source of the article."""
    for key in ("sourceOrganization", "isBasedOn", "isBasedOnUrl", "creditText"):
        value = article.get(key)
        for source in value[:5] if isinstance(value, list) else [value]:
            yield from json_ld.texts(source)
            if isinstance(source, dict) and not source.get("name"):
                yield from json_ld.texts(source.get("url") or source.get("@id"))


def _other_outlet_host(url: str, page_url: str) -> str | None:
    """Return the host of the URL; None where it is the page's own or the URL is malformed."""
    try:
        host, page_host = host_of(url), host_of(page_url)
    except ValueError:
        return None
    return None if page_host.endswith(host) or host.endswith(page_host) else host


def _credit_in_story(lines: Sequence[Line]) -> str | None:
    """Return the source named in the first two or last three lines: an origin, a dateline or a signature."""
    _, dateline, signature, _ = _vocabulary()
    for line in [*lines[:2], *lines[-3:]]:
        if origin := _origin_in(line.text):
            return origin
    for line in lines[:2]:
        if match := dateline.match(line.text):
            return match["agency"]
    last_signature = signature.search(lines[-1].text)
    return (last_signature["a"] or last_signature["b"]) if last_signature else None


def _origin_in(text: str) -> str | None:
    """Return the name after an origin phrase, up to a comma or the end of the sentence; None without one."""
    match = _vocabulary()[3].search(text)
    name = _NAME_END.split(match["who"])[0] if match else ""
    return name.strip(" \"'“”„»«()[]") or None


def _copyright_owner(text: str) -> str | None:
    """Return the X of a short line "© X – …" without a year; None for any other line."""
    match = _COPYRIGHT_OWNER.match(text)
    return (
        match["who"]
        if match and word_count(text) <= _MAX_COPYRIGHT_WORDS and not _YEAR.search(text)
        else None
    )


def _valid_credit(name: str | None, site_keys: frozenset[str]) -> str | None:
    """Return the tidied name; None where it is empty, too long, begins with # or /, or names the page's own site."""
    credit = tidy(name or "").strip(" ,.:;–—-\"'“”")
    return (
        credit
        if credit
        and credit[0] not in "#/"
        and word_count(credit) <= _MAX_NAME_WORDS
        and fold(credit) not in site_keys
        else None
    )
