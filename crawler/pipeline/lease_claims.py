"""Determines which outlets a crawl claims leases for. A lease (lake/storage/leases.py) keeps other machines from
crawling the outlet meanwhile.
"""

from __future__ import annotations

from scrapy import Spider

from lake.runs.session import Claim


def lease_claims(spider: Spider) -> list[Claim]:
    """Return the leases that a spider needs. A spider of one outlet claims it exclusively; a backfill has a claim of
    its own, so it may run beside a crawl of what is new. A spider of several outlets returns its claims from its
    method `claims`. A spider without outlets claims none, and lands its pages without a lease."""
    if claims := getattr(spider, "claims", None):
        claimed: list[Claim] = claims()
        return claimed
    if (outlet := getattr(spider, "outlet", None)) is None:
        return []
    return [Claim(outlet.key, f"{outlet.key}.archive" if getattr(spider, "backfill", False) else outlet.key)]
