"""Asking every source of some outlets once, with all manners, and telling what answers. Nothing lands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from scrapy import Request, Spider
from scrapy.http import Response, TextResponse
from scrapy.settings import BaseSettings
from twisted.python.failure import Failure

from crawler.outlet_files import download_slots
from crawler.sources import sitemaps
from crawler.sources.entries import Entry, NotAList
from crawler.sources.source import LIST_KINDS, SourceKind, named_sources, page_links
from outlets import Outlet, on_day


@dataclass(frozen=True, slots=True)
class SourceAnswer:
    """What one source said."""

    outlet: str
    kind: SourceKind
    url: str
    status: int | None = None  # HTTP; None where nothing answered
    entries: int = 0  # addresses that it lists
    children: int = 0  # further sitemaps that it names; not opened
    newest: datetime | None = None
    wanted: int = 0  # entries that the outlet's patterns take for articles
    error: str | None = None

    @property
    def living(self) -> bool:
        return not self.error and bool(self.entries or self.children)


class SourceCheckSpider(Spider):
    """answers is filled while it runs."""

    name = "outlets_live"

    def __init__(
        self,
        outlets_to_check: Sequence[Outlet] = (),
        answers: list[SourceAnswer] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.outlets_to_check = outlets_to_check
        self.answers: list[SourceAnswer] = [] if answers is None else answers

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        super().update_settings(settings)
        settings.set("ITEM_PIPELINES", {}, "spider")
        settings.set("DOWNLOAD_SLOTS", download_slots(settings), "spider")

    async def start(self) -> AsyncIterator[Request]:
        for outlet in self.outlets_to_check:
            for kind, url in all_sources(outlet):
                lists = kind in LIST_KINDS
                yield Request(
                    url,
                    callback=self.parse_list if lists else self.parse_section,
                    errback=self.missed,
                    cb_kwargs={"outlet": outlet, "kind": kind, "url": url},
                    headers={"Accept-Encoding": "gzip"} if lists else None,
                    meta={"download_maxsize": sitemaps.MAX_BYTES, "packed": True} if lists else None,
                    dont_filter=True,
                )

    async def parse_list(self, response: Response, outlet: Outlet, kind: SourceKind, url: str) -> None:
        try:
            found = await asyncio.to_thread(
                sitemaps.read_sitemap, response.body, response.url, newest_last=outlet.newest_last
            )
        except NotAList as error:
            self.answers.append(SourceAnswer(outlet.key, kind, url, response.status, error=str(error)))
            return
        self._tell(outlet, kind, url, response.status, found.pages, len(found.children))

    async def parse_section(self, response: Response, outlet: Outlet, kind: SourceKind, url: str) -> None:
        if isinstance(response, TextResponse):
            self._tell(outlet, kind, url, response.status, list(page_links(response)))
        else:
            self.answers.append(
                SourceAnswer(outlet.key, kind, url, response.status, error="not a page of text")
            )

    def _tell(
        self, outlet: Outlet, kind: SourceKind, url: str, status: int, pages: list[Entry], children: int = 0
    ) -> None:
        newest = max((p.latest_date for p in pages if p.latest_date), default=None)
        wanted = sum(outlet.wants(p.url) for p in pages)
        empty = None if pages or children else "lists nothing"
        self.answers.append(
            SourceAnswer(outlet.key, kind, url, status, len(pages), children, newest, wanted, empty)
        )

    def missed(self, failure: Failure) -> None:
        about: dict[str, Any] = failure.request.cb_kwargs  # type: ignore[attr-defined]  # set by Scrapy
        status = getattr(getattr(failure.value, "response", None), "status", None)
        why = f"answered {status}" if status else failure.getErrorMessage() or type(failure.value).__name__
        self.answers.append(SourceAnswer(about["outlet"].key, about["kind"], about["url"], status, error=why))


def all_sources(outlet: Outlet) -> Iterator[tuple[SourceKind, str]]:
    """All that the file names; of a dated section the page of today."""
    for kind, urls in named_sources(outlet):
        yield from ((kind, url) for url in urls)
    today = datetime.now(UTC).date()
    yield from (("dated_section", on_day(template, today)) for template in outlet.dated_sections)
