"""Name resolution that never leads into a private network, whatever the spelling of the address.

Every connection passes here, address literals included, so links, redirects, feeds and rebinding names are all
refused at connect time. Proxies and browsers resolve by themselves and are not guarded by this.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from scrapy.crawler import Crawler
from scrapy.resolver import CachingThreadedResolver
from twisted.internet.base import ReactorBase
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import DNSLookupError

REFUSED_STAT = "refused_hosts"  # refused_hosts/HOST: times


class GuardedResolver(CachingThreadedResolver):
    """Answers only with addresses that are public, or inside ALLOWED_NETWORKS; without a CONTACT only the latter."""

    crawler: Crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler, reactor: ReactorBase) -> GuardedResolver:
        resolver = super().from_crawler(crawler, reactor)
        settings = crawler.settings
        resolver.crawler = crawler
        resolver.networks = networks(settings.getlist("ALLOWED_NETWORKS"))
        resolver.overrides = settings.getdict("DNS_OVERRIDES")
        resolver.public = bool(settings.get("CONTACT"))
        return resolver

    networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]
    overrides: dict[str, str]
    public: bool

    def getHostByName(self, name: str, timeout: Sequence[int] = ()) -> Deferred[str]:  # noqa: N802 - Twisted's name
        known = self.overrides.get(name)
        found = succeed(known) if known else super().getHostByName(name, timeout)
        return found.addCallback(self._guarded, name)

    def _guarded(self, answer: Any, name: str) -> Any:
        address = ipaddress.ip_address(str(answer))
        if (self.public and address.is_global) or any(address in n for n in self.networks):
            return answer
        assert self.crawler.stats
        self.crawler.stats.inc_value(f"{REFUSED_STAT}/{name}")
        raise DNSLookupError(f"{name} is {address}: not a public address; ALLOWED_NETWORKS can admit it")


def networks(spelled: Sequence[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Raises ValueError naming the one that is none."""
    return [ipaddress.ip_network(n) for n in spelled]
