"""Versions of two Scrapy middlewares, meta refresh and cookies, that load and work only when they are needed."""

from __future__ import annotations

from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.redirect import MetaRefreshMiddleware
from scrapy.exceptions import NotConfigured
from scrapy.http import Response

# Scrapy looks for the tag in the first 4096 characters; a character has at most four bytes
_SEARCHED_BYTES = 4 * 4096


class MetaRefresh(MetaRefreshMiddleware):
    """Scrapy's middleware decodes every page to look for the tag, which for a large one takes milliseconds on the
    event loop. This one runs it only where the page's first bytes contain "refresh"."""

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        start = response.body[:_SEARCHED_BYTES].replace(b"\0", b"")  # so that UTF-16 is found, too
        return super().process_response(request, response) if b"refresh" in start.lower() else response


class Cookies:
    """Scrapy's middleware imports an HTTP client and a list of public suffixes even where COOKIES_ENABLED is off.
    This one imports it only where the setting is on."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Any:
        if not crawler.settings.getbool("COOKIES_ENABLED"):
            raise NotConfigured
        from scrapy.downloadermiddlewares.cookies import CookiesMiddleware

        return CookiesMiddleware.from_crawler(crawler)
