"""One spider class for each outlet file, made here so that `scrapy list` shows it and `scrapy crawl NAME` runs it."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from crawler.discovery.outlet_spider import OutletSpider
from crawler.outlet_files import known_outlets
from outlets import OutletErrors


def _make() -> dict[str, type[OutletSpider]]:
    try:
        found = known_outlets()
    except OutletErrors as errors:
        print(errors, file=sys.stderr)
        raise SystemExit(2) from None  # every command needs sound outlet files; a traceback helps nobody
    return {
        name: type(
            f"Outlet_{name}",
            (OutletSpider,),
            {"name": name, "outlet": outlet, "__module__": __name__},
        )
        for name, outlet in found.by_name.items()
    }


def spiders_of(keys: Iterable[str]) -> list[type[OutletSpider]]:
    """The spider class of each outlet."""
    return [_SPIDERS[key] for key in keys]


_SPIDERS = _make()
globals().update(_SPIDERS)  # Scrapy looks for spider classes among a module's names
