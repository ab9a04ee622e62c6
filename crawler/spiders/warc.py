"""The spider `warc`: replays the pages of WARC files, on disk or in S3, without a request (docs/warc.md).

scrapy crawl warc -a files=CC-NEWS-2026.warc.gz goes on where an earlier replay of the same files and choice stopped.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any

from scrapy import Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import UsageError
from scrapy.settings import SETTINGS_PRIORITIES, BaseSettings

from crawler.command_line.arguments import SELECTION_ARGUMENTS, BadArgument
from crawler.discovery.warc_replay import (
    NotAWarc,
    ReplayChoice,
    WarcBatch,
    WarcItem,
    is_set,
    read_batches,
    replay_choice,
)
from lake.storage.open_store import open_store
from lake.storage.store import LakeError
from lake.warc.files import find_files, missing_files
from lake.warc.member_stream import BrokenMember
from lake.warc.replay_progress import WINDOW, Progress, replay_progress

_MAX_PAGES_IN_FLIGHT = 32  # pages in the pipeline at once; each has at most DOWNLOAD_MAXSIZE bytes
_MAX_LOGGED_RECORDS = 20  # broken records of one file that are logged one by one; the others are only counted


class Warc(Spider):
    """Passes every HTML page of the files to the pipeline as if it had just been fetched."""

    name = "warc"
    arguments = ("files", "parallel", "fresh", "outlets", "since", "until", "all", *SELECTION_ARGUMENTS)

    def __init__(self, *args: Any, **arguments: str) -> None:
        super().__init__(
            *args,
            **{name: value for name, value in arguments.items() if name not in ("since", "until", "all")},
        )
        self.choice, self.parallel = _check_arguments(arguments)
        self.files, self.fresh = arguments["files"], is_set(arguments.get("fresh", ""))
        self.replay = self.choice.key  # crawler/reports/run_report.py writes it to the run's first record
        self.sources: dict[str, dict[str, Any]] = {}  # by file: its entry in the run record
        self._handed_over = self._in_flight = 0
        self._place_freed = asyncio.Event()

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Warc:
        spider = super().from_crawler(crawler, *args, **kwargs)
        for outcome in (signals.item_scraped, signals.item_dropped, signals.item_error):
            crawler.signals.connect(spider._on_outcome, outcome)
        return spider

    @classmethod
    def hosts(cls, **arguments: str) -> list[str]:
        """Return no hosts, for a replay makes no request. Raises UsageError for arguments or files that cannot be
        used."""
        _check_arguments(arguments)
        try:
            missing = missing_files(arguments["files"])
        except OSError as error:
            raise UsageError(f"-a files: {error}", print_help=False) from error
        if missing:
            raise UsageError(f"-a files: no WARC file is there: {', '.join(missing)}", print_help=False)
        return []

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        """Rule out every request, whatever the command line says."""
        super().update_settings(settings)
        for name, value in (("MAX_PARTS", 1), ("DOWNLOAD_HANDLERS", {"http": None, "https": None})):
            settings.set(name, value, SETTINGS_PRIORITIES["cmdline"] + 1)

    def settled(self, requested_url: str) -> None:
        """Do nothing: the lake itself shows how far a replay has come."""

    def unsettled_sources(self) -> set[str]:
        """Return no sources: a replay requests no page again."""
        return set()

    # ------------------------------------------------------------ handing pages to the pipeline, at its pace

    async def start(self) -> AsyncIterator[Any]:
        """Yield the pages of all files, at most so many at a time as the pipeline may hold."""
        assert self.crawler.engine
        try:
            files = await asyncio.to_thread(find_files, self.files)
            progress = {} if self.fresh else await asyncio.to_thread(self._load_progress)
        except (OSError, LakeError) as error:
            self._note_unreadable(self.files, error)
            return
        if not files:
            self._note_unreadable(self.files, NotAWarc("no WARC file is there"))
        async with aclosing(self._read_files(files, progress)) as pages:
            async for page in pages:
                # Without waiting, Scrapy would take items as fast as they come. After every WINDOW pages the pipeline
                # runs empty, so that a later replay can tell from the landed rows how far this one had come
                # (lake/warc/replay_progress.py).
                await self._wait_for_fewer_than(
                    1 if self._handed_over % WINDOW == 0 else _MAX_PAGES_IN_FLIGHT
                )
                # the crawl is closing: a replay makes no requests, so nothing else can hold it up
                if self.crawler.engine.needs_backout():
                    return
                self._handed_over += 1
                self._in_flight += 1
                self._count("candidates", 1)
                yield page
        # when this generator ends Scrapy checks whether the spider is idle, and later only every five seconds
        await self._wait_for_fewer_than(1)

    def _load_progress(self) -> dict[str, Progress]:
        """Return, by file, how far earlier replays of the same choice have come."""
        return replay_progress(open_store(self.settings["LAKE_URI"]), self.replay)

    async def _wait_for_fewer_than(self, limit: int) -> None:
        """Wait until fewer than limit pages are in the pipeline."""
        while self._in_flight >= limit:
            self._place_freed.clear()
            await self._place_freed.wait()

    def _on_outcome(self) -> None:
        """A page has left the pipeline."""
        self._in_flight -= 1
        self._place_freed.set()

    # ------------------------------------------------------------ reading several files at once

    async def _read_files(
        self, files: list[str], progress: dict[str, Progress]
    ) -> AsyncGenerator[WarcItem, None]:
        """Yield the pages of `parallel` files at a time. The pages of one file come in order, those of several files
        mixed."""
        queue: asyncio.Queue[WarcItem | Exception | None] = asyncio.Queue(1)
        threads, waiting = ThreadPoolExecutor(self.parallel, "warc"), iter(files)
        readers = [
            asyncio.create_task(self._read_in_thread(waiting, progress, queue, threads))
            for _ in range(self.parallel)
        ]
        try:
            readers_left = len(readers)
            while readers_left:
                page = await queue.get()
                if isinstance(page, Exception):  # an error in this code: the run must fail
                    raise page
                if page:
                    yield page
                else:
                    readers_left -= 1
        finally:
            for reader in readers:
                reader.cancel()
            threads.shutdown(wait=False, cancel_futures=True)

    async def _read_in_thread(
        self,
        waiting: Iterator[str],
        progress: dict[str, Progress],
        queue: asyncio.Queue[WarcItem | Exception | None],
        threads: ThreadPoolExecutor,
    ) -> None:
        """Put the pages of one file after another into the queue; None at the end. An unexpected error goes into the
        queue, too."""
        loop, max_bytes = asyncio.get_running_loop(), self.settings.getint("DOWNLOAD_MAXSIZE")
        try:
            for file in waiting:
                batches = read_batches(file, self.choice, progress.get(file, Progress()), max_bytes)
                self.sources[file] = {"kind": "warc", "found": 0, "broken": 0, "error": None}
                counts: Counter[str] = Counter()
                try:
                    while batch := await loop.run_in_executor(threads, next, batches, None):
                        self._record_batch(file, batch)
                        counts += batch.counts
                        for page in batch.pages:
                            await queue.put(page)
                    if not self.sources[file]["found"]:
                        told = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
                        self.logger.warning("%s: no page of it is replayed: %s", file, told)
                except (OSError, BrokenMember, NotAWarc) as error:
                    self._note_unreadable(file, error)
            await queue.put(None)
        except Exception as error:
            await queue.put(error)

    # ------------------------------------------------------------ entries in the run record

    def _record_batch(self, file: str, batch: WarcBatch) -> None:
        """Add a batch's counts to the stats and to the file's entry, and log its broken records."""
        source = self.sources[file]
        for name, count in batch.counts.items():
            self._count(name, count)
        for broken in batch.broken_records:
            source["broken"] += 1
            if source["broken"] <= _MAX_LOGGED_RECORDS:
                self.logger.warning("broken record passed over: %s", broken)
            elif source["broken"] == _MAX_LOGGED_RECORDS + 1:
                self.logger.warning("%s: more broken records are counted only", file)
        source["found"] += len(batch.pages)

    def _note_unreadable(self, file: str, error: Exception) -> None:
        """Record, count and log a file that cannot be read."""
        self.sources.setdefault(file, {"kind": "warc", "found": 0, "broken": 0})["error"] = str(error)
        self._count("warc/unreadable_files", 1)
        self.logger.error("%s cannot be read: %s", file, error)

    def _count(self, name: str, by: int) -> None:
        assert self.crawler.stats
        self.crawler.stats.inc_value(name, by)


def _check_arguments(arguments: Mapping[str, str]) -> tuple[ReplayChoice, int]:
    """Return which pages are replayed, and how many files are read at once. Raises UsageError."""
    parallel = arguments.get("parallel", "2")
    try:
        if not arguments.get("files"):
            raise BadArgument(
                "files: expected paths, folders, patterns, s3://… or @list.txt, with commas between them"
            )
        if not (parallel.isascii() and parallel.isdigit() and 1 <= int(parallel) <= 64):
            raise BadArgument(f"parallel: {parallel!r}; expected a whole number from 1 to 64")
        return replay_choice(arguments), int(parallel)
    except BadArgument as error:
        raise UsageError(f"warc: {error}", print_help=False) from error
