"""Who holds the event loop is named and given up; a machine that stands still is blamed on nobody."""

import asyncio
import logging
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from scrapy import Request, Spider
from scrapy.http import TextResponse
from scrapy.settings import Settings
from scrapy.signalmanager import SignalManager
from scrapy.statscollectors import StatsCollector

from crawler.tuning.loop_watchdog import NOBODY, REASON, LoopWatchdog, holder_of
from tests.crawler.spin import compute


class One(Spider):
    """The spider of one outlet."""

    name = "one"
    outlet = SimpleNamespace(key="one")

    def parse_page(self, response):
        """A callback that computes for as long as its answer says."""
        compute(float(response.text))


class Many(Spider):
    name = "all"
    outlet_keys = ("one", "two")

    def __init__(self):
        super().__init__()
        self.left = []

    def leave(self, outlet, why):
        self.left.append((outlet, why))


class Engine:
    running = True

    def __init__(self):
        self.reasons = []

    async def close_spider_async(self, reason):
        self.reasons.append(reason)


def watched(spider, *calls):
    """(crawler, seconds of the calls): each call in a turn of its own, watched."""
    settings = Settings({"LOOP_HELD_S": 0.5, "OUTLET_HELD_S": 1.0})
    crawler = SimpleNamespace(settings=settings, signals=SignalManager(), spider=spider, engine=Engine())
    crawler.stats = StatsCollector(SimpleNamespace(settings=Settings({"STATS_DUMP": False})))

    async def run():
        watchdog = LoopWatchdog.from_crawler(crawler)
        watchdog._opened()
        for call in calls:
            await asyncio.sleep(0.25)  # the turn before is noted
            call()
        await asyncio.sleep(0.25)
        watchdog._closed()

    asyncio.run(run())
    return crawler


def served(seconds):
    spider = One()
    request = Request("http://one.test/a", callback=spider.parse_page)
    response = TextResponse(request.url, body=str(seconds).encode(), request=request)
    return lambda: spider.parse_page(response)


def test_an_outlet_that_holds_the_loop_is_named_and_left_after_some_time_in_all(caplog):
    spider = Many()
    crawler = watched(spider, served(0.7), served(0.4), served(0.4))
    assert spider.left == [("one", REASON)]
    assert crawler.stats.get_value("event_loop/held/one") == 1  # the others are shorter than LOOP_HELD_S
    assert crawler.stats.get_value("event_loop/held_s/one") == pytest.approx(1.5, abs=0.4)
    assert "one holds the event loop: 0." in caplog.text
    assert "spin.py:" in caplog.text
    assert crawler.engine.reasons == []


def test_the_crawl_of_one_outlet_ends(caplog):
    crawler = watched(One(), served(1.3))
    assert crawler.engine.reasons == [REASON]
    assert "one is given up" in caplog.text


def test_a_loop_that_waits_is_told_and_blamed_on_nobody(caplog):
    caplog.set_level(logging.WARNING)
    spider = Many()
    crawler = watched(spider, lambda: time.sleep(1.5))
    assert spider.left == []
    assert "event_loop/" not in str(crawler.stats.get_stats())
    assert "serving unknown" in caplog.text
    assert "the event loop waits for a call that blocks, at /" in caplog.text


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (Request("http://x.test/", callback=One().parse_page), "one"),
        (TextResponse("http://x.test/", request=Request("http://x.test/", callback=One().parse_page)), "one"),
        (TextResponse("http://x.test/"), NOBODY),  # Scrapy raises where a response has no request
        (Request("http://x.test/robots.txt", meta={"download_slot": "two"}), "two"),
        (One(), "one"),
        (Spider(name="other"), NOBODY),
        ("one", NOBODY),
    ],
)
def test_an_outlet_is_known_by_what_the_frames_hold(held, expected):
    ready, done = threading.Event(), threading.Event()

    def serve(value):
        ready.set()
        done.wait(10)

    thread = threading.Thread(target=serve, args=(held,))
    thread.start()
    try:
        assert ready.wait(10)
        outlet, place = holder_of(sys._current_frames()[thread.ident])
    finally:
        done.set()
        thread.join()
    assert outlet == expected
    assert "test_loop_watchdog.py:" in place
