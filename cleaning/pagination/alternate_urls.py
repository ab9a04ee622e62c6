"""Addresses of one page in other dress: AMP, print and mobile versions."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from cleaning.pagination.page_urls import page_key

_HOST = re.compile(r"(?:amp|m|mobile|mobil|print)\.(?=[^.]+\.)", re.I)
_SEGMENT = re.compile(r"amp|print|printable|print-version|druck|drucken|imprimir|imprimer|stampa", re.I)
_ENDING = re.compile(r"[._-](?:amp|print)(?=(?:\.[a-z]+)?$)", re.I)
_QUERY = re.compile(
    r"(?:amp|print|printable)(?:=\w*)?|(?:outputtype|output|view|mode|format|version|display)=(?:amp|print)",
    re.I,
)


def is_alternate_url(url: str, page: str) -> bool:
    """Whether an address is another version of the page at another address, as far as spelling tells: a sound reason
    only where the page says the same by rel=canonical."""
    plain = _plain(url)
    return plain is not None and plain == _plain(page) and page_key(url) != page_key(page)


def _plain(url: str) -> str | None:
    """The address without what names a version."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    host = _HOST.sub("", parts.netloc.removeprefix("www."), count=1)
    segments = parts.path.rstrip("/").split("/")
    named = [
        place
        for place in (1, len(segments) - 1)
        if 0 < place < len(segments) and _SEGMENT.fullmatch(segments[place])
    ]
    path = "/".join(s for place, s in enumerate(segments) if place not in named)
    query = "&".join(p for p in parts.query.split("&") if not _QUERY.fullmatch(p))
    return page_key(urlunsplit((parts.scheme, host, _ENDING.sub("", path), query, "")))
