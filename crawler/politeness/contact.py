"""The contact in the user agent, and the check that no public host is crawled without one."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

VERSION = "0.1"
_CONTACT = re.compile(r"(mailto:)?[^@\s/]+@[^@\s/]+\.[^@\s/]+|https?://[^\s/]+\.[^\s]+")


def user_agent(contact: str | None) -> str:
    """The value of the User-Agent header; it names the contact, so that site owners can reach the operator."""
    return f"pressline/{VERSION} (+{contact})" if contact else f"pressline/{VERSION} (private networks only)"


def contact_problem(contact: str | None, public_hosts: list[str]) -> str | None:
    """Why a crawl of these public hosts must not start; None if it may."""
    if contact and not _CONTACT.fullmatch(contact):
        return f"CONTACT: {contact!r} is neither an e-mail address nor a web page: site owners must be able to answer"
    if contact or not public_hosts:
        return None
    host = next((host for host in public_hosts if not _private_network(host)), None)
    if host is None:
        network = _private_network(public_hosts[0])
        return (
            f"CONTACT is not set, and {public_hosts[0]} is in no network of ALLOWED_NETWORKS. To crawl a server of your "
            f"own: -s ALLOWED_NETWORKS={network}"
        )
    return (
        f"CONTACT is not set, and {host} is a public host: site owners must be able to reach whoever "
        "crawls them. Set it once in the environment (CONTACT=you@example.org) or with -s CONTACT=you@example.org"
    )


def public_hosts(hosts: Iterable[str], networks: Iterable[str], overrides: Iterable[str]) -> list[str]:
    """The hosts that count as public, sorted: not localhost, not in overrides (DNS_OVERRIDES), and not an IP address
    inside one of the allowed private networks. Judged by spelling alone: no DNS look-up is made."""
    return sorted(
        {h for h in hosts if h not in overrides and h != "localhost" and not _is_inside(h, networks)}
    )


def _private_network(host: str) -> str | None:
    """Return a network that admits a private IP address; None for any other host."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
    if address.is_global:
        return None
    return (
        "127.0.0.0/8"
        if address in ipaddress.ip_network("127.0.0.0/8")
        else str(ipaddress.ip_network(address))
    )


def _is_inside(host: str, networks: Iterable[str]) -> bool:
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(n) for n in networks)
