"""Feeds: RSS 1.0 and 2.0 and Atom, read with feedparser."""

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
_RDF = ("rss090", "rss10")  # an item is named by its address, in rdf:about, even where it has no link


class NotAFeed(NotAList):
    """The message says what came instead."""


def read_feed(body: bytes, url: str) -> list[Entry]:
    """The feed's entries, newest first; those without a date keep their place behind the dated. At most
    MAX_ENTRIES. Raises NotAFeed."""
    if len(body) > MAX_BYTES:
        raise NotAFeed(f"{len(body)} bytes; a feed of more than {MAX_BYTES} is not read")
    found: Any = feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    kind = str(found.get("version") or "")
    read = [entry for e in found.entries[:MAX_ENTRIES] if (entry := _entry(e, url, kind))]
    if not read and (found.bozo or not kind):
        raise NotAFeed(str(found.get("bozo_exception") or "neither RSS nor Atom"))
    return newest(read, MAX_ENTRIES)


def _entry(found: Any, url: str, kind: str) -> Entry | None:
    """None for an entry without a link, or with one that is no address."""
    try:
        link = found.get("link") or (found.get("id") if kind in _RDF else None)
        address = urljoin(url, link.strip()) if link else None
    except ValueError:
        return None
    if not address:
        return None
    published, updated = _date(found, "published_parsed"), _date(found, "updated_parsed")
    if kind.startswith("rss") and not published:  # feedparser calls dc:date, all that RSS 1.0 has, updated
        published, updated = updated, None
    return Entry(address, published, updated, found.get("title"), _language(found))


def _language(found: Any) -> str | None:
    """The entry's own; that of the whole feed is too often left as the software came."""
    code = str(found.get("language") or found.get("dc_language") or "")[:2].lower()
    return code if code.isalpha() and len(code) == 2 else None


def _date(entry: Any, key: str) -> datetime | None:
    moment = dict.get(
        entry, key
    )  # feedparser's own look-up answers with another date where this one is missing
    try:
        found = datetime.fromtimestamp(timegm(moment), UTC) if moment else None
    except (ValueError, OverflowError, OSError):
        return None
    return found if found and is_credible(found) else None
