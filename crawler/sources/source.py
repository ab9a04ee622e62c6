"""The records about sources: a Source on its way to be fetched, what an archive's source held, the limits of reading; and
the sources that an outlet file names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from w3lib.encoding import http_content_type_encoding

from cleaning.url import ascii_host
from crawler.sources.entries import Entry
from outlets import Outlet

if TYPE_CHECKING:  # a reader process does without Scrapy
    from scrapy.http import Response
    from scrapy.settings import BaseSettings

SourceKind = Literal["feed", "news_sitemap", "sitemap", "section", "dated_section", "home"]
KnownBy = Literal["outlet file", "robots.txt", "home page", "usual path", "sitemap index"]
LIST_KINDS = ("feed", "news_sitemap", "sitemap")


@dataclass(frozen=True, slots=True)
class Source:
    """A source, as a request for it carries it in its cb_kwargs."""

    url: str  # its key in the run record; a later page of a section has the URL of the section
    kind: SourceKind
    known_by: KnownBy = "outlet file"
    root: str = ""  # URL of the source at the top of the sitemap indexes that led here
    depth: int = 0  # number of these indexes
    page: int = 1
    archive: bool = False  # its entries are not followed at once, but in the order of the archive crawl
    modified_at: datetime | None = None  # the sitemap's lastmod in the index
    named_by: str = ""  # URL of the sitemap index that lists it

    def facts(self) -> dict[str, Any]:
        """The source's entry in the run record, as it begins. `error` is None or a text that is not empty. Added when
        they apply: named_by, moved_to, pages, children, stopped, capped, damaged, torn (its end is missing), unusable
        (it answered, and lists nothing that the outlet can use: why), foreign (it lists no page of the outlet), frozen (all its entries are of long ago, by their lastmod alone),
        not_fetched, complete, unchanged, not_due, and visited (its state for later runs;
        crawler/sources/source_state.py). crawler/reports/source_findings.py says what they mean for the run."""
        facts = {"kind": self.kind, "known_by": self.known_by, "found": 0, "new": 0, "error": None}
        return {**facts, "named_by": self.named_by} if self.named_by else facts


@dataclass(frozen=True, slots=True)
class SourceContent:
    """What a source of an archive crawl lists: pages, child sitemaps, the next page of a section."""

    pages: list[Entry]
    children: list[Entry] = field(default_factory=list)  # those of the archive's window
    is_index: bool = False  # it lists sitemaps
    next_page: str | None = None


def named_sources(outlet: Outlet) -> list[tuple[SourceKind, tuple[str, ...]]]:
    """The sources that the outlet file names, by kind, in the order in which they are fetched. Dated sections are not
    among them."""
    return [
        ("feed", outlet.feeds),
        ("news_sitemap", outlet.news_sitemaps),
        ("section", outlet.sections),
        ("sitemap", outlet.sitemaps),
    ]


def source_hosts(outlet: Outlet) -> Iterable[str]:
    """The host of each source that the outlet file names, dated sections included; hosts may repeat."""
    for _, urls in [*named_sources(outlet), ("dated_section", outlet.dated_sections)]:
        for url in urls:
            yield ascii_host(urlsplit(url).hostname or "")


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """Limits on what is read of a source, from the settings of the same names (sitemap_age: SITEMAP_DAYS); see
    docs/settings.md."""

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


def zone_of(outlet: Outlet) -> tzinfo:
    """The outlet's time zone; UTC where its file names none."""
    name = outlet.rules.timezone
    return ZoneInfo(name) if name else UTC


def charset_of(response: Response) -> str | None:
    """The charset that the Content-Type of an answer names; None where it names none."""
    content_type = response.headers.get("Content-Type") or b""
    return http_content_type_encoding(content_type.decode("latin-1"))
