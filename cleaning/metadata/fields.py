"""Title, section, tags, canonical URL and dates: from JSON-LD first, then meta tags, then what the page shows."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from cleaning.metadata import dates, json_ld
from cleaning.text.characters import fold, tidy, word_count
from cleaning.text.shown_text import following, shown_text
from cleaning.url import host_of
from cleaning.vocabulary.written_dates import first_day_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from lxml.html import HtmlElement

    from cleaning.metadata.head import Head
    from cleaning.metadata.json_ld import Node

_SITE = re.compile(r"\s+[|–—·•»:-]+\s+")
# fmt: off
_PUBLISHED = (
    "article:published_time", "article:published", "og:published_time", "datepublished", "published_time", "publishdate", "pubdate",
    "publish_date", "publish-date", "published-date", "publication_date", "parsely-pub-date", "sailthru.date", "cxenseparse:recs:publishtime",
    "article.published", "dc.date.issued", "dcterms.created", "dc.date", "dcterms.date", "dc.date.created", "article_date_original", "rnews:datepublished",
    "og:article:published_time", "originalpublicationdate", "date", "article:post_date", "vr:published_time", "last-modified-date", "ptime", "timestamp",
)  # fmt: skip
_MODIFIED = ("article:modified_time", "og:updated_time", "datemodified", "article:modified", "last-modified", "lastmod", "dcterms.modified", "dc.date.modified", "revised", "utime")  # fmt: skip
_NEAR = 25  # blocks after the headline
_DAY_CLASS = re.compile(r"publi|date|time|posted", re.I)


# ---------------------------------------------------------------- title


def title_of(tree: HtmlElement, head: Head, article: Node) -> str:
    """The headline as the page shows it; "" where there is none."""
    if headline := json_ld.text(article.get("headline")):
        return _as_shown(tidy(headline), tree, head)
    stated = [t for name in ("og:title", "twitter:title", "title") if (t := head.first(name))]
    shown = [text for h1 in tree.iter("h1") if (text := shown_text(h1))]
    keys = {fold(text) for text in stated}
    for text in shown:  # what is both shown and stated is sure
        if fold(text) in keys:
            return text
    if stated:
        return _without_site(stated[0], head)
    if len(shown) == 1 or (shown and word_count(shown[0]) > 3):
        return shown[0]
    return _without_site(tidy(next((t.text or "" for t in tree.iter("title")), "")), head)


def _as_shown(headline: str, tree: HtmlElement, head: Head) -> str:
    """ "Headline - Site" as the page shows it: without the site."""
    bare = _without_site(headline, head)
    return (
        bare
        if bare != headline and any(fold(shown_text(h1)) == fold(bare) for h1 in tree.iter("h1"))
        else headline
    )


def titles(tree: HtmlElement, head: Head, article: Node, title: str) -> frozenset[str]:
    """Every spelling of the headline, folded: a line that is one of them repeats it."""
    found = {title, *head.all("og:title", "twitter:title"), *json_ld.texts(article.get("headline"))}
    found |= {shown_text(h1) for h1 in tree.iter("h1")}
    found |= {tidy(t.text or "") for t in tree.iter("title")}
    found |= {part for text in list(found) for part in _SITE.split(text) if len(part) > 20}
    return frozenset(key for text in found if (key := fold(text)))


def _without_site(title: str, head: Head) -> str:
    """ "Headline | Site" without the site, where the page names its site, or the last part is short."""
    parts = _SITE.split(title)
    site = fold(head.first("og:site_name") or "")
    last = fold(parts[-1])
    if len(parts) > 1 and site and (site in last or last in site):
        return title[: title.rindex(parts[-1])].rstrip(" |–—·•»:-")
    if len(parts) > 1 and "|" in title and word_count(parts[-1]) <= 4 and word_count(parts[0]) >= 4:
        return title[: title.rindex("|")].rstrip(" |")
    return title


def site_names(head: Head, url: str) -> frozenset[str]:
    """What the site is called, folded: og:site_name and the name in its address."""
    name = host_of(url).rpartition(".")[0].rpartition(".")[2]
    return frozenset(key for text in (name, head.first("og:site_name") or "") if (key := fold(text)))


def descriptions(head: Head, article: Node) -> list[str]:
    found = [
        *json_ld.texts(article.get("description")),
        *json_ld.texts(article.get("alternativeHeadline")),
    ]
    return [
        *found,
        *head.all("og:description", "description", "twitter:description", "dc.description", "abstract"),
    ]


# ---------------------------------------------------------------- section, tags, addresses


def section_of(head: Head, article: Node) -> str | None:
    found = json_ld.text(article.get("articleSection")) or head.first(
        "article:section", "section", "og:section", "parsely-section"
    )
    return tidy(found) or None if found else None


def tags_of(head: Head, article: Node) -> tuple[str, ...]:
    found = [
        *json_ld.texts(article.get("keywords")),
        *head.all("article:tag", "news_keywords", "keywords", "parsely-tags"),
    ]
    tags: dict[str, str] = {}
    for text in found:
        for tag in re.split(r"[,;|]", text):
            if (key := fold(tag)) and len(tag) <= 100:
                tags.setdefault(key, tidy(tag))
    return tuple(list(tags.values())[:50])


def canonical_url(tree: HtmlElement, head: Head, url: str) -> str | None:
    for link in tree.iter("link"):
        if "canonical" in (link.get("rel") or "").lower().split() and (
            found := absolute(url, link.get("href"))
        ):
            return found
    return absolute(url, head.first("og:url"))


def absolute(base: str, link: str | None) -> str | None:
    """The http(s) address that a link means; None for anything else."""
    try:
        found = urljoin(base, tidy(link or "")) if link else ""
    except ValueError:
        return None
    return found if found.lower().startswith(("http://", "https://")) else None


# ---------------------------------------------------------------- dates


def published(
    tree: HtmlElement, head: Head, article: Node, page: tuple[str, datetime, str | None]
) -> dates.Moment:
    """page: url, fetched_at, zone of what is written without one."""
    url, fetched_at, zone = page

    def found() -> Iterator[tuple[str, str]]:
        for key in ("datePublished", "dateCreated", "uploadDate"):
            yield from (("json-ld", text) for text in json_ld.texts(article.get(key)))
        yield from (("meta", text) for text in head.all(*_PUBLISHED))
        yield from (("time", text) for text in _times(tree))
        if day := dates.day_of_url(url):
            yield "url", day
        yield from (("text", text) for text in _under_headline(tree, titles(tree, head, article, "")))

    return dates.first_credible(found(), zone=zone, fetched_at=fetched_at)


def modified(head: Head, article: Node, page: tuple[str, datetime, str | None]) -> dates.Moment:
    _, fetched_at, zone = page
    found = [("json-ld", text) for text in json_ld.texts(article.get("dateModified"))]
    found += [("meta", text) for text in head.all(*_MODIFIED)]
    return dates.first_credible(found, zone=zone, fetched_at=fetched_at)


def _times(tree: HtmlElement) -> list[str]:
    """Dates of <time> and of elements named as one, those that are called publication first."""
    ranked: list[tuple[int, str]] = []
    for element in tree.iter("time", "span", "div", "p", "abbr", "li"):
        if len(element) and element.tag != "time":
            continue
        named = " ".join([element.get(key) or "" for key in ("itemprop", "class", "pubdate", "id")])
        if element.tag == "time" or _DAY_CLASS.search(named):
            text = (
                element.get("datetime")
                or element.get("title")
                or element.get("content")
                or shown_text(element)
            )
            if 6 <= len(text) <= 60 and re.search(r"\d", text):
                rank = 0 if "publi" in named.lower() else 1 if element.tag == "time" else 2
                ranked.append((rank, text))
    return [text for _, text in sorted(ranked, key=lambda pair: pair[0])][:20]


def _under_headline(tree: HtmlElement, wanted: frozenset[str]) -> list[str]:
    """Short texts soon after the headline that hold a day, whatever their class."""
    headline = next((h for h in tree.iter("h1", "h2", "h3") if fold(shown_text(h)) in wanted), None)
    if headline is None:
        return []
    blocks = islice(following(headline, "p", "div", "span", "li"), _NEAR)
    texts = [shown_text(block) for block in blocks if len(block) <= 3]
    return [text for text in texts if 6 <= len(text) <= 60 and first_day_in(text)]
