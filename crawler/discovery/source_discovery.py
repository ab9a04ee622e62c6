"""Where an outlet's sources are looked for when its file names none, or none of those that it names answers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from scrapy.http import TextResponse

from crawler.sources.source import SourceKind

MAX_OF_A_KIND = 5  # feeds of the home page, and sitemaps of robots.txt, that are opened
# asked for one after another until one of them lists an article
USUAL_PATHS: tuple[tuple[SourceKind, str], ...] = (
    ("news_sitemap", "/news-sitemap.xml"),
    ("news_sitemap", "/sitemap-news.xml"),
    ("news_sitemap", "/sitemap_news.xml"),
    ("feed", "/feed/"),  # WordPress
    ("feed", "/rss/"),  # Ghost
    ("feed", "/rss.xml"),
    ("feed", "/feed.xml"),
    ("feed", "/atom.xml"),
    ("feed", "/index.xml"),
    ("feed", "/index.rdf"),
    ("feed", "/feeds/posts/default"),  # Blogger
    ("sitemap", "/sitemap.xml"),
    ("sitemap", "/sitemap_index.xml"),
    ("sitemap", "/sitemap-index.xml"),
    ("sitemap", "/sitemap-posts.xml"),  # Ghost
    ("sitemap", "/wp-sitemap.xml"),  # WordPress
    ("sitemap", "/sitemap.xml.gz"),
    ("sitemap", "/sitemap.txt"),
)
_FEED_TYPES = re.compile(r"(?:application|text)/(?:x[.-])?(?:rss|atom|rdf)(?:\+xml)?\s*(?:;.*)?$", re.I)
_FEED_ADDRESS = re.compile(r"(?:\.(?:rss|atom|rdf)|/(?:rss|feeds?|atom)(?:\.xml|/)?|[?&]feed=\w+)$", re.I)
_COMMENTS = re.compile(r"\bcomments?\b", re.I)
_NEWS = re.compile(r"news|latest|recent|today|google", re.I)
_ELSEWHERE = re.compile(
    r"video|image|photo|galler|categor|tags?\b|author|podcast|product|static|section|topic", re.I
)


def declared_feeds(home: TextResponse) -> list[str]:
    """The feeds that a page names in its head; where it names none, the links that look like feeds. Those of
    comments are none."""
    named = [
        link.attrib["href"]
        for link in home.css("link[rel][href]")
        if "alternate" in link.attrib["rel"].lower().split()
        and _FEED_TYPES.match(link.attrib.get("type", "").strip())
        and not _COMMENTS.search(link.attrib.get("title", "") + " " + link.attrib["href"])
    ]
    linked = [
        h
        for h in home.css("a::attr(href)").getall()
        if _FEED_ADDRESS.search(h.strip()) and not _COMMENTS.search(h)
    ]
    return _addresses(home, named or linked)


def news_first(sitemaps: Iterable[str]) -> list[str]:
    """The sitemaps of robots.txt: those that a name calls new before the others, without those of something else."""
    kept = [
        s for s in dict.fromkeys(sitemaps) if not _ELSEWHERE.search(s.partition("://")[2].partition("/")[2])
    ]
    return sorted(kept, key=lambda s: not is_news_sitemap(s))


def is_news_sitemap(sitemap: str) -> bool:
    return bool(_NEWS.search(sitemap.partition("://")[2].partition("/")[2]))


def _addresses(page: TextResponse, links: Iterable[str]) -> list[str]:
    found: dict[str, None] = {}
    for link in links:
        try:
            url = page.urljoin(link.strip())  # by its <base>, too
        except ValueError:
            continue
        if url.startswith(("http://", "https://")):
            found[url] = None
    return list(found)
