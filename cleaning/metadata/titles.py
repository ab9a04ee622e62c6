"""Finds the headline of a page, spelled as the page shows it: without markup, the site's name, a kicker or a "…"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cleaning.metadata import json_ld
from cleaning.text.characters import fold, tidy, word_count
from cleaning.text.shown_text import shown_text
from cleaning.url import host_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.html import HtmlElement

    from cleaning.metadata.json_ld import Node
    from cleaning.metadata.meta_tags import MetaTags

# what stands between a headline and the site's name; never inside a word
_SITE_SEPARATOR = re.compile(r"(?<!\s)\s++[|–—·•»«›‹⋆★✦:/~-]++\s+|\s?[｜┃]\s?|_(?=[^\W\d_]{2,12}$)")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
_CUT_SHORT = re.compile(r"\s?(?:…|\.\.\.)$")
_KICKER = re.compile(
    r"kicker|overline|eyebrow|dachzeile|topline|rubri|label|category|flag|pretitle|supertitle", re.I
)
_MIN_TITLE_WORDS = 3  # of a headline that is left when a site's name or a kicker goes
_MAX_SITE_WORDS = 4
_MAX_TITLE = 500  # characters of a title that is taken apart
_MIN_CUT_CHARS = 20  # of a headline that is cut short, by which the whole one is known


def title_of(tree: HtmlElement, head: MetaTags, article: Node, url: str) -> str:
    """Return the headline; "" if there is none.

    It is taken from JSON-LD, else from meta tags, else from the page's <h1> or <title>. Where the page shows what they
    state, or the whole of what they cut short, it is spelled as shown."""
    shown = [text for h1 in tree.iter("h1") if (text := _headline_in(h1))]
    page_title = _plain(next((t.text or "" for t in tree.iter("title")), ""))
    sites = _site_keys(head, article, url)
    in_json_ld = [
        _plain(text) for key in ("headline", "name") for text in json_ld.texts(article.get(key))[:1]
    ]
    in_head = [_plain(t) for name in ("og:title", "twitter:title", "title") if (t := head.first(name))]
    whole = [*shown, *in_json_ld, *in_head, page_title]
    if in_json_ld and (headline := _confirmed(in_json_ld, [*shown, page_title], sites)):
        return _whole(headline, whole, sites)
    stated_keys = {fold(text) for text in in_head}
    for text in shown:  # a headline that is both shown and stated is certain
        if fold(text) in stated_keys:
            return _whole(text, whole, sites)
    if in_head:
        return _whole(_without_site(in_head[0], shown, sites), whole, sites)
    title = _without_site(page_title, shown, sites)
    for text in shown:  # "Kicker Headline" where the page's title is "Headline"
        if (
            fold(text) != fold(title)
            and fold(text).endswith(fold(title))
            and word_count(title) >= _MIN_TITLE_WORDS
        ):
            return title
    if len(shown) == 1 or (shown and word_count(shown[0]) > _MIN_TITLE_WORDS):
        return _whole(shown[0], whole, sites)
    return title


def folded_titles(tree: HtmlElement, head: MetaTags, article: Node, title: str) -> frozenset[str]:
    """Return all forms of the headline on the page, folded (`characters.fold`), with and without the site's name.

    A line of text whose folded form is among them repeats the headline."""
    spellings = {title, *head.all("og:title", "twitter:title"), *json_ld.texts(article.get("headline"))}
    headlines = list(tree.iter("h1"))
    own = [
        place
        for place, h1 in enumerate(headlines)
        if fold(title) in (fold(shown_text(h1)), fold(_headline_in(h1)))
    ]
    if own:  # those behind it are subheads, or other stories' headlines
        headlines = headlines[: own[0] + 1]
    spellings |= {text for h1 in headlines for text in (shown_text(h1), _headline_in(h1))}
    spellings |= {tidy(t.text or "") for t in tree.iter("title")}
    spellings |= {
        segment for text in list(spellings) for segment in _SITE_SEPARATOR.split(text) if len(segment) > 20
    }
    return frozenset(key for text in spellings if (key := fold(text)))


def site_names(head: MetaTags, url: str) -> frozenset[str]:
    """Return the folded names of the site: og:site_name and the name in the host of the URL."""
    name = host_of(url).rpartition(".")[0].rpartition(".")[2]
    return frozenset(key for text in (name, head.first("og:site_name") or "") if (key := fold(text)))


def _site_keys(head: MetaTags, article: Node, url: str) -> frozenset[str]:
    publisher = fold(json_ld.text(article.get("publisher")) or "")
    return site_names(head, url) | ({publisher} if publisher else frozenset())


def _plain(text: str) -> str:
    """Return the text without markup."""
    return tidy(_TAG.sub("", text)) if "<" in text else tidy(text)


def _headline_in(h1: HtmlElement) -> str:
    """Return the text of a headline's element without a kicker that stands in an element of its own before it."""
    text = shown_text(h1)
    first = h1[0] if len(h1) and not (h1.text or "").strip() else None
    if first is None or not isinstance(first.tag, str):
        return text
    is_kicker = first.tag == "small" or _KICKER.search(first.get("class") or "")
    rest = text.removeprefix(shown_text(first)).strip(" :–—|-") if is_kicker else ""
    return rest if word_count(rest) >= _MIN_TITLE_WORDS else text


