from __future__ import annotations

from scrapy import Request
from scrapy.dupefilters import RFPDupeFilter


class RedirectsPass(RFPDupeFilter):
    """A redirect to an address that was asked for before is followed: its candidate must have an outcome, and
    Scrapy's own filter would drop it without a word."""

    def request_seen(self, request: Request) -> bool:
        return not request.meta.get("redirect_times") and super().request_seen(request)
