"""A source under way: how it came to be known, and the entry of the run record that keeps its books."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from scrapy.http import TextResponse
from scrapy.settings import BaseSettings

from crawler.sources.entries import Entry
from outlets import Outlet

SourceKind = Literal["feed", "news_sitemap", "sitemap", "section", "dated_section", "home"]
KnownBy = Literal["outlet file", "robots.txt", "home page", "usual path", "sitemap index"]
LIST_KINDS = ("feed", "news_sitemap", "sitemap")


@dataclass(frozen=True, slots=True)
class Source:
    """What a request for a source carries along."""

    url: str  # its entry in the run record; of a section's later pages, the section's
    kind: SourceKind
    known_by: KnownBy = "outlet file"
    root: str = ""  # the source that stands before all indexes on the way here
    depth: int = 0  # indexes on the way here
    page: int = 1
    archive: bool = False  # kept for the archive's own order, not followed at once
    modified_at: datetime | None = None  # as the index tells it

    def facts(self) -> dict[str, Any]:
        """The entry in the run record; what is added as it happens: moved_to, pages, children, stopped, capped,
        damaged, foreign (lists no page of the outlet), not_fetched, complete, unchanged, not_due, visited (crawler/sources/source_state.py)."""
        return {"kind": self.kind, "known_by": self.known_by, "found": 0, "new": 0, "error": None}


@dataclass(frozen=True, slots=True)
class SourceContent:
    """What an archive's source said."""

    pages: list[Entry]
    children: list[Entry] = field(default_factory=list)
    next_page: str | None = None


def named_sources(outlet: Outlet) -> list[tuple[SourceKind, tuple[str, ...]]]:
    """What the outlet file names, in the order in which it is asked for."""
    return [
        ("feed", outlet.feeds),
        ("news_sitemap", outlet.news_sitemaps),
        ("section", outlet.sections),
        ("sitemap", outlet.sitemaps),
    ]


def source_hosts(outlet: Outlet) -> Iterable[str]:
    for _, urls in [*named_sources(outlet), ("dated_section", outlet.dated_sections)]:
        for url in urls:
            yield urlsplit(url).hostname or ""


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """From the settings of the same names; docs/settings.md."""

    source_entries: int
    section_pages: int
    sitemap_files: int
    sitemap_entries: int
    sitemap_bytes: int
    sitemap_age: timedelta

    @classmethod
    def from_settings(cls, settings: BaseSettings) -> SourceLimits:
        return cls(
            settings.getint("SOURCE_ENTRIES"),
            settings.getint("SECTION_PAGES"),
            settings.getint("SITEMAP_FILES"),
            settings.getint("SITEMAP_ENTRIES"),
            settings.getint("SITEMAP_BYTES"),
            timedelta(days=settings.getfloat("SITEMAP_DAYS")),
        )


def page_links(page: TextResponse) -> Iterator[Entry]:
    """Each address once, in order."""
    for link in dict.fromkeys(page.css("a::attr(href)").getall()):
        try:
            yield Entry(page.urljoin(link.strip()))
        except ValueError:
            continue
