"""Reads descriptions, section, tags, canonical URL and dates of a page.

Each function tries its places in order: as a rule JSON-LD, then meta tags, then what the page shows.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from cleaning.metadata import dates, json_ld
from cleaning.metadata.titles import folded_titles
from cleaning.text.characters import fold, tidy
from cleaning.text.shown_text import elements_after, shown_text
from cleaning.vocabulary.dates_in_text import first_day_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from lxml.html import HtmlElement

    from cleaning.metadata.json_ld import Node
    from cleaning.metadata.meta_tags import MetaTags

# fmt: off
_PUBLISHED_NAMES = (
    "article:published_time", "article:published", "og:published_time", "datepublished", "published_time", "publishdate", "pubdate",
    "publish_date", "publish-date", "published-date", "publication_date", "parsely-pub-date", "sailthru.date", "cxenseparse:recs:publishtime",
    "article.published", "dc.date.issued", "dcterms.created", "dc.date", "dcterms.date", "dc.date.created", "article_date_original", "rnews:datepublished",
    "og:article:published_time", "originalpublicationdate", "date", "article:post_date", "vr:published_time", "ptime", "timestamp", "published",
)  # fmt: skip
_MODIFIED_NAMES = ("article:modified_time", "og:updated_time", "datemodified", "article:modified", "last-modified", "lastmod", "dcterms.modified", "dc.date.modified", "revised", "utime", "updated", "dateupdated", "last-modified-date")  # fmt: skip
_ELEMENTS_AFTER_HEADLINE = 80  # elements in which a date is looked for
_ELEMENTS_BEFORE_HEADLINE = 12  # likewise
_OTHER_STORIES = frozenset(
    {"a", "nav", "aside", "footer"}
)  # elements whose dates are another story's or the site's
_UPDATED = re.compile(
    r"updat|uppdat|opdat|oppdat|modif|aktuali[sz]|actuali[sz]|atualiza|mis[e]? à jour|aggiorna|bijgewerkt|zaktualiz|edited|revised"
    r"|оновлен|обновл|frissít|güncelle|更新|수정|업데이트|تحديث|עודכן",
    re.I,
)
_DATE_CLASS = re.compile(r"publi|date|time|posted", re.I)


def descriptions(head: MetaTags, article: Node) -> list[str]:
    """Return the descriptions of the article from JSON-LD, then from the head."""
    in_json_ld = [
        *json_ld.texts(article.get("description")),
        *json_ld.texts(article.get("alternativeHeadline")),
    ]
    return [
        *in_json_ld,
        *head.all("og:description", "description", "twitter:description", "dc.description", "abstract"),
    ]


# ---------------------------------------------------------------- section, tags, URLs


def section_of(head: MetaTags, article: Node) -> str | None:
    """Return the section; None where the page names none."""
    section = json_ld.text(article.get("articleSection")) or head.first(
        "article:section", "section", "og:section", "parsely-section"
    )
    return tidy(section) or None if section else None


def tags_of(head: MetaTags, article: Node) -> tuple[str, ...]:
    """Return the tags in order, each once and 50 at most."""
    tag_lists = [
        *json_ld.texts(article.get("keywords")),
        *head.all("article:tag", "news_keywords", "keywords", "parsely-tags"),
    ]
    tags: dict[str, str] = {}
    for text in tag_lists:
        for tag in re.split(r"[,;|]", text):
            if (key := fold(tag)) and len(tag) <= 100:
                tags.setdefault(key, tidy(tag))
    return tuple(list(tags.values())[:50])


def canonical_url(tree: HtmlElement, head: MetaTags, url: str) -> str | None:
    """Return the URL of rel=canonical, else of og:url, made absolute; None where the page names none."""
    for link in tree.iter("link"):
        if "canonical" in (link.get("rel") or "").lower().split() and (
            canonical := absolute_url(url, link.get("href"))
        ):
            return canonical
    return absolute_url(url, head.first("og:url"))


def absolute_url(base: str, link: str | None) -> str | None:
    """Return the absolute http(s) URL that a link resolves to; None for anything else."""
    try:
        absolute_link = urljoin(base, tidy(link or "")) if link else ""
    except ValueError:
        return None
    return absolute_link if absolute_link.lower().startswith(("http://", "https://")) else None


# ---------------------------------------------------------------- dates


def published(
    tree: HtmlElement,
    head: MetaTags,
    article: Node,
    page: tuple[str, datetime, str | None],
    in_place: Sequence[str] = (),
) -> dates.Moment:
    """Return the date of publication. page: url, fetched_at, IANA time zone of dates that state no zone. in_place: the texts
    where the outlet's file says that it stands, which come first."""
    url, fetched_at, zone = page
    language = tree.get("lang")

    def candidates() -> Iterator[tuple[str, str]]:
        yield from (("outlet", text) for text in in_place)
        for key in ("datePublished", "dateCreated", "uploadDate"):
            yield from (("json-ld", text) for text in json_ld.texts(article.get(key)))
        yield from (("meta", text) for text in head.all(*_PUBLISHED_NAMES))
        shown = _dates_shown(tree, folded_titles(tree, head, article, ""))
        yield from (("time", text) for text in shown.in_markup)
        if day := dates.day_of_url(url):
            yield "url", day
        yield from (("text", text) for text in shown.below_headline)

    return dates.first_credible(candidates(), zone=zone, fetched_at=fetched_at, language=language)


