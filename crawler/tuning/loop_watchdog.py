"""Names the outlet that holds the event loop, counts for how long, and gives an outlet up that does so again and again.
A Scrapy extension.

While one outlet's code computes on the event loop, every other outlet waits. A thread looks whether the loop turns; where
it does not, the frames of the loop's thread say which request is being served, and where. What counts is the processor
time of the loop's thread, so that a machine which is slow, suspended or stopped puts no blame on an outlet.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import sysconfig
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler
from scrapy.http import Response

log = logging.getLogger(__name__)

REASON = "loop_held"  # why an outlet's crawl ended: crawler/reports/endings.py
NOBODY = "unknown"  # in place of an outlet
_TICK_S = 0.1  # between two looks, and between two turns that are noted: seven seconds of CPU in an hour
_PIECE_S = 0.25  # shorter turns are not counted
_FORGIVEN_SHARE = 0.01  # an outlet may hold the loop for such a share of the time without end
_STILL_S = 0.001  # a thread that computes less than this between two looks stands still
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_OUR_PACKAGES = ("cleaning", "crawler", "lake", "outlets")


@dataclass(slots=True)
class _Turn:
    """The turn of the event loop that is under way, and what the thread saw of it."""

    computed_s: float  # processor time of the loop's thread when it began
    blamed_s: float  # the same up to which it has been put to an outlet's account
    looked_s: float  # the same at the last look
    looked_at: float  # when that was, by the monotonic clock
    still_s: float = 0.0  # how long the thread has stood still
    held_s: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))  # by outlet
    place: str = ""  # of the last look
    told_s: float = 0.0  # the longest duration that was logged
    is_told: bool = False  # that it stands still


class LoopWatchdog:
    """Sets two stats for each outlet that held the loop: `event_loop/held_s/…`, in seconds, in turns of more than a
    quarter second, and `event_loop/held/…`, the number of turns longer than LOOP_HELD_S. Gives an outlet up when it has
    held the loop for more than OUTLET_HELD_S, less a hundredth of the time gone by: `crawlall` goes on with the others,
    a crawl of one outlet ends."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self._max_turn_s = crawler.settings.getfloat("LOOP_HELD_S")
        self._max_outlet_s = crawler.settings.getfloat("OUTLET_HELD_S")
        self._levels: dict[
            str, tuple[float, float]
        ] = {}  # by outlet: seconds that count, when they were summed up
        self._given_up: set[str] = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._timer: asyncio.TimerHandle | None = None
        crawler.signals.connect(self._opened, signals.spider_opened)
        crawler.signals.connect(self._closed, signals.spider_closed)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> LoopWatchdog:
        return cls(crawler)

    def _opened(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread_id = threading.get_ident()
        self._computed_s = _processor_clock(self._thread_id)
        self._turn = self._new_turn()
        self._timer = self._loop.call_later(_TICK_S, self._on_turn)
        threading.Thread(target=self._watch, name="loop-watchdog", daemon=True).start()

    def _closed(self) -> None:
        self._ended.set()
        if self._timer:
            self._timer.cancel()

    def _new_turn(self) -> _Turn:
        computed_s = self._computed_s()
        return _Turn(computed_s, computed_s, computed_s, time.monotonic())

    # ------------------------------------------------------------ in the thread

    def _watch(self) -> None:
        while not self._ended.wait(_TICK_S):
            with self._lock:
                self._look(self._turn)

    def _look(self, turn: _Turn) -> None:
        """Note who holds the loop, if anybody does."""
        computed_s, now = self._computed_s(), time.monotonic()
        held_s = computed_s - turn.computed_s
        if held_s > _PIECE_S:
            outlet, turn.place = holder_of(sys._current_frames().get(self._thread_id))
            turn.held_s[outlet] += computed_s - turn.blamed_s
            turn.blamed_s = computed_s
            if held_s > max(self._max_turn_s, 2 * turn.told_s):
                turn.told_s = held_s
                log.warning("%s holds the event loop: %.1f s so far, at %s", outlet, held_s, turn.place)
        # a process that was stopped looks late
        if computed_s - turn.looked_s < _STILL_S and now - turn.looked_at < 3 * _TICK_S:
            turn.still_s += now - turn.looked_at
        if turn.still_s > self._max_turn_s and not turn.is_told:
            turn.is_told = True
            outlet, place = holder_of(sys._current_frames().get(self._thread_id))
            log.warning("the event loop waits for a call that blocks, at %s, serving %s", place, outlet)
        turn.looked_s, turn.looked_at = computed_s, now

    # ------------------------------------------------------------ on the event loop

    def _on_turn(self) -> None:
        """The loop turns: count what was held, and give up whoever held it too long."""
        with self._lock:
            turn, self._turn = self._turn, self._new_turn()
        self._timer = self._loop.call_later(_TICK_S, self._on_turn)
        if turn.held_s:
            self._settle(turn)

    def _settle(self, turn: _Turn) -> None:
        assert self.crawler.stats
        stats, now = self.crawler.stats, time.monotonic()
        if sum(turn.held_s.values()) > self._max_turn_s:
            longest = max(turn.held_s, key=turn.held_s.__getitem__)
            stats.inc_value(f"event_loop/held/{longest}")
        for outlet, held_s in turn.held_s.items():
            before_s = stats.get_value(f"event_loop/held_s/{outlet}", 0.0)
            stats.set_value(f"event_loop/held_s/{outlet}", round(before_s + held_s, 2))
            level_s, summed_up_at = self._levels.get(outlet, (0.0, now))
            level_s = max(0.0, level_s - _FORGIVEN_SHARE * (now - summed_up_at)) + held_s
            self._levels[outlet] = level_s, now
            if level_s > self._max_outlet_s and outlet not in self._given_up:
                self._give_up(outlet, level_s, turn.place)

    def _give_up(self, outlet: str, held_s: float, place: str) -> None:
        self._given_up.add(outlet)
        spider: Any = self.crawler.spider
        is_only_outlet = getattr(getattr(spider, "outlet", None), "key", None) == outlet
        if not is_only_outlet and outlet not in getattr(spider, "outlet_keys", ()):
            return  # a list of addresses, or a spider of the user's own, is not ended for one site
        log.error(
            "%s is given up: it has held the event loop for %.1f s in all (OUTLET_HELD_S), last at %s",
            outlet,
            held_s,
            place,
        )
        if not is_only_outlet:
            spider.leave(outlet, REASON)
        elif self.crawler.engine and self.crawler.engine.running:
            self._ending = self._loop.create_task(self.crawler.engine.close_spider_async(reason=REASON))


def _processor_clock(thread_id: int) -> Callable[[], float]:
    """A function that returns the processor time of a thread, in seconds; of the process where the system has no clock
    for a thread."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return time.process_time
    clock = time.pthread_getcpuclockid(thread_id)
    return lambda: time.clock_gettime(clock)


def holder_of(frame: FrameType | None) -> tuple[str, str]:
    """(outlet that is being served, file and line of the innermost code that is of no library), by the frames of a
    thread, the innermost first."""
    outlet, place = "", ""
    for one in _frames(frame):
        if not place and not one.f_code.co_filename.startswith((*_LIBRARIES, "<")):
            place = f"{one.f_code.co_filename}:{one.f_lineno} ({one.f_code.co_name})"
        outlet = outlet or next(filter(None, map(_outlet_of, list(one.f_locals.values()))), "")
        if outlet and place:
            break
    return outlet or NOBODY, place or "a place that is not known"


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame:
        yield frame
        frame = frame.f_back


def _outlet_of(value: Any) -> str:
    """The key of the outlet that a value belongs to; of a request to a host of no outlet, the host; else ""."""
    if isinstance(value, Response):
        value = value.request
    if isinstance(value, Request):
        spider = getattr(value.callback, "__self__", None)
        return _outlet_of(spider) or str(value.meta.get("download_slot") or "")
    if isinstance(value, Spider):
        return str(getattr(getattr(value, "outlet", None), "key", ""))
    if type(value).__module__.partition(".")[0] not in _OUR_PACKAGES:
        return ""
    # of our own records: a page or reject, and one outlet's crawl
    outlet = getattr(value, "outlet", None)
    return outlet if isinstance(outlet, str) else _outlet_of(getattr(value, "spider", None))
