"""Recognises alternate URLs of a page by their spelling: its AMP, print and mobile versions."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from cleaning.pagination.url_page_numbers import page_key

_VERSION_HOST = re.compile(r"(?:amp|m|mobile|mobil|print)\.(?=[^.]+\.)", re.I)
_VERSION_SEGMENT = re.compile(
    r"amp|print|printable|print-version|druck|drucken|imprimir|imprimer|stampa", re.I
)
_VERSION_ENDING = re.compile(r"[._-](?:amp|print)(?=(?:\.[a-z]+)?$)", re.I)
_VERSION_PARAMETER = re.compile(
    r"(?:amp|print|printable)(?:=\w*)?|(?:outputtype|output|view|mode|format|version|display)=(?:amp|print)",
    re.I,
)


def is_alternate_url(url: str, page: str) -> bool:
    """Return whether `url` looks like the AMP, print or mobile version of `page`, or the other way round.

    Only the spelling is compared. Rely on it only where the page's rel=canonical says the same."""
    plain = _key_without_markers(url)
    return plain is not None and plain == _key_without_markers(page) and page_key(url) != page_key(page)


def _key_without_markers(url: str) -> str | None:
    """Return the page key of the URL without its AMP, print and mobile markers; None where it is no URL."""
    try:
        split_url = urlsplit(url)
    except ValueError:
        return None
    host = _VERSION_HOST.sub("", split_url.netloc.removeprefix("www."), count=1)
    segments = split_url.path.rstrip("/").split("/")
    markers = [
        index
        for index in (1, len(segments) - 1)
        if 0 < index < len(segments) and _VERSION_SEGMENT.fullmatch(segments[index])
    ]
    path = "/".join(s for index, s in enumerate(segments) if index not in markers)
    query = "&".join(p for p in split_url.query.split("&") if not _VERSION_PARAMETER.fullmatch(p))
    return page_key(urlunsplit((split_url.scheme, host, _VERSION_ENDING.sub("", path), query, "")))
