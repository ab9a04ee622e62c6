"""Downloader middleware that keeps cookies, only for outlets whose file says `cookies = true`.

Each outlet has a jar of its own, for this run. Scrapy's middleware, with one jar for all sites and a list of public
suffixes that it loads from the network, takes its place where COOKIES_ENABLED is on.
"""

from __future__ import annotations

from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Response
from scrapy.http.cookies import CookieJar
from scrapy.settings import BaseSettings

from cleaning import host_of
from crawler.outlet_files import known_outlets


def keeps_cookies(url: str, settings: BaseSettings) -> bool:
    """Whether cookies of this URL's host are kept."""
    return settings.getbool("COOKIES_ENABLED") or _jar_key(url) is not None


class Cookies:
    """The middleware; it works on the requests for hosts of such outlets alone, sources included."""

    def __init__(self) -> None:
        self._jars: dict[str, CookieJar] = {}  # by the outlet's key

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Any:
        """Scrapy's middleware where COOKIES_ENABLED is on. Raises NotConfigured where no outlet keeps cookies."""
        if crawler.settings.getbool("COOKIES_ENABLED"):
            from scrapy.downloadermiddlewares.cookies import (
                CookiesMiddleware,
            )  # it takes an HTTP client along

            return CookiesMiddleware.from_crawler(crawler)
        if not any(outlet.cookies for outlet in known_outlets().by_name.values()):
            raise NotConfigured
        return cls()

    def process_request(self, request: Request) -> None:
        """Give the request the cookies that its outlet has set."""
        if (jar := self._jar_of(request)) is not None:  # an empty jar is false
            request.headers.pop("Cookie", None)  # a redirect has those of the request before
            jar.add_cookie_header(request)

    def process_response(self, request: Request, response: Response) -> Response:
        """Keep the cookies that the response sets."""
        if (jar := self._jar_of(request)) is not None:
            jar.extract_cookies(response, request)
        return response

    def _jar_of(self, request: Request) -> CookieJar | None:
        key = None if request.meta.get("dont_merge_cookies") else _jar_key(request.url)
        return self._jars.setdefault(key, CookieJar()) if key else None


def _jar_key(url: str) -> str | None:
    """The key of the outlet that owns the URL and keeps cookies; None where there is none."""
    outlet = known_outlets().find(host_of(url))
    return outlet.key if outlet and outlet.cookies else None
