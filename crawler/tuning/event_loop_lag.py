"""How late the event loop is: what is answered, sent or timed waits as long. A Scrapy extension."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from time import perf_counter

from scrapy import signals
from scrapy.crawler import Crawler

_EVERY_S = 0.02  # costs three seconds of CPU in an hour


class EventLoopLag:
    """Stats, in milliseconds: event_loop/lag_p50, lag_p99, lag_max."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self._late: Counter[float] = Counter()  # milliseconds, to a tenth: bounded, however long the run
        self._watch: asyncio.Task[None] | None = None
        crawler.signals.connect(self._opened, signals.spider_opened)
        crawler.signals.connect(self._closed, signals.spider_closed)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> EventLoopLag:
        return cls(crawler)

    def _opened(self) -> None:
        self._watch = asyncio.get_running_loop().create_task(self._measure())

    async def _measure(self) -> None:
        while True:
            began = perf_counter()
            await asyncio.sleep(_EVERY_S)
            self._late[round(1000 * (perf_counter() - began - _EVERY_S), 1)] += 1

    async def _closed(self) -> None:
        if self._watch is None:  # a run that was refused
            return
        self._watch.cancel()
        with suppress(asyncio.CancelledError):
            await self._watch
        assert self.crawler.stats
        for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
            if self._late:
                self.crawler.stats.set_value(f"event_loop/lag_{name}", _quantile(self._late, share))


def _quantile(counted: Counter[float], share: float) -> float:
    """The least value that so large a share of all does not exceed."""
    left = share * counted.total()
    for value in sorted(counted):
        left -= counted[value]
        if left <= 0:
            return max(0.0, value)
    return max(counted)
