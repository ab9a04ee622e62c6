"""What holds for every request: whose pace it follows, and where a candidate may lead."""

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


class NotFetched(IgnoreRequest):
    """A request that is not made, with the reason that its candidate gets."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason


class LeftForLater(IgnoreRequest):
    """A request that is left to a later run: no outcome."""


class RequestPolicy:
    """Downloader middleware; redirects and robots.txt pass here too.

    An outlet's hosts (www, subdomains) share one pace, and a host that no file knows has its own."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self._networks = parse_networks(crawler.settings.getlist("ALLOWED_NETWORKS"))
        self._public = bool(crawler.settings.get("CONTACT"))

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> RequestPolicy:
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        outlet = getattr(spider_of(request), "outlet", None)
        if outlet and "requested_url" in request.cb_kwargs and not outlet.owns(request.url):
            raise NotFetched("refused", f"leads to another site: {request.url}")
        host = urlsplit(request.url).hostname or ""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            pass  # a name: the resolver looks at what it stands for
        else:
            if not is_admitted(address, self._networks, public=self._public):
                raise NotFetched("refused", f"{host} is not a public address")
        request.meta["download_slot"] = download_slot_of(request.url)


def spider_of(request: Request) -> Any:
    """The spider whose callback takes the answer: of a crawl of many outlets, the one that asked."""
    return getattr(request.callback, "__self__", None)


def download_slot_of(url: str) -> str:
    """The name of the pace that an address follows."""
    host = host_of(url)
    outlet = known_outlets().find(host)
    return outlet.key if outlet else host
