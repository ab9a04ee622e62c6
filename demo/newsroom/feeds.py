"""RSS 2.0 and Atom, and a feed that broke off."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import format_datetime
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Entry:
    title: str
    url: str
    summary: str
    published: datetime
    updated: datetime


def rss(title: str, home: str, entries: list[Entry]) -> str:
    """RSS 2.0, https://www.rssboard.org/rss-specification, with Atom's date of the last change; its links carry
    tracking parameters."""
    items = "\n".join(
        f"<item><title>{escape(entry.title)}</title>"
        f"<link>{escape(tracked(entry.url))}</link>"
        f'<guid isPermaLink="false">{escape(entry.url)}</guid>'
        f"<pubDate>{format_datetime(entry.published)}</pubDate>"
        f"<atom:updated>{entry.updated.isoformat()}</atom:updated>"
        f"<description>{escape(entry.summary)}</description></item>"
        for entry in entries
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel>\n'
        f"<title>{escape(title)}</title><link>{home}/</link><description>{escape(title)}</description>\n"
        f"{items}\n</channel></rss>\n"
    )


def tracked(url: str) -> str:
    return f"{url}?utm_source=rss&utm_medium=feed&utm_campaign=daily"


def atom(title: str, home: str, entries: list[Entry]) -> str:
    """Atom, RFC 4287."""
    items = "\n".join(
        f"<entry><title>{escape(entry.title)}</title>"
        f'<link rel="alternate" type="text/html" href="{escape(entry.url)}"/>'
        f"<id>{escape(entry.url)}</id>"
        f"<published>{entry.published.isoformat()}</published><updated>{entry.updated.isoformat()}</updated>"
        f"<summary>{escape(entry.summary)}</summary></entry>"
        for entry in entries
    )
    latest = max(entry.updated for entry in entries).isoformat()
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f"<title>{escape(title)}</title><id>{home}/</id><updated>{latest}</updated>\n"
        f'<link rel="self" href="{home}/atom.xml"/>\n{items}\n</feed>\n'
    )


def torn(title: str) -> str:
    """A feed whose writer died of an error after the first tags."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>\n<title>{escape(title)} & '
        "<br />\n<b>Fatal error</b>: out of memory (tried to allocate 20480 bytes) in feed-rss2 on line 61"
    )
