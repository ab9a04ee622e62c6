"""Measures event-loop lag: by how much timers, requests and responses are delayed. A Scrapy extension."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from time import perf_counter

from scrapy import signals
from scrapy.crawler import Crawler

_INTERVAL_S = 0.02  # between two measurements; costs three seconds of CPU in an hour


class EventLoopLag:
    """Sets three stats, in milliseconds, when the spider closes: event_loop/lag_p50, lag_p99, lag_max."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self._lag_counts: Counter[float] = Counter()  # lag in ms → count; rounded to 0.1 ms to bound its size
        self._task: asyncio.Task[None] | None = None
        crawler.signals.connect(self._opened, signals.spider_opened)
        crawler.signals.connect(self._closed, signals.spider_closed)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> EventLoopLag:
        return cls(crawler)

    def _opened(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._measure())

    async def _measure(self) -> None:
        while True:
            started = perf_counter()
            await asyncio.sleep(_INTERVAL_S)
            self._lag_counts[round(1000 * (perf_counter() - started - _INTERVAL_S), 1)] += 1

    async def _closed(self) -> None:
        if self._task is None:  # the run was refused before it began
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        assert self.crawler.stats
        for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
            if self._lag_counts:
                self.crawler.stats.set_value(f"event_loop/lag_{name}", _quantile(self._lag_counts, share))


def _quantile(counts: Counter[float], share: float) -> float:
    """The smallest value that at least this share of all measurements does not exceed; 0 at least."""
    remaining = share * counts.total()
    for value in sorted(counts):
        remaining -= counts[value]
        if remaining <= 0:
            return max(0.0, value)
    return max(counts)
