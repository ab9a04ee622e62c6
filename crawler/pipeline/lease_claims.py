"""Which outlets a crawl is going to land pages of: lake/storage/leases.py keeps other machines away from them meanwhile."""

from __future__ import annotations

from scrapy import Spider

from lake.runs.session import Claim


def lease_claims(spider: Spider) -> list[Claim]:
    """A spider of one outlet has it alone, and a backfill runs beside a crawl of what is new. A spider of several says
    so in `claims`; one that names none lands without a lease."""
    if claims := getattr(spider, "claims", None):
        found: list[Claim] = claims()
        return found
    if (outlet := getattr(spider, "outlet", None)) is None:
        return []
    return [Claim(outlet.key, f"{outlet.key}.archive" if getattr(spider, "backfill", False) else outlet.key)]
