"""Finds the feeds that a page declares or links to."""

from __future__ import annotations

import re

from crawler.reading.page_text import PageText

_FEED_TYPES = re.compile(r"(?:application|text)/(?:x[.-])?(?:rss|atom|rdf)(?:\+xml)?\s*(?:;.*)?$", re.I)
_FEED_URL = re.compile(r"(?:\.(?:rss|atom|rdf)|/(?:rss|feeds?|atom)(?:\.xml|/)?|[?&]feed=\w+)$", re.I)
_COMMENT_FEED = re.compile(r"\bcomments?\b", re.I)


def declared_feeds(page: PageText) -> list[str]:
    """Return the URLs of the feeds that a page declares in its head; where it declares none, its links that look like
    feeds. Feeds of comments are left out."""
    declared = [
        link.attrib["href"]
        for link in page.selector.css("link[rel][href]")
        if "alternate" in link.attrib["rel"].lower().split()
        and _FEED_TYPES.match(link.attrib.get("type", "").strip())
        and not _COMMENT_FEED.search(link.attrib.get("title", "") + " " + link.attrib["href"])
    ]
    linked = [
        href
        for href in page.selector.css("a::attr(href)").getall()
        if _FEED_URL.search(href.strip()) and not _COMMENT_FEED.search(href)
    ]
    urls = page.absolute(declared or linked)
    return list(dict.fromkeys(url for url in urls if url.startswith(("http://", "https://"))))
