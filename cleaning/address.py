"""Addresses of the web: one canonical spelling, and the id made from it.

Built on w3lib (escaping, query order) and courlan (the list of tracking parameters).
"""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit, urlunsplit

from courlan import normalize_url
from w3lib.url import canonicalize_url

_DEFAULT_PORTS = {"http": 80, "https": 443}


def canonical(url: str) -> str:
    """The address in one spelling: lower-case host, no default port, fragment, tracking parameter, user info
    or trailing slash; query parameters in order. Raises ValueError for what is no http(s) address."""
    parts = urlsplit(url.strip())
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"not an http or https address: {url!r}")
    host = parts.hostname.lower().rstrip(".")
    if ":" in host:
        host = f"[{host}]"
    port = parts.port  # ValueError on nonsense
    netloc = host if port in (None, _DEFAULT_PORTS[scheme]) else f"{host}:{port}"
    bare = urlunsplit((scheme, netloc, parts.path, parts.query, ""))
    clean: str = canonicalize_url(normalize_url(bare))
    head, slash, tail = clean.partition("?")
    return head.rstrip("/") + slash + tail if urlsplit(head).path != "/" else clean


def page_id(url: str) -> str:
    """32 hex digits, equal on every machine: the canonical address without scheme and www, hashed."""
    _, _, rest = canonical(url).partition("://")
    return hashlib.sha256(rest.removeprefix("www.").rstrip("/").encode()).hexdigest()[:32]


def host_of(url: str) -> str:
    """The host in lower case without www; "" where there is none."""
    try:
        return (urlsplit(url).hostname or "").lower().rstrip(".").removeprefix("www.")
    except ValueError:
        return ""
