"""Has answers read in processes of their own, which have a deadline and a memory limit as those that clean pages."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from weakref import WeakKeyDictionary

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.http import HtmlResponse, JsonResponse, TextResponse, XmlResponse
from scrapy.settings import BaseSettings

from crawler.reading.jobs import EntryList, Job, Part, Reading, read, with_entries
from crawler.reading.page_text import PageKind, PageText
from crawler.sources.entries import Entry
from lake.workers.plain_format import Malformed, from_message
from lake.workers.process_pool import ProcessPool, Task, WorkerLimits

_LOAD = "crawler.reading.jobs:load"
_ANSWER_BYTES = 256 << 20  # a list of 50 MiB may repeat what its addresses are relative to
_MOST_ENTRIES = 1_000_000  # of an answer
OFFENCES = 3  # in a row that reach a limit, after which an outlet's others are not read
_SLOW_S = 0.5  # of computing: most answers take a tenth of it, and those of other outlets wait for one that does not


class SourceReaders:
    """The readers of one crawl. A process is started when the first answer is to be read, and a second only beside one
    that takes long."""

    def __init__(self, limits: WorkerLimits) -> None:
        is_process = limits.worker_count > 0
        self._processes = (
            ProcessPool(_LOAD, replace(limits, workers=1, offences=OFFENCES, slow_s=_SLOW_S))
            if is_process
            else None
        )
        self._in_thread = None if is_process else ThreadPoolExecutor(1, "read")

    @classmethod
    def of(cls, crawler: Crawler) -> SourceReaders:
        """Return the readers of a crawl, which end with it."""
        if (readers := _READERS.get(crawler)) is None:
            readers = _READERS[crawler] = cls(limits_of(crawler.settings))
            crawler.signals.connect(readers.close, signals.engine_stopped)
        return readers

    def read(self, job: Job, outlet: str) -> Future[Reading]:
        """Return what is found in an answer. outlet: the key of the outlet that sent it; outlets take turns. `error` says
        why nothing is found, also where the process was lost. Raises WorkersFailed, or the future does."""
        if self._processes:
            return self._processes.submit(_ReadingTask(job, outlet))
        assert self._in_thread
        return self._in_thread.submit(read, job)

    def is_slow(self, outlet: str) -> bool:
        """Whether an answer of this outlet has been read for long."""
        return self._processes is not None and self._processes.is_slow(outlet)

    async def close(self) -> None:
        """End the processes."""
        if self._processes:
            await asyncio.to_thread(self._processes.close)
        elif self._in_thread:
            self._in_thread.shutdown(wait=False)


_READERS: WeakKeyDictionary[Crawler, SourceReaders] = WeakKeyDictionary()


class _ReadingTask(Task[Reading]):
    """One answer."""

    def __init__(self, job: Job, outlet: str) -> None:
        super().__init__()
        self.job, self.key, self.max_bytes = job, outlet, _ANSWER_BYTES
        self._entries: dict[EntryList, list[Entry]] = {}
        self._count = 0

    def take(self, part: bytes) -> None:
        """Take some entries. Raises Malformed."""
        found: Part = from_message(Part, part)
        self._count += len(found.entries)
        if self._count > _MOST_ENTRIES:
            raise Malformed("more entries than any list has")
        self._entries.setdefault(found.name, []).extend(found.entries)

    def finish(self, part: bytes) -> Reading:
        """Return the reading with its entries. Raises Malformed."""
        reading: Reading = from_message(Reading, part)
        return with_entries(reading, self._entries)

    def lost(self, why: str) -> Reading:
        """Return a reading that says why."""
        return Reading(error=why)


def limits_of(settings: BaseSettings) -> WorkerLimits:
    """Return the limits of processes that parse what sites send."""
    return WorkerLimits(
        workers=settings.getint("CLEAN_WORKERS"),
        deadline_s=settings.getfloat("CLEAN_DEADLINE_S"),
        memory=settings.getint("CLEAN_BYTES"),
        pages=settings.getint("CLEAN_WORKER_PAGES"),
    )


def page_text(response: TextResponse) -> PageText:
    """Return what a reader needs of a page."""
    content_type = (response.headers.get("Content-Type") or b"").decode("latin-1")
    return PageText(response.body, response.url, content_type, _kind_of(response), response._encoding)


def _kind_of(response: TextResponse) -> PageKind | None:
    kinds: tuple[tuple[type[TextResponse], PageKind], ...] = (
        (HtmlResponse, "html"),
        (XmlResponse, "xml"),
        (JsonResponse, "json"),
    )
    return next((kind for response_class, kind in kinds if isinstance(response, response_class)), None)
