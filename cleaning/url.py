"""Addresses of the web: one canonical spelling, and the id made from it.

Built on w3lib's escaping. What tells two pages apart stays: unnamed queries (?123), order of path, bytes of any charset.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

from w3lib.url import safe_url_string

_DEFAULT_PORTS = {"http": 80, "https": 443}
# parameters that name the way to a page and not the page
_TRACKING = re.compile(
    r"utm_\w+|mtm_\w+|pk_(?:campaign|kwd|source|medium)|fbclid|gclid|gclsrc|dclid|wbraid|gbraid|msclkid|yclid|twclid|ttclid"
    r"|igshid|igsh|mc_[ce]id|mkt_tok|_ga|_gl|_hsenc|_hsmi|hsctatracking|wt_z?mc|at_(?:medium|campaign|custom\d*|link\w*|format|bbc\w*|ptr\w*)"
    r"|xtor|ns_(?:mchannel|source|campaign|linkname|fee)|smid|ocid|cmpid|icid|ito|ref_src|ref_url|s_cid|__twitter_impression"
    r"|phpsessid|jsessionid|sid_session"
    r"|pinned_post(?:_\w+)?|filterkeyevents",  # a place in a live blog, which grows at one address
    re.I,
)
# parameters that may name the page, but not with these values
_AMBIGUOUS = re.compile(
    r"(?:ref|source|src|from|cid|via)=(?:rss|feed|atom|twitter|x|facebook|fb|newsletter|home|homepage|share|social)"
    r"|page=with(?::|%3a)block-[0-9a-f]+",
    re.I,
)
_ESCAPE = re.compile(r"%[0-9a-f]{2}", re.I)
_SESSION = re.compile(r";jsessionid=[^/?#]*", re.I)


# a page's address and id are wanted half a dozen times on its way
_remembered = lru_cache(1024)


@_remembered
def without_tracking(url: str) -> str:
    """The address to ask for: as found, without fragment, user info and tracking parameters.
    Raises ValueError for what is no http(s) address."""
    parts = urlsplit(safe_url_string(url.strip()))
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"not an http or https address: {url!r}")
    host = parts.hostname.lower().rstrip(".")
    host = f"[{host}]" if ":" in host else host
    port = parts.port  # ValueError on nonsense
    netloc = host if port in (None, _DEFAULT_PORTS[scheme]) else f"{host}:{port}"
    named = [p for p in parts.query.split("&") if p and not _TRACKING.fullmatch(p.partition("=")[0])]
    query = "&".join(p for p in named if not _AMBIGUOUS.fullmatch(p))
    state = parts.fragment if parts.fragment.startswith("!") else ""  # #! names a page (AJAX crawling scheme)
    return urlunsplit((scheme, netloc, _SESSION.sub("", parts.path) or "/", query, state))


@_remembered
def canonical(url: str) -> str:
    """The address in one spelling: lower-case host, no default port, fragment, tracking parameter, user info or
    trailing slash; query parameters in order. Raises ValueError for what is no http(s) address."""
    parts = urlsplit(without_tracking(url))
    path = _ESCAPE.sub(lambda escape: escape[0].upper(), parts.path)
    query = _ESCAPE.sub(lambda escape: escape[0].upper(), "&".join(sorted(parts.query.split("&"))))
    return urlunsplit((parts.scheme, parts.netloc, path.rstrip("/") or "/", query, parts.fragment))


@_remembered
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
