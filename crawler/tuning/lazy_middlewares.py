"""Scrapy's middlewares, loaded and at work only where there is something for them to do."""

from __future__ import annotations

from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.redirect import MetaRefreshMiddleware
from scrapy.exceptions import NotConfigured
from scrapy.http import Response

_LOOKED_AT = 4 * 4096  # bytes: Scrapy looks for the tag in the first 4096 characters


class MetaRefresh(MetaRefreshMiddleware):
    """Scrapy decodes every page to look for the tag: a large one for milliseconds, on the event loop."""

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        start = response.body[:_LOOKED_AT].replace(b"\0", b"")  # a letter of UTF-16 is one byte between zeros
        return super().process_response(request, response) if b"refresh" in start.lower() else response


class Cookies:
    """Scrapy's middleware loads an HTTP client and a list of public suffixes even where COOKIES_ENABLED is off."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Any:
        if not crawler.settings.getbool("COOKIES_ENABLED"):
            raise NotConfigured
        from scrapy.downloadermiddlewares.cookies import CookiesMiddleware

        return CookiesMiddleware.from_crawler(crawler)
