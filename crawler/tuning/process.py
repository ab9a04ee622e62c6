"""Process tuning: memory allocator, garbage collection and thread switching of the crawler. A Scrapy extension.

It keeps the process small, and lets the event loop run on time.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import sys

from scrapy import signals
from scrapy.crawler import Crawler

# mallopt(3): pages are allocated and freed by the thousand; none may keep the memory around it from being returned
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_LARGE_BYTES = 128 << 10  # from this size on a block has its own mapping, returned to the system when freed
_SWITCH_INTERVAL_S = 0.001  # a computing thread yields the interpreter after this time; default 0.005


class ProcessTuning:
    """Applies the settings when the crawler is created, and freezes loaded objects again when the spider opens."""

    def __init__(self, crawler: Crawler) -> None:
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        _return_freed_memory()
        freeze_loaded_objects()
        # Scrapy sets LOG_LEVEL on its handler only: without this line, each page's debug records are made and dropped
        logging.getLogger("scrapy").setLevel(crawler.settings["LOG_LEVEL"])
        crawler.signals.connect(freeze_loaded_objects, signals.spider_opened)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> ProcessTuning:
        return cls(crawler)


def suspend_gc() -> None:
    """Switch garbage collection off until freeze_loaded_objects(): what is created while modules load stays."""
    gc.disable()


def freeze_loaded_objects() -> None:
    """gc.freeze(), and garbage collection on: full collections skip the objects loaded so far (0.1 s each time)."""
    gc.freeze()
    gc.enable()


def _return_freed_memory() -> None:
    """Make the allocators return freed memory to the system. Does less on systems without glibc's mallopt()."""
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # Arrow's own pool keeps a flush's 50 MB
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    # a threshold set explicitly stays; otherwise glibc raises it to the size of the largest freed block
    mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
    mallopt(_TRIM_THRESHOLD, 2 * _LARGE_BYTES)
    mallopt(_ARENA_MAX, 2)
