"""Downloader middleware for every request, redirects included: sets the downloader slot, whose delay all hosts of an
outlet share, and refuses private IP addresses and candidates that lead to another site.
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest

from cleaning import host_of
from cleaning.records import Reason
from crawler.outlet_files import known_outlets
from crawler.politeness.private_networks import is_admitted, parse_networks

# of cb_kwargs: the URL of a candidate before redirects. Queues of JOBDIR hold the name, and spiders that override
# `parse_page` take it as an argument: it stays.
REQUESTED_URL_KEY = "asked"


class NotFetched(IgnoreRequest):
    """The request is not sent; its candidate becomes a reject with this reason."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason


class LeftForLater(IgnoreRequest):
    """The request is not sent in this run; its candidate gets no outcome, so that a later run fetches it."""


class RequestPolicy:
    """Downloader middleware; redirects and requests for robots.txt pass it, too.

    All hosts of an outlet (www, subdomains) share one downloader slot; a host of no outlet file has its own."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self._networks = parse_networks(crawler.settings.getlist("ALLOWED_NETWORKS"))
        self._public = bool(crawler.settings.get("CONTACT"))

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> RequestPolicy:
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        """Set the request's download_slot. Raises NotFetched where a candidate leads to another site, or where the
        host is an IP address that is not admitted."""
        outlet = getattr(spider_of(request), "outlet", None)
        if outlet and REQUESTED_URL_KEY in request.cb_kwargs and not outlet.owns(request.url):
            raise NotFetched("refused", f"leads to another site: {request.url}")
        host = urlsplit(request.url).hostname or ""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            pass  # a name: GuardedResolver checks the IP address behind it
        else:
            if not is_admitted(address, self._networks, public=self._public):
                raise NotFetched("refused", f"{host} is not a public address; ALLOWED_NETWORKS can admit it")
        request.meta["download_slot"] = download_slot_of(request.url)


def spider_of(request: Request) -> Any:
    """The spider that the request's callback belongs to: in a crawl of many outlets, the one that made the request.
    None where the callback is not a method."""
    return getattr(request.callback, "__self__", None)


def download_slot_of(url: str) -> str:
    """Key of the downloader slot (the outlet's key, else the host) that throttles this URL."""
    host = host_of(url)
    outlet = known_outlets().find(host)
    return outlet.key if outlet else host
