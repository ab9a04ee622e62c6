"""A backfill gives way: while another crawl of its outlet runs on this machine, it asks that site for nothing.

Two locks in STATE_DIR/turns, which the kernel lets go of at any death: a crawl of the news holds `<outlet>.news` for as
long as it runs; who may speak to the site holds `<outlet>.turn`. A backfill that finds `news` held stops, lets what is
under way come to its end, keeps the site's delay, and gives the turn away; the other begins when it has it.
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

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
PATIENCE_S = (
    60.0  # then the news go on without the turn: a backfill that was stopped by hand must not hold them up
)


class BackfillPreemption:
    """Extension. Stats: yielded/times, yielded/seconds."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.folder = Path(crawler.settings["STATE_DIR"]) / "turns"
        self._open = ExitStack()
        self._gate = _Gate(crawler)
        self._closing = asyncio.Event()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> BackfillPreemption:
        extension = cls(crawler)
        crawler.signals.connect(extension.spider_opened, signals.spider_opened)
        crawler.signals.connect(extension.spider_closed, signals.spider_closed)
        return extension

    def spider_opened(self) -> None:
        spider = self.crawler.spider
        if not isinstance(spider, CandidateSpider):
            return
        name = quote(_name(spider), safe="")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._news = self._open.enter_context((self.folder / f"{name}.news").open("w"))
        self._turn = self._open.enter_context((self.folder / f"{name}.turn").open("w"))
        way = self._give_way if spider.backfill else self._take_the_turn
        if not spider.backfill:
            fcntl.flock(
                self._news, fcntl.LOCK_SH
            )  # held alone only for the instant in which a backfill looks
        self._gate.shut()
        self._task = asyncio.get_running_loop().create_task(way())

    async def spider_closed(self) -> None:
        self._closing.set()
        if hasattr(self, "_task"):
            await self._task
        self._open.close()

    # ------------------------------------------------------------ the two sides

    async def _take_the_turn(self) -> None:
        began = monotonic()
        while not try_lock(self._turn, fcntl.LOCK_SH):
            if monotonic() - began > PATIENCE_S:
                log.warning("a backfill of this outlet does not give way; going on beside it")
                break
            if not await self._look_again():
                return
        self._gate.open()

    async def _give_way(self) -> None:
        """Alternately: without the turn, waiting for it; with it, looking whether somebody wants it."""
        while True:
            began, told = monotonic(), False
            while _is_held(self._news) or not try_lock(self._turn, fcntl.LOCK_EX):
                if not told:
                    told = True
                    log.info("another crawl of this outlet is running: this backfill waits")
                if not await self._look_again():
                    return
            if told:
                self._count(monotonic() - began)
                await asyncio.sleep(self._gate.delay_s)  # after the other's last request
            self._gate.open()
            while not _is_held(self._news):
                if not await self._look_again():
                    return
            self._gate.shut()
            while not self._gate.is_quiet():
                if not await self._look_again():
                    return
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    async def _look_again(self) -> bool:
        """After a while; False where the crawl is ending: what was handed to the downloader may then go out."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), LOOK_EVERY_S)
        if self._closing.is_set() or self._gate.is_ending():
            self._gate.open()
            return False
        return True

    def _count(self, seconds: float) -> None:
        assert self.crawler.stats
        self.crawler.stats.inc_value("yielded/times")
        self.crawler.stats.inc_value("yielded/seconds", round(seconds))
        log.info("this backfill goes on after %.0f seconds", seconds)


class _Gate:
    """Between the scheduler and the site. Pausing the engine is not enough: what it has handed to the downloader
    would still go out, one by one."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self._shut: dict[int, tuple[Slot, int]] = {}
        self._began = False

    def shut(self) -> None:
        assert self.crawler.engine
        self.crawler.engine.pause()
        for slot in self.crawler.engine.downloader.slots.values():
            self._shut.setdefault(id(slot), (slot, slot.concurrency))
            slot.concurrency = 0

    def open(self) -> None:
        assert self.crawler.engine
        self.crawler.engine.unpause()
        for slot, concurrency in self._shut.values():
            slot.concurrency = concurrency
            self.crawler.engine.downloader._process_queue(slot)  # no new request may come to set it going
        self._shut.clear()

    def is_quiet(self) -> bool:
        """Nothing is under way, and the delay after the last request is over."""
        slots = [slot for slot, _ in self._shut.values()]
        return all(not slot.transferring and monotonic() - slot.lastseen >= slot.delay for slot in slots)

    @property
    def delay_s(self) -> float:
        slots = [slot.delay for slot, _ in self._shut.values()]
        return max(slots, default=self.crawler.settings.getfloat("DOWNLOAD_DELAY"))

    def is_ending(self) -> bool:
        engine = self.crawler.engine
        assert engine
        self._began = self._began or engine.running
        return self._began and (
            not engine.running or engine._slot is None or engine._slot.closing is not None
        )


def try_lock(file: IO[str], kind: int) -> bool:
    """Take a lock if it is free."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_held(file: IO[str]) -> bool:
    """Whether another process holds a lock that this one does not hold."""
    if not try_lock(file, fcntl.LOCK_EX):
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def _name(spider: CandidateSpider) -> str:
    outlet = getattr(spider, "outlet", None)
    return outlet.key if outlet else spider.name
