"""A hand-written spider for the tests: its site's /list names pages, with the time of their last change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

from scrapy import Request
from scrapy.http import TextResponse

from crawler.discovery.candidates import CandidateSpider


class Journal(CandidateSpider):
    """scrapy crawl journal -a home=http://127.0.0.1:8000 -a listed=/list -a backfill=1"""

    name = "journal"
    allowed_domains = ("127.0.0.1",)

    def __init__(
        self, *args: Any, home: str = "", listed: str = "/list", backfill: str = "", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.listed, self.backfill = home + listed, bool(backfill)

    async def start(self) -> AsyncIterator[Any]:
        source = self.listed
        self.sources[source] = {"kind": "list", "found": 0, "new": 0, "error": None}
        if not self.source_done(source):
            yield Request(source, callback=self.parse_list, dont_filter=True)

    def parse_list(self, response: TextResponse) -> Iterator[Request]:
        source = self.sources[response.url]
        for path, changed in response.json():
            modified_at = datetime.fromisoformat(changed) if changed else None
            if request := self.candidate(response.urljoin(path), response.url, modified_at=modified_at):
                yield request
        source["complete"] = self.crawler.settings.getbool("COMPLETE")
