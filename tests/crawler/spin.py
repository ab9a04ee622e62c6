"""Computes on the event loop, as a parser does that meets a hostile page; a middleware for tests."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from scrapy.http import Response


def compute(seconds: float) -> None:
    """Use so much processor time of this thread."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


class Spin:
    """Spider middleware: each answer of the hosts heavy.* costs 0.4 seconds on the event loop."""

    def process_spider_input(self, response: Response) -> None:
        if (urlsplit(response.url).hostname or "").startswith("heavy."):
            compute(0.4)