def modified(
    head: MetaTags,
    article: Node,
    page: tuple[str, datetime, str | None],
    in_place: Sequence[str] = (),
    language: str | None = None,
) -> dates.Moment:
    """Return the date of the last change. page, in_place: as for `published`. language: of the page, as its markup states it."""
    _, fetched_at, zone = page
    candidates = [("outlet", text) for text in in_place]
    candidates += [("json-ld", text) for text in json_ld.texts(article.get("dateModified"))]
    candidates += [("meta", text) for text in head.all(*_MODIFIED_NAMES)]
    return dates.first_credible(candidates, zone=zone, fetched_at=fetched_at, language=language)


@dataclass(slots=True)
class _Shown:
    """The dates that a page shows: in elements for dates, the best first, and in any text soon after the headline."""

    in_markup: list[str]
    below_headline: list[str]


def _dates_shown(tree: HtmlElement, title_keys: frozenset[str]) -> _Shown:
    """Return the dates of publication that the page shows. title_keys: as `folded_titles`."""
    headline = next((h for h in tree.iter("h1", "h2", "h3") if fold(shown_text(h)) in title_keys), None)
    near = {} if headline is None else _around(tree, headline)
    ranked: list[tuple[int, str]] = []
    for element in tree.iter("time", "span", "div", "p", "abbr", "li"):
        if len(element) and element.tag != "time":
            continue
        label = " ".join([element.get(key) or "" for key in ("itemprop", "class", "pubdate", "id")])
        if not (element.tag == "time" or _DATE_CLASS.search(label)):
            continue
        text = (
            element.get("datetime") or element.get("title") or element.get("content") or shown_text(element)
        )
        if 6 <= len(text) <= 60 and re.search(r"\d", text) and not _is_of_update(element, label):
            rank = 0 if "publi" in label.lower() else 1 if element.tag == "time" else 2
            if element in near:
                ranked.append((rank, text))
            elif not _is_elsewhere(element, headline):
                ranked.append((rank + 3, text))
    texts = [part for element in near for part in _parts(element) if 6 <= len(part) <= 60]
    dated = [text for part in texts if first_day_in(text := _UPDATED.split(part)[0])]
    return _Shown([text for _, text in sorted(ranked, key=lambda pair: pair[0])][:20], dated)


def _around(tree: HtmlElement, headline: HtmlElement) -> dict[HtmlElement, None]:
    """Return the elements soon after the headline, and then those right before it that are not the masthead's."""
    before: deque[HtmlElement] = deque(maxlen=_ELEMENTS_BEFORE_HEADLINE)
    around = dict.fromkeys(islice(elements_after(headline), _ELEMENTS_AFTER_HEADLINE))
    above = set(headline.iterancestors())
    for element in tree.iter():
        if element is headline:
            break
        if element not in above:
            before.append(element)
    around |= dict.fromkeys(element for element in before if not _is_elsewhere(element, headline))
    return around


def _is_elsewhere(element: HtmlElement, headline: HtmlElement | None) -> bool:
    """Whether an element stands in the masthead or in a box of other stories."""
    above = set() if headline is None else set(headline.iterancestors())
    boxes = (element, *element.iterancestors())
    return any(
        box.tag in _OTHER_STORIES or (box.tag == "header" and bool(above))
        for box in boxes
        if box not in above
    )


def _parts(element: HtmlElement) -> Iterator[str]:
    """Yield the text of a small element, or else its own text and what stands behind its children."""
    if not isinstance(element.tag, str) or _is_of_update(element, element.get("class") or ""):
        return
    if len(element) <= 3 and element.tag in ("p", "div", "span", "li", "dt", "dd", "td", "small", "time"):
        yield shown_text(element)
    for part in (element.text, *(child.tail for child in element)):
        if part and re.search(r"\d", part[:200]):
            yield tidy(part)


def _is_of_update(element: HtmlElement, label: str) -> bool:
    """Whether an element, its label or what stands right before it says that the date is an update's."""
    before = element.getprevious()
    parent = element.getparent()
    words = [label, re.split(r"\d", element.text or "", maxsplit=1)[0]]
    if before is not None:
        said = f"{shown_text(before) if len(before) < 2 else ''} {before.tail or ''}"[-40:]
        words += [] if re.search(r"\d", said) else [said]  # with figures it is a date of its own
    elif parent is not None:
        words += [(parent.text or "")[-40:], parent.get("class") or ""]
    return any(_UPDATED.search(word) for word in words)
