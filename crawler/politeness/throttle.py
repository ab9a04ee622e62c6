"""AutoThrottle that never goes below the delay that an outlet file or a site asks for."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.extensions.throttle import AutoThrottle
from scrapy.http import Response

MAX_RETRY_AFTER_S = 60.0


class Throttle(AutoThrottle):
    """Scrapy's AutoThrottle has one minimum delay for all slots. Here each downloader slot has its own: the outlet's
    delay, the site's crawl-delay, or its Retry-After, whichever is longest."""

    def _response_downloaded(self, response: Response, request: Request, spider: Spider) -> None:
        super()._response_downloaded(response, request, spider)
        key, slot = self._get_slot(request, spider)
        if response.status in (429, 503):
            wait_s = seconds_until(response.headers.get("Retry-After", b""), datetime.now(UTC))
            if wait_s > 0:
                slow_down(self.crawler, request, min(wait_s, MAX_RETRY_AFTER_S))
        if slot is not None and key is not None:
            slot.delay = max(slot.delay, _slot_settings(self.crawler, key).get("delay", 0.0))


def seconds_until(retry_after: bytes | None, now: datetime) -> float:
    """The seconds that a Retry-After asks to wait, which is a number or a date (RFC 9110, 10.2.3); 0 where it is
    neither, or past."""
    value = (retry_after or b"").decode("latin-1").strip()
    if value.isdecimal() and value.isascii():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, IndexError, OverflowError):
        return 0.0
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now.timestamp())


def slow_down(crawler: Crawler, request: Request, delay_s: float) -> None:
    """Raise the minimum delay of the request's downloader slot to delay_s seconds. It also holds when Scrapy drops
    the idle slot and creates it again."""
    assert crawler.engine
    assert crawler.stats
    downloader = crawler.engine.downloader
    key = downloader.get_slot_key(request)
    slot_settings = _slot_settings(crawler, key)
    slot_settings["delay"] = max(
        slot_settings.get("delay", 0.0), delay_s, crawler.settings.getfloat("DOWNLOAD_DELAY")
    )
    slot_settings["jitter"] = 0.0  # Scrapy's jitter would allow half of the delay
    if slot := downloader.slots.get(key):
        slot.delay, slot.jitter = max(slot.delay, slot_settings["delay"]), 0.0
    crawler.stats.set_value(f"crawl_delay_s/{key}", slot_settings["delay"])


def _slot_settings(crawler: Crawler, key: str) -> dict[str, Any]:
    assert crawler.engine
    settings: dict[str, Any] = crawler.engine.downloader.per_slot_settings.setdefault(key, {})
    return settings
