"""Canonical URLs: gives each URL one spelling, removes tracking parameters, and computes the page id.

The ids in every lake come from these rules, so they never change; what else is left out of a request stands in
cleaning/request_spelling.py. Escaping is left to w3lib. Whatever may distinguish two pages stays: queries without a name
(?123), the order of path segments, percent-escaped bytes of any charset.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

from w3lib.url import safe_url_string

_DEFAULT_PORTS = {"http": 80, "https": 443}
# parameters that say how a reader came to the page, not which page it is
_TRACKING = re.compile(
    r"utm_\w+|mtm_\w+|pk_(?:campaign|kwd|source|medium)|fbclid|gclid|gclsrc|dclid|wbraid|gbraid|msclkid|yclid|twclid|ttclid"
    r"|igshid|igsh|mc_[ce]id|mkt_tok|_ga|_gl|_hsenc|_hsmi|hsctatracking|wt_z?mc|at_(?:medium|campaign|custom\d*|link\w*|format|bbc\w*|ptr\w*)"
    r"|xtor|ns_(?:mchannel|source|campaign|linkname|fee)|smid|ocid|cmpid|icid|ito|ref_src|ref_url|s_cid|__twitter_impression"
    r"|phpsessid|jsessionid|sid_session"
    r"|pinned_post(?:_\w+)?|filterkeyevents",  # a position in a live blog, which grows at one URL
    re.I,
)
# parameters that may identify the page, but not with these values
_AMBIGUOUS = re.compile(
    r"(?:ref|source|src|from|cid|via)=(?:rss|feed|atom|twitter|x|facebook|fb|newsletter|home|homepage|share|social)"
    r"|page=with(?::|%3a)block-[0-9a-f]+",
    re.I,
)
_PERCENT_ESCAPE = re.compile(r"%[0-9a-f]{2}", re.I)
_SESSION_ID = re.compile(r";jsessionid=[^/?#]*", re.I)


# each page's canonical URL and id are computed half a dozen times between request and storage
_cached = lru_cache(1024)


@_cached
def without_tracking(url: str) -> str:
    """Return the URL as found, without fragment, user info, default port and tracking parameters.

    Raises ValueError where `url` is not an http or https URL."""
    split_url = urlsplit(safe_url_string(url.strip()))
    scheme = split_url.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not split_url.hostname:
        raise ValueError(f"not an http or https address: {url!r}")
    host = split_url.hostname.lower().rstrip(".")
    host = f"[{host}]" if ":" in host else host
    port = split_url.port  # raises ValueError where it is no port number
    netloc = host if port in (None, _DEFAULT_PORTS[scheme]) else f"{host}:{port}"
    query = "&".join(p for p in split_url.query.split("&") if p and not is_tracking(p))
    ajax_fragment = (
        split_url.fragment if split_url.fragment.startswith("!") else ""
    )  # #!… identifies a page (AJAX crawling scheme)
    return urlunsplit((scheme, netloc, _SESSION_ID.sub("", split_url.path) or "/", query, ajax_fragment))


def is_tracking(parameter: str) -> bool:
    """Whether a parameter (`name=value` or `name`) says how a reader came to the page, and not which page it is."""
    return bool(_TRACKING.fullmatch(parameter.partition("=")[0]) or _AMBIGUOUS.fullmatch(parameter))


@_cached
def canonical(url: str) -> str:
    """Return the canonical spelling of a URL.

    The host is in lower case. Default port, fragment, tracking parameters, user info and trailing slash are removed.
    Query parameters are sorted. Raises ValueError where `url` is not an http or https URL."""
    split_url = urlsplit(without_tracking(url))
    path = _PERCENT_ESCAPE.sub(lambda escape: escape[0].upper(), split_url.path)
    query = _PERCENT_ESCAPE.sub(
        lambda escape: escape[0].upper(), "&".join(sorted(split_url.query.split("&")))
    )
    return urlunsplit(
        (split_url.scheme, split_url.netloc, path.rstrip("/") or "/", query, split_url.fragment)
    )


@_cached
def page_id(url: str) -> str:
    """Return the id of the page at a URL: 32 hex digits of a hash of the canonical URL without scheme and www.

    The id is the same on every machine. Raises ValueError where `url` is not an http or https URL."""
    _, _, rest = canonical(url).partition("://")
    return hashlib.sha256(rest.removeprefix("www.").rstrip("/").encode()).hexdigest()[:32]


def host_of(url: str) -> str:
    """Return the host in lower case and ASCII without "www."; "" where the URL has none or is malformed."""
    try:
        return ascii_host(urlsplit(url).hostname or "").lower().rstrip(".").removeprefix("www.")
    except ValueError:
        return ""


def ascii_host(host: str) -> str:
    """Return a host name as it is asked for: one in Unicode as its punycode, any other as it is."""
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()  # as w3lib's safe_url_string has it
    except UnicodeError:  # no host has such a name
        return host
