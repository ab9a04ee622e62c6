"""What the crawler's own process does to stay small, and to come back to its event loop in time. A Scrapy extension."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import sys

from scrapy import signals
from scrapy.crawler import Crawler

# mallopt(3): pages come and go by the thousand, and none is to hold the memory around it
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_LARGE = 128 << 10  # bytes that get memory of their own, which the system has back at once
_SWITCH_S = 0.001  # a thread that computes gives way after so long; Python's default is 0.005


class ProcessTuning:
    """Small and punctual."""

    def __init__(self, crawler: Crawler) -> None:
        sys.setswitchinterval(_SWITCH_S)
        _give_back()
        freeze_loaded_objects()
        # Scrapy's handler alone keeps to LOG_LEVEL: without this every page's debug records are made, and thrown away
        logging.getLogger("scrapy").setLevel(crawler.settings["LOG_LEVEL"])
        crawler.signals.connect(freeze_loaded_objects, signals.spider_opened)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> ProcessTuning:
        return cls(crawler)


def suspend_gc() -> None:
    """Until `settle`: what is loaded is here to stay, and nothing of it to be collected."""
    gc.disable()


def freeze_loaded_objects() -> None:
    """From now on only what is made later is looked through: all that is loaded takes a tenth of a second each time."""
    gc.freeze()
    gc.enable()


def _give_back() -> None:
    """Of glibc; others manage by themselves."""
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # its own keeps what a flush took: 50 MB
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    # set by hand it stays; else it grows to the largest block that came back
    mallopt(_MMAP_THRESHOLD, _LARGE)
    mallopt(_TRIM_THRESHOLD, 2 * _LARGE)
    mallopt(_ARENA_MAX, 2)