def _confirmed(stated: list[str], shown: list[str], sites: frozenset[str]) -> str | None:
    """Return the stated name that the page shows as its headline; the first where it shows neither."""
    plain = [_without_site(name, shown, sites) for name in stated]
    keys = {fold(text) for text in shown} | {fold(_without_site(text, shown, sites)) for text in shown}
    return next((name for name in plain if fold(name) in keys), plain[0])


def _whole(headline: str, spellings: list[str], sites: frozenset[str]) -> str:
    """Return the whole headline where this one is cut short and the page has the rest."""
    start = fold(_CUT_SHORT.sub("", headline))
    if not _CUT_SHORT.search(headline) or len(start) < _MIN_CUT_CHARS:
        return headline
    longer = [_without_site(text, [], sites) for text in spellings if fold(text).startswith(start)]
    return next((text for text in longer if not _CUT_SHORT.search(text)), headline)


def _without_site(title: str, shown: list[str], sites: frozenset[str]) -> str:
    """Return "Headline | Site" or "Site | Headline" without the site.

    The site is known by its name, or because the page shows the rest as its headline, or as few words behind a bar."""
    if len(title) > _MAX_TITLE:
        return title
    shown_keys = {fold(text) for text in shown if fold(text) != fold(title)}
    parts = list(_splits(title))
    for first, second in parts:
        if fold(first) in shown_keys:
            return first
        if fold(second) in shown_keys:
            return second
    if not parts:
        return title
    before, last = parts[-1]
    first, behind = parts[0]
    if _is_site(last, sites) and before:
        return _without_site(before, shown, sites) if before != title else before
    if _is_site(first, sites) and word_count(behind) >= _MIN_TITLE_WORDS:
        return behind
    if "|" in title and word_count(last) <= _MAX_SITE_WORDS and word_count(before) >= _MAX_SITE_WORDS:
        return title[: title.rindex("|")].rstrip(" |")
    return title


def _splits(title: str) -> Iterator[tuple[str, str]]:
    """Yield (what stands before a separator, what stands behind it), for each separator."""
    for match in _SITE_SEPARATOR.finditer(title):
        if title[: match.start()].strip() and title[match.end() :].strip():
            yield title[: match.start()].strip(), title[match.end() :].strip()


def _is_site(segment: str, sites: frozenset[str]) -> bool:
    """Whether a short segment is a name of the site, or holds one."""
    key = fold(segment)
    if not key or word_count(segment) > _MAX_SITE_WORDS + 2:
        return False
    return any(
        site == key or (len(site) > 3 and site in key) or (len(key) > 3 and key in site) for site in sites
    )
