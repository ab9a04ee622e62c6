"""A spider as somebody wrote it for an earlier version: old import paths, `parse_page` overridden, a claim."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from scrapy.http import Response

from crawler.candidates import CandidateSpider, page_of
from lake.landing import Claim


class Older(CandidateSpider):
    name = "older"
    allowed_domains = ("127.0.0.1",)

    def __init__(self, *args: Any, home: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.home = home

    def claims(self) -> list[Claim]:
        return [Claim("older")]

    async def start(self) -> AsyncIterator[Any]:
        for path in ("/bridge", "/moved"):
            yield self.candidate(self.home + path)

    def parse_page(self, response: Response, asked: str, source: str | None) -> Iterator[Any]:
        yield page_of(response, asked=asked, source=source)
