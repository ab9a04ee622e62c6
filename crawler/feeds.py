"""Feeds: RSS 2.0 and Atom, read with feedparser."""

from __future__ import annotations

import io
from calendar import timegm
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

import feedparser

MAX_ENTRIES = 1000
MAX_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Entry:
    url: str
    published_at: datetime | None  # UTC


class NotAFeed(ValueError):
    """The message says what came instead."""


def entries(body: bytes, url: str) -> list[Entry]:
    """The feed's entries, newest first; those without a date keep their place behind the dated. At most
    MAX_ENTRIES. Raises NotAFeed."""
    if len(body) > MAX_BYTES:
        raise NotAFeed(f"{len(body)} bytes; a feed of more than {MAX_BYTES} is not read")
    found: Any = feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    read = [entry for e in found.entries[:MAX_ENTRIES] if (entry := _entry(e, url))]
    if not read and (found.bozo or not found.get("version")):
        raise NotAFeed(str(found.get("bozo_exception") or "neither RSS nor Atom"))
    return sorted(read, key=lambda e: -e.published_at.timestamp() if e.published_at else 0.0)


def _entry(found: Any, url: str) -> Entry | None:
    """None for an entry without a link, or with one that is no address."""
    try:
        return Entry(urljoin(url, found.link), _date(found)) if found.get("link") else None
    except ValueError:
        return None


def _date(entry: Any) -> datetime | None:
    moment = entry.get("published_parsed") or entry.get("updated_parsed")
    try:
        return datetime.fromtimestamp(timegm(moment), UTC) if moment else None
    except (ValueError, OverflowError, OSError):
        return None
