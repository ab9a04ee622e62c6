"""Scrapy fetches nothing while the answers that it works on have more than a few megabytes. An outlet whose answers take
their processes long would so hold all others; what waits for it does not count.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from typing import TypeVar
from weakref import WeakKeyDictionary

from scrapy.crawler import Crawler

T = TypeVar("T")

_PATIENCE_S = 1.0  # between two looks whether an outlet is slow
MAX_WAITING_BYTES = 64 * 2**20  # of one slow outlet; what waits beyond counts again


class BackPressure:
    """The answers of slow outlets that wait in a crawl."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.waiting_bytes: Counter[str] = Counter()  # by outlet

    @classmethod
    def of(cls, crawler: Crawler) -> BackPressure:
        """Return that of a crawl."""
        if (found := _BACK_PRESSURES.get(crawler)) is None:
            found = _BACK_PRESSURES[crawler] = cls(crawler)
        return found

    async def result(self, future: Future[T], outlet: str, size: int, is_slow: Callable[[str], bool]) -> T:
        """Wait for work on an answer of so many bytes. is_slow: whether an outlet's answers take long."""
        waited = asyncio.wrap_future(future)
        with ExitStack() as uncounted:
            is_uncounted = False
            while not waited.done():
                try:
                    await asyncio.wait({waited}, timeout=None if is_uncounted else _PATIENCE_S)
                except asyncio.CancelledError:
                    waited.cancel()
                    raise
                if not waited.done() and is_slow(outlet) and self._has_room(outlet, size):
                    uncounted.enter_context(self._uncounted(outlet, size))
                    is_uncounted = True
            return waited.result()

    def _has_room(self, outlet: str, size: int) -> bool:
        return self.waiting_bytes[outlet] + size <= MAX_WAITING_BYTES

    @contextmanager
    def _uncounted(self, outlet: str, size: int) -> Iterator[None]:
        scraper = self.crawler.engine.scraper if self.crawler._engine else None
        slot = scraper.slot if scraper else None
        self.waiting_bytes[outlet] += size
        if slot:
            slot.active_size -= size
            self._wake_engine()
        try:
            yield
        finally:
            self.waiting_bytes[outlet] -= size
            if slot:
                slot.active_size += size

    def _wake_engine(self) -> None:
        """Have the engine notice now that it may fetch, and not at its next heartbeat."""
        engine_slot = self.crawler.engine._slot if self.crawler.engine else None
        if engine_slot and engine_slot.closing is None:
            engine_slot.nextcall.schedule()


_BACK_PRESSURES: WeakKeyDictionary[Crawler, BackPressure] = WeakKeyDictionary()
