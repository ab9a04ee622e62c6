"""A pipeline that takes its time and notes how many items it held at once; a Scrapy that looks rarely whether it is done."""

from __future__ import annotations

import asyncio
from typing import Any

from scrapy.core.engine import ExecutionEngine
from scrapy.crawler import Crawler


class Slow:
    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self._held = 0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Slow:
        return cls(crawler)

    async def process_item(self, item: Any) -> Any:
        self._held += 1
        self.crawler.stats.max_value("slow/held", self._held)
        await asyncio.sleep(0.1)
        self._held -= 1
        return item


class NoHeartbeat:
    """By itself Scrapy looks every five seconds whether anything is left to be done; here only when something ends."""

    def __init__(self) -> None:
        ExecutionEngine._SLOT_HEARTBEAT_INTERVAL = 3600
