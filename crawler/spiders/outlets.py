"""Makes one spider class for each outlet file, so that `scrapy list` shows it and `scrapy crawl NAME` runs it."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from crawler.discovery.outlet_spider import OutletSpider
from crawler.outlet_files import known_outlets
from outlets import OutletErrors


def _make_spiders() -> dict[str, type[OutletSpider]]:
    """Return the spider classes by name, and say on standard error which outlet files are left out for their
    mistakes. Exits with code 2 where OUTLETS_DIR is no folder."""
    try:
        known = known_outlets()
    except OutletErrors as errors:
        print(errors, file=sys.stderr)
        raise SystemExit(2) from None  # a traceback would not help
    if known.broken:
        print(
            f"left out for mistakes in the file: {', '.join(f'{key}.toml' for key in sorted(known.broken))}; "
            "`scrapy outlets --check` tells them",
            file=sys.stderr,
        )
    return {
        name: type(
            f"Outlet_{name}",
            (OutletSpider,),
            {"name": name, "outlet": outlet, "__module__": __name__},
        )
        for name, outlet in known.by_name.items()
    }


def spiders_of(keys: Iterable[str]) -> list[type[OutletSpider]]:
    """Return the spider class of each outlet, in the order of the keys."""
    return [_SPIDERS[key] for key in keys]


_SPIDERS = _make_spiders()
globals().update(_SPIDERS)  # Scrapy looks for spider classes among a module's names
