"""The next page of a section: what the page itself names, or a link to the same address with the next number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urljoin, urlsplit

from cleaning import canonical, host_of

_NUMBER = re.compile(
    r"(?:/(?:page|seite|pagina|pag|strana|oldal|sida|side)[/-]?(\d{1,5})(?=[/?]|$)"
    r"|(?<=[?&])(?:page|paged|pg|p|seite|pagina|pag|pagenum|pageno)=(\d{1,5})(?=&|$))",
    re.I,
)


def next_page(url: str, named: Iterable[str], links: Iterable[str], base: str = "") -> str | None:
    """base: where the links are relative to, if not to url. named: what rel=next says; links: all links of the page. None where neither leads on within the site."""
    stem, number = _split(url)
    for link in _joined(base or url, named):
        if host_of(link) == host_of(url) and _split(link) != (stem, number):
            return link
    for link in _joined(base or url, links):
        if _split(link) == (stem, number + 1):
            return link
    return None


def _joined(url: str, links: Iterable[str]) -> Iterable[str]:
    for link in links:
        try:
            joined = urljoin(url, link.strip())
            if urlsplit(joined).scheme in ("http", "https"):
                canonical(joined)
                yield joined
        except ValueError:
            continue


def _split(url: str) -> tuple[str, int]:
    """The address without its page number, and the number; the first page mostly has none."""
    address = canonical(url)
    found = _NUMBER.search(address)
    if not found:
        return _bare(address), 1
    return _bare(address[: found.start()] + address[found.end() :]), int(found[1] or found[2])


def _bare(address: str) -> str:
    return re.sub(r"\?&*$", "", re.sub(r"\?&+", "?", re.sub(r"&&+", "&", address))).rstrip("/&")
