"""Whom a page names as its source: an agency that signs, the outlet that published the text first, or what the head
says. Words in vocabulary/credits.toml."""

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

    from cleaning.metadata.head import Head
    from cleaning.metadata.json_ld import Node
    from cleaning.records import Removed
    from cleaning.text.extraction import Line

FILE = "credits.toml"
_MOST_WORDS = 8  # of a name
_HOUSE_WORDS = 14  # of a line that names the owner of a text
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_COPYRIGHT_OF = re.compile(r"\W*(?:©|\(c\)|copyright)\s*(?P<who>[^–—|.,;:]{2,80})", re.I)
_END = re.compile(r"[.!?](?:\s|$)|,")
_HEAD = (
    "syndication-source",
    "original-source",
    "article:source",
    "news_source",
)
_NOTICES = frozenset({"credit", "rights"})  # kinds of cuts that may name a source


@cache
def _vocabulary() -> tuple[tuple[str, ...], re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """The agencies; a dateline, a signature, an origin."""
    table = tomllib.loads(files("cleaning").joinpath("vocabulary", FILE).read_text("utf-8"))
    names = "|".join(re.escape(name) for name in sorted(table["agencies"], key=len, reverse=True))
    loose = (
        r"\s+".join(map(re.escape, words.split()))
        for words in sorted(table["origins"], key=len, reverse=True)
    )
    return (
        tuple(table["agencies"]),
        # CITY, 3 May (Reuters) -   at the head of a first paragraph
        re.compile(rf"^.{{0,80}}?\((?P<agency>(?:{names})(?:/(?:{names}))*)\)\s*[-–—:]"),
        # (dpa)   or   - AFP   at the end of the last one
        re.compile(rf"(?:\((?P<a>{names})\)|[-–—/]\s?(?P<b>{names}))\.?$"),
        re.compile(
            rf"(?<!\w)(?:{'|'.join(loose).replace(chr(39), '[’' + chr(39) + ']')})\s+(?P<who>[^;:\n]{{2,80}})",
            re.I,
        ),
    )


def credit_of(
    lines: Sequence[Line], cuts: Iterable[Removed], notices: str | None, sites: frozenset[str]
) -> str | None:
    """The agency or outlet that the story is taken from, as the page shows it. notices: its rights, a line each; sites:
    the page's own names, folded."""
    found = _in_story(lines) if lines else None
    if found:
        return found
    shown = [one.text for one in cuts if one.kind in _NOTICES]
    named = [phrases.after_opening(one.text) for one in cuts if one.kind == "credit"]
    named += [origin for text in shown if (origin := _origin(text))]
    named += [_house(text) for text in (notices or "").splitlines()]
    return next((who for name in named if (who := _credited(name, sites))), None)


def credit_stated(
    head: Head, article: Node, authors: Sequence[str], page_url: str, sites: frozenset[str]
) -> str | None:
    """The same, where the page does not show it: in its head, in JSON-LD, or an agency as its author."""
    for value in [*head.all(*_HEAD), *_based_on(article)]:
        name = _host(value, page_url) if value.lower().startswith(("http://", "https://")) else value
        if who := _credited(name, sites):
            return who
    agencies = {fold(name) for name in _vocabulary()[0]}
    return next((name for name in authors if fold(name) in agencies - sites), None)


def _based_on(article: Node) -> Iterator[str]:
    for key in ("sourceOrganization", "isBasedOn", "isBasedOnUrl", "creditText"):
        value = article.get(key)
        for one in value[:5] if isinstance(value, list) else [value]:
            yield from json_ld.texts(one)
            if isinstance(one, dict) and not one.get("name"):
                yield from json_ld.texts(one.get("url") or one.get("@id"))


def _host(url: str, page_url: str) -> str | None:
    """The host of another outlet; None for the page's own."""
    try:
        host, own = host_of(url), host_of(page_url)
    except ValueError:
        return None
    return None if own.endswith(host) or host.endswith(own) else host


def _in_story(lines: Sequence[Line]) -> str | None:
    _, dateline, signed, _ = _vocabulary()
    for line in [*lines[:2], *lines[-3:]]:
        if found := _origin(line.text):
            return found
    for line in lines[:2]:
        if match := dateline.match(line.text):
            return match["agency"]
    last = signed.search(lines[-1].text)
    return (last["a"] or last["b"]) if last else None


def _origin(text: str) -> str | None:
    """Up to the end of the sentence: "The Gazette", and not what follows it."""
    found = _vocabulary()[3].search(text)
    name = _END.split(found["who"])[0] if found else ""
    return name.strip(" \"'“”„»«()[]") or None


def _house(text: str) -> str | None:
    """ "© X – …" in a short line without a year."""
    found = _COPYRIGHT_OF.match(text)
    return found["who"] if found and word_count(text) <= _HOUSE_WORDS and not _YEAR.search(text) else None


def _credited(name: str | None, sites: frozenset[str]) -> str | None:
    who = tidy(name or "").strip(" ,.:;–—-\"'“”")
    return (
        who
        if who and who[0] not in "#/" and word_count(who) <= _MOST_WORDS and fold(who) not in sites
        else None
    )
