"""Backfill preemption: a backfill sends an outlet no requests while another crawl of it runs on this machine.

Two lock files in STATE_DIR/turns decide; the kernel releases their locks when a process dies. A news crawl locks
`<outlet>.news` for as long as it runs. `<outlet>.turn` is locked by whoever may send requests to the site. A backfill
that finds the news lock taken stops, waits until its requests in progress have ended and the site's delay is over,
and releases the turn. The other crawl begins when it has the turn.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic
from typing import IO
from urllib.parse import quote

from scrapy import signals
from scrapy.core.downloader import Slot
from scrapy.crawler import Crawler

from crawler.discovery.candidates import CandidateSpider
from lake.storage.local_files import private_folder
from lake.storage.state_folder import TURNS

log = logging.getLogger(__name__)

POLL_INTERVAL_S = 0.5
# a news crawl that has waited so long begins without the turn: a suspended backfill must not block the news for ever
MAX_WAIT_FOR_TURN_S = 60.0


class BackfillPreemption:
    """Extension that runs a crawl by this protocol, as a news crawl or as a backfill. Stats: yielded/times,
    yielded/seconds."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.folder = Path(crawler.settings["STATE_DIR"]) / TURNS
        self._open_files = ExitStack()
        self._gate = _RequestGate(crawler)
        self._closing = asyncio.Event()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> BackfillPreemption:
        extension = cls(crawler)
        crawler.signals.connect(extension.spider_opened, signals.spider_opened)
        crawler.signals.connect(extension.spider_closed, signals.spider_closed)
        return extension

    def spider_opened(self) -> None:
        """Hold back all requests, and start the protocol of this crawl's side."""
        spider = self.crawler.spider
        if not isinstance(spider, CandidateSpider):
            return
        file_stem = quote(_lock_name(spider), safe="")
        private_folder(self.folder.parent, self.folder.name)
        self._news_file = self._open_files.enter_context((self.folder / f"{file_stem}.news").open("w"))
        self._turn_file = self._open_files.enter_context((self.folder / f"{file_stem}.turn").open("w"))
        protocol = self._run_as_backfill if spider.backfill else self._run_as_news_crawl
        if not spider.backfill:
            # a backfill locks it exclusively only for the instant of its check
            fcntl.flock(self._news_file, fcntl.LOCK_SH)
        self._gate.shut()
        self._task = asyncio.get_running_loop().create_task(protocol())

    async def spider_closed(self) -> None:
        """End the protocol and release the locks."""
        self._closing.set()
        if hasattr(self, "_task"):
            await self._task
        self._open_files.close()

    # ------------------------------------------------------------ the two sides

    async def _run_as_news_crawl(self) -> None:
        """Wait for the turn, at most MAX_WAIT_FOR_TURN_S, and let the requests go."""
        began = monotonic()
        while not try_lock(self._turn_file, fcntl.LOCK_SH):
            if monotonic() - began > MAX_WAIT_FOR_TURN_S:
                log.warning("a backfill of this outlet does not give way; going on beside it")
                break
            if not await self._sleep_unless_ending():
                return
        self._gate.open()

    async def _run_as_backfill(self) -> None:
        """Alternate between two states: without the turn, wait for it; with it, watch for a news crawl that needs
        it."""
        while True:
            began, is_waiting = monotonic(), False
            while _is_locked_elsewhere(self._news_file) or not try_lock(self._turn_file, fcntl.LOCK_EX):
                if not is_waiting:
                    is_waiting = True
                    log.info("another crawl of this outlet is running: this backfill waits")
                if not await self._sleep_unless_ending():
                    return
            if is_waiting:
                self._count_pause(monotonic() - began)
                # the site's delay after the other crawl's last request
                await asyncio.sleep(self._gate.delay_s)
            self._gate.open()
            while not _is_locked_elsewhere(self._news_file):
                if not await self._sleep_unless_ending():
                    return
            self._gate.shut()
            while not self._gate.is_quiet():
                if not await self._sleep_unless_ending():
                    return
            fcntl.flock(self._turn_file, fcntl.LOCK_UN)

    async def _sleep_unless_ending(self) -> bool:
        """Sleep for one interval and return True; where the crawl is ending return False, with the gate open, so that
        requests which the downloader has already can go out."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), POLL_INTERVAL_S)
        if self._closing.is_set() or self._gate.is_ending():
            self._gate.open()
            return False
        return True

    def _count_pause(self, pause_s: float) -> None:
        """Add a pause of so many seconds to the stats."""
        assert self.crawler.stats
        self.crawler.stats.inc_value("yielded/times")
        self.crawler.stats.inc_value("yielded/seconds", round(pause_s))
        log.info("this backfill goes on after %.0f seconds", pause_s)


class _RequestGate:
    """Holds back the requests between the scheduler and the site. Pausing the engine is not enough: it has handed
    requests to the downloader, which would still send them one by one."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self._closed_slots: dict[int, tuple[Slot, int]] = {}
        self._has_engine_run = False

    def shut(self) -> None:
        """Let no further request go out; those in progress come to their end."""
        assert self.crawler.engine
        self.crawler.engine.pause()
        for slot in self.crawler.engine.downloader.slots.values():
            self._closed_slots.setdefault(id(slot), (slot, slot.concurrency))
            slot.concurrency = 0

    def open(self) -> None:
        """Let requests go out again."""
        assert self.crawler.engine
        self.crawler.engine.unpause()
        for slot, concurrency in self._closed_slots.values():
            slot.concurrency = concurrency
            # nothing else may start the queue again: no new request may come
            self.crawler.engine.downloader._process_queue(slot)
        self._closed_slots.clear()

    def is_quiet(self) -> bool:
        """Whether no request is in progress and the delay after the last one is over."""
        slots = [slot for slot, _ in self._closed_slots.values()]
        return all(not slot.transferring and monotonic() - slot.lastseen >= slot.delay for slot in slots)

    @property
    def delay_s(self) -> float:
        """The longest delay of the slots that are shut; the setting DOWNLOAD_DELAY where there is none."""
        delays_s = [slot.delay for slot, _ in self._closed_slots.values()]
        return max(delays_s, default=self.crawler.settings.getfloat("DOWNLOAD_DELAY"))

    def is_ending(self) -> bool:
        """Whether the engine has run and is now stopping, or has stopped."""
        engine = self.crawler.engine
        assert engine
        self._has_engine_run = self._has_engine_run or engine.running
        return self._has_engine_run and (
            not engine.running or engine._slot is None or engine._slot.closing is not None
        )


def try_lock(file: IO[str], lock_kind: int) -> bool:
    """Take a lock of this kind (fcntl.LOCK_SH or LOCK_EX) without waiting; return whether it was free."""
    try:
        fcntl.flock(file, lock_kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_locked_elsewhere(file: IO[str]) -> bool:
    """Whether another process holds a lock on this file; this process must hold none."""
    if not try_lock(file, fcntl.LOCK_EX):
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def _lock_name(spider: CandidateSpider) -> str:
    """Return the name that the lock files are called after: the outlet's key, else the spider's name."""
    outlet = getattr(spider, "outlet", None)
    return outlet.key if outlet else spider.name
