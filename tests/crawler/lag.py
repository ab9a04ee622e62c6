"""How late the event loop is by the crawl's own doing: a Scrapy extension for tests.

What a busy machine takes from the process is no lateness of the crawl's: of a late turn counts no more than the process
has computed meanwhile, in all its threads, for any of them may hold the interpreter."""

import asyncio
from contextlib import suppress
from time import perf_counter, process_time

from scrapy import signals

EVERY_S = 0.01


class Lag:
    """Stats, in milliseconds: lag/p99, lag/max."""

    def __init__(self, crawler):
        self.crawler, self.late = crawler, []
        crawler.signals.connect(self.opened, signals.spider_opened)
        crawler.signals.connect(self.closed, signals.spider_closed)

    @classmethod
    def from_crawler(cls, crawler):
        return cls(crawler)

    def opened(self):
        self.task = asyncio.get_running_loop().create_task(self.watch())

    async def watch(self):
        while True:
            began, computed = perf_counter(), process_time()
            await asyncio.sleep(EVERY_S)
            self.late.append(min(perf_counter() - began - EVERY_S, process_time() - computed))

    async def closed(self):
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task
        late = sorted(self.late)
        self.crawler.stats.set_value("lag/p99", round(1000 * late[int(0.99 * len(late))], 1))
        self.crawler.stats.set_value("lag/max", round(1000 * late[-1], 1))
