"""Name resolution that never leads into a private network, whatever the spelling of the address.

Every connection passes here, so links, redirects, feeds and rebinding names are all refused at connect time. Proxies
and browsers resolve by themselves and are not guarded by this: Scrapy's proxy support is switched off.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any

from scrapy.crawler import Crawler
from scrapy.resolver import CachingThreadedResolver
from twisted.internet.base import ReactorBase
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import DNSLookupError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# names that were refused; one for the process, as the reactor and its resolver are
refused_names: set[str] = set()


class GuardedResolver(CachingThreadedResolver):
    """Answers only with addresses that are public, or inside ALLOWED_NETWORKS; without a CONTACT only the latter."""

    networks: list[Network]
    overrides: dict[str, str]
    public: bool

    @classmethod
    def from_crawler(cls, crawler: Crawler, reactor: ReactorBase) -> GuardedResolver:
        resolver = super().from_crawler(crawler, reactor)
        settings = crawler.settings
        resolver.networks = parse_networks(settings.getlist("ALLOWED_NETWORKS"))
        resolver.overrides = settings.getdict("DNS_OVERRIDES")
        resolver.public = bool(settings.get("CONTACT"))
        return resolver

    def getHostByName(self, name: str, timeout: Sequence[int] = ()) -> Deferred[str]:  # noqa: N802 - Twisted's name
        known = self.overrides.get(name)
        found = succeed(known) if known else super().getHostByName(name, timeout)
        return found.addCallback(self._guarded, name)

    def _guarded(self, answer: Any, name: str) -> Any:
        address = ipaddress.ip_address(str(answer))
        if is_admitted(address, self.networks, public=self.public):
            return answer
        refused_names.add(name)
        raise DNSLookupError(f"{name} is {address}: not a public address; ALLOWED_NETWORKS can admit it")


def is_admitted(address: Address, networks: Iterable[Network], *, public: bool) -> bool:
    """public: whether public addresses may be spoken to at all."""
    mapped = getattr(address, "ipv4_mapped", None) or address
    return (public and mapped.is_global and not mapped.is_multicast) or any(mapped in n for n in networks)


def parse_networks(spelled: Sequence[str]) -> list[Network]:
    """Raises ValueError naming the one that is none."""
    return [ipaddress.ip_network(n) for n in spelled]
