"""DNS resolution that refuses private IP addresses, however they are spelled or reached.

Every connection resolves its host here, so links, redirects, feeds and rebinding names are all refused at connect
time. Proxies and browsers resolve names by themselves and would bypass this guard: Scrapy's proxy support is switched
off.
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
from twisted.python.failure import Failure

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# host names that were refused; one set for the whole process, because reactor and resolver are process-wide, too
refused_names: set[str] = set()
# host name → why it could not be resolved, in the resolver's words; Twisted drops them on the way to the request
failed_lookups: dict[str, str] = {}


class GuardedResolver(CachingThreadedResolver):
    """Resolves only to IP addresses that are public or inside ALLOWED_NETWORKS; the latter alone without CONTACT."""

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
        """Deferred IP address of a host name; it fails with DNSLookupError where the address is not admitted."""
        override = self.overrides.get(name)
        lookup = succeed(override) if override else super().getHostByName(name, timeout)
        return lookup.addErrback(_note_failure, name).addCallback(self._check_answer, name)

    def _check_answer(self, answer: Any, name: str) -> Any:
        address = ipaddress.ip_address(str(answer))
        if is_admitted(address, self.networks, public=self.public):
            return answer
        refused_names.add(name)
        raise DNSLookupError(f"{name} is {address}: not a public address; ALLOWED_NETWORKS can admit it")


def _note_failure(failure: Failure, name: str) -> Failure:
    failed_lookups[name] = failure.getErrorMessage()
    return failure


def is_admitted(address: Address, networks: Iterable[Network], *, public: bool) -> bool:
    """Whether the crawler may connect to an IP address. public: whether public addresses are allowed at all."""
    mapped = getattr(address, "ipv4_mapped", None) or address
    return (public and mapped.is_global and not mapped.is_multicast) or any(mapped in n for n in networks)


def parse_networks(texts: Sequence[str]) -> list[Network]:
    """The networks that the texts spell, as 127.0.0.0/8. Raises ValueError that names the first one that is none."""
    return [ipaddress.ip_network(n) for n in texts]
