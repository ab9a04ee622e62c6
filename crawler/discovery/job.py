"""JOBDIR: takes the requests that an earlier run of a job left in Scrapy's queue into the accounts of this run."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest, NotConfigured
from scrapy.utils.job import job_dir

from crawler.command_line.job_folder import JobFolder
from crawler.discovery.candidates import CandidateSpider
from crawler.discovery.source_spider import SourceSpider
from crawler.politeness.request_policy import REQUESTED_URL_KEY, spider_of
from crawler.sources.source import Source

_RUN_KEY = "job_run"  # of a request's meta: the run that scheduled it


class Job:
    """Downloader middleware of a crawl with JOBDIR.

    A candidate from the queue is counted like any other, and left out where the lake has got the page meanwhile. A
    source from the queue is left out: the spider asks for its sources itself, but for those that the run before has
    read whole."""

    def __init__(self, crawler: Crawler, folder: JobFolder) -> None:
        self.crawler = crawler
        self._folder, self._run = folder, uuid4().hex
        self._kept = folder.take(Path(crawler.settings["STATE_DIR"]))  # before the scheduler opens its queue
        crawler.signals.connect(self._on_scheduled, signals.request_scheduled)
        crawler.signals.connect(self._on_opened, signals.spider_opened)
        crawler.signals.connect(self._on_closed, signals.spider_closed)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Job:
        if not (folder := job_dir(crawler.settings)):
            raise NotConfigured
        return cls(crawler, JobFolder(folder, crawler.spidercls.name))

    def process_request(self, request: Request) -> None:
        """Raises IgnoreRequest for a request of an earlier run that is not to be sent."""
        spider = spider_of(request)
        if not isinstance(spider, CandidateSpider) or request.meta.get(_RUN_KEY) == self._run:
            return
        request.meta[_RUN_KEY] = self._run
        if REQUESTED_URL_KEY in request.cb_kwargs:
            is_sent = spider.resume(request)
        else:
            is_sent = not isinstance(request.cb_kwargs.get("source"), Source)
        if not is_sent:
            request.errback = None  # nothing failed
            raise IgnoreRequest("left out: an earlier run of this job scheduled it")

    def _on_scheduled(self, request: Request) -> None:
        request.meta.setdefault(_RUN_KEY, self._run)

    def _on_opened(self) -> None:
        if isinstance(self.crawler.spider, SourceSpider):
            self.crawler.spider.restore_sources(self._kept)

    def _on_closed(self, reason: str) -> None:
        spider, kept = self.crawler.spider, dict[str, Any]()
        was_stopped = reason == "shutdown" or reason.startswith("closespider_")
        if was_stopped and isinstance(spider, SourceSpider):
            kept = spider.sources_to_restore()
        self._folder.release(kept)
