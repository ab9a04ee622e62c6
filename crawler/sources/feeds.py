"""Parses feeds (RSS 1.0 and 2.0, Atom) into entries, with feedparser."""

from __future__ import annotations

import io
from calendar import timegm
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

import feedparser

from crawler.sources.entries import Entry, NotAList, newest
from crawler.sources.feed_dates import is_credible

MAX_ENTRIES = 1000
MAX_BYTES = 4 * 2**20
_RDF = ("rss090", "rss10")  # an item's URL is also in rdf:about, feedparser's id, even where it has no link


class NotAFeed(NotAList):
    """The body is no feed; the message says what it is instead."""


def read_feed(body: bytes, url: str) -> list[Entry]:
    """The feed's entries, at most MAX_ENTRIES: newest first, those without a date in their order behind the others.
    url: of the feed; links are relative to it. Raises NotAFeed, also for more than MAX_BYTES."""
    if len(body) > MAX_BYTES:
        raise NotAFeed(f"{len(body)} bytes; a feed of more than {MAX_BYTES} is not read")
    feed: Any = feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    version = str(feed.get("version") or "")
    entries = [entry for e in feed.entries[:MAX_ENTRIES] if (entry := _entry(e, url, version))]
    if not entries and (feed.bozo or not version):
        raise NotAFeed(str(feed.get("bozo_exception") or "neither RSS nor Atom"))
    return newest(entries, MAX_ENTRIES)


def _entry(item: Any, url: str, version: str) -> Entry | None:
    """None for an item without a link, or with a malformed one."""
    try:
        link = item.get("link") or (item.get("id") if version in _RDF else None)
        absolute_url = urljoin(url, link.strip()) if link else None
    except ValueError:
        return None
    if not absolute_url:
        return None
    published, updated = _date(item, "published_parsed"), _date(item, "updated_parsed")
    if version.startswith("rss") and not published:  # feedparser calls dc:date, RSS 1.0's only date, updated
        published, updated = updated, None
    return Entry(absolute_url, published, updated, item.get("title"), _language(item))


def _language(item: Any) -> str | None:
    """The item's own language (ISO 639-1). That of the feed is not used: it is often a mere default."""
    code = str(item.get("language") or item.get("dc_language") or "")[:2].lower()
    return code if code.isalpha() and len(code) == 2 else None


def _date(item: Any, key: str) -> datetime | None:
    # dict.get, because feedparser's own get() substitutes another date where this one is missing
    time_tuple = dict.get(item, key)
    try:
        date = datetime.fromtimestamp(timegm(time_tuple), UTC) if time_tuple else None
    except (ValueError, OverflowError, OSError):
        return None
    return date if date and is_credible(date) else None
