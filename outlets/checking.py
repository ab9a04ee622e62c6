"""What is wrong with a file in which every single value is right; too slow for every start."""

from __future__ import annotations

import time
from collections.abc import Iterator

from outlets.record import Outlet

_LENGTHS = (500, 2000)  # of an address; Scrapy asks for none above 2083 characters
_TOO_LONG_S = 0.05
# what wears a pattern out: the same again and again
_UNITS = ("a-", "a/", "1-", "1/", "-", "a", "1", "2024/05/03/", "a.", ",1", "a_", "%D8%B9-")


def mistakes(outlet: Outlet) -> Iterator[str]:
    """One line each, `file: key: what is wrong`."""
    file = f"{outlet.key}.toml"
    if not outlet.owns(outlet.home):
        yield f"{file}: domains: {outlet.home} is on none of them"
    for kind in ("home", "feeds", "news_sitemaps", "sitemaps", "sections"):
        named = getattr(outlet, kind)
        for url in [named] if isinstance(named, str) else named:
            if outlet.wants(url):
                yield f"{file}: articles: {url} is a source ({kind}) and would be taken for an article"
    if slow := _slow(outlet):
        yield f"{file}: articles: the patterns {slow}"


def _slow(outlet: Outlet) -> str | None:
    for length in _LENGTHS:
        for unit in _UNITS:
            address = f"https://{outlet.domains[0]}/{unit * (length // len(unit))}"
            began = time.thread_time()
            outlet.wants(address)
            if (took_s := time.thread_time() - began) > _TOO_LONG_S:
                return f"take {took_s:.2f} s on an address of {length} characters made of {unit!r}"
    return None
