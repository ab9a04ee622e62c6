"""Source discovery: where to look for an outlet's sources when its file names none, or none of them answers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from crawler.sources.source import SourceKind

# sources opened at most: feeds of the home page, news sitemaps and other sitemaps of robots.txt
MAX_PER_KIND = 5
# requested one after another until one of them lists an article
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
_NEWS_NAME = re.compile(r"news|latest|recent|today|google", re.I)
_OTHER_CONTENT_NAME = re.compile(
    r"video|image|photo|galler|categor|tags?\b|author|podcast|product|static|section|topic", re.I
)


def news_first(sitemaps: Iterable[str]) -> list[str]:
    """Return the sitemaps in a new order: news sitemaps first. Image, video, tag and similar sitemaps are left
    out."""
    selected = [
        url
        for url in dict.fromkeys(sitemaps)
        if not _OTHER_CONTENT_NAME.search(url.partition("://")[2].partition("/")[2])
    ]
    return sorted(selected, key=lambda url: not is_news_sitemap(url))


def is_news_sitemap(sitemap: str) -> bool:
    """Whether a sitemap's URL names it as one of news or of recent pages."""
    return bool(_NEWS_NAME.search(sitemap.partition("://")[2].partition("/")[2]))
