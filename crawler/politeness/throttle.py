"""AutoThrottle that never undercuts a pace that was asked for."""

from __future__ import annotations

from typing import Any

from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.extensions.throttle import AutoThrottle
from scrapy.http import Response

MAX_RETRY_AFTER_S = 60.0


class Throttle(AutoThrottle):
    """Scrapy's knows one floor for all; here an outlet's delay, a site's crawl-delay and its
    Retry-After are floors of their own."""

    def _response_downloaded(self, response: Response, request: Request, spider: Spider) -> None:
        super()._response_downloaded(response, request, spider)
        key, slot = self._get_slot(request, spider)
        wait = response.headers.get("Retry-After", b"")
        if response.status in (429, 503) and wait and wait.isdigit():
            slow_down(self.crawler, request, min(float(wait), MAX_RETRY_AFTER_S))
        if slot is not None and key is not None:
            slot.delay = max(slot.delay, _asked_for(self.crawler, key).get("delay", 0.0))


def slow_down(crawler: Crawler, request: Request, delay_s: float) -> None:
    """The least time between two requests of this request's slot, from now on; also where the slot is made anew."""
    assert crawler.engine
    assert crawler.stats
    downloader = crawler.engine.downloader
    key = downloader.get_slot_key(request)
    asked = _asked_for(crawler, key)
    asked["delay"] = max(asked.get("delay", 0.0), delay_s, crawler.settings.getfloat("DOWNLOAD_DELAY"))
    asked["jitter"] = 0.0  # half of what was asked for would be too soon
    if slot := downloader.slots.get(key):
        slot.delay, slot.jitter = max(slot.delay, asked["delay"]), 0.0
    crawler.stats.set_value(f"crawl_delay_s/{key}", asked["delay"])


def _asked_for(crawler: Crawler, key: str) -> dict[str, Any]:
    assert crawler.engine
    settings: dict[str, Any] = crawler.engine.downloader.per_slot_settings.setdefault(key, {})
    return settings
