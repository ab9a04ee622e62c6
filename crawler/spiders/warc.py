"""Replay WARC files without a request: scrapy crawl warc -a files=CC-NEWS-2026.warc.gz (docs/warc.md)"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any

from scrapy import Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import UsageError
from scrapy.settings import SETTINGS_PRIORITIES, BaseSettings

from cleaning import RawPage
from crawler.command_line.arguments import SELECTION_ARGUMENTS, BadArgument
from crawler.discovery.warc_replay import (
    NotAWarc,
    ReplayChoice,
    WarcBatch,
    is_set,
    read_batches,
    replay_choice,
)
from lake.storage.open_store import open_store
from lake.storage.store import LakeError
from lake.warc.files import find_files, missing_files
from lake.warc.member_stream import BrokenMember
from lake.warc.replay_progress import WINDOW, Progress, replay_progress

_IN_FLIGHT = 32  # pages in the pipeline at once, each of DOWNLOAD_MAXSIZE at most
_TOLD = 20  # broken records of one file that are told one by one


class Warc(Spider):
    """Every HTML page that an archive holds goes down the pipeline as if it had just been fetched."""

    name = "warc"
    arguments = ("files", "parallel", "fresh", "outlets", "since", "until", "all", *SELECTION_ARGUMENTS)

    def __init__(self, *args: Any, **given: str) -> None:
        super().__init__(*args, **{k: v for k, v in given.items() if k not in ("since", "until", "all")})
        self.choice, self.parallel = _checked(given)
        self.files, self.fresh = given["files"], is_set(given.get("fresh", ""))
        self.replay = self.choice.key  # in the run's first record: crawler/reports/run_report.py
        self.sources: dict[str, dict[str, Any]] = {}  # by file; goes into the run record
        self._handed = self._in_flight = 0
        self._freed = asyncio.Event()

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Warc:
        spider = super().from_crawler(crawler, *args, **kwargs)
        for outcome in (signals.item_scraped, signals.item_dropped, signals.item_error):
            crawler.signals.connect(spider._outcome, outcome)
        return spider

    @classmethod
    def hosts(cls, **given: str) -> list[str]:
        """None: nothing is asked for. Raises UsageError for arguments that cannot be used."""
        _checked(given)
        try:
            nowhere = missing_files(given["files"])
        except OSError as error:
            raise UsageError(f"-a files: {error}", print_help=False) from error
        if nowhere:
            raise UsageError(f"-a files: no WARC file is there: {', '.join(nowhere)}", print_help=False)
        return []

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        """No request, whatever the command line says."""
        super().update_settings(settings)
        for name, value in (("MAX_PARTS", 1), ("DOWNLOAD_HANDLERS", {"http": None, "https": None})):
            settings.set(name, value, SETTINGS_PRIORITIES["cmdline"] + 1)

    def settled(self, requested_url: str) -> None:
        """A page has its outcome; nothing is kept of it, the lake itself tells how far a replay has come."""

    def unsettled_sources(self) -> set[str]:
        return set()

    # ------------------------------------------------------------ pages, no faster than the pipeline takes them

    async def start(self) -> AsyncIterator[Any]:
        assert self.crawler.engine
        try:
            files = await asyncio.to_thread(find_files, self.files)
            done = {} if self.fresh else await asyncio.to_thread(self._progress)
        except (OSError, LakeError) as error:
            self._unreadable(self.files, error)
            return
        if not files:
            self._unreadable(self.files, NotAWarc("no WARC file is there"))
        async with aclosing(self._pages(files, done)) as pages:
            async for page in pages:
                # Scrapy would take items as fast as they come. The pause lets a later replay tell from what has
                # landed how far this one had come: lake/warc/replay_progress.py
                await self._fewer_than(1 if self._handed % WINDOW == 0 else _IN_FLIGHT)
                if self.crawler.engine.needs_backout():  # closing: without requests there is no other reason
                    return
                self._handed += 1
                self._in_flight += 1
                self._count("candidates", 1)
                yield page
        # when this ends Scrapy sees whether all is done, and after that only every five seconds
        await self._fewer_than(1)

    def _progress(self) -> dict[str, Progress]:
        return replay_progress(open_store(self.settings["LAKE_URI"]), self.replay)

    async def _fewer_than(self, limit: int) -> None:
        while self._in_flight >= limit:
            self._freed.clear()
            await self._freed.wait()

    def _outcome(self) -> None:
        self._in_flight -= 1
        self._freed.set()

    # ------------------------------------------------------------ many files at once

    async def _pages(self, files: list[str], done: dict[str, Progress]) -> AsyncGenerator[RawPage, None]:
        """Of every file in order, the files among one another as they are read."""
        found: asyncio.Queue[RawPage | Exception | None] = asyncio.Queue(1)
        threads, waiting = ThreadPoolExecutor(self.parallel, "warc"), iter(files)
        readers = [
            asyncio.create_task(self._read(waiting, done, found, threads)) for _ in range(self.parallel)
        ]
        try:
            left = len(readers)
            while left:
                page = await found.get()
                if isinstance(page, Exception):  # of our own making: the run fails loudly
                    raise page
                if page:
                    yield page
                else:
                    left -= 1
        finally:
            for reader in readers:
                reader.cancel()
            threads.shutdown(wait=False, cancel_futures=True)

    async def _read(
        self,
        waiting: Iterator[str],
        done: dict[str, Progress],
        found: asyncio.Queue[RawPage | Exception | None],
        threads: ThreadPoolExecutor,
    ) -> None:
        """One file after the other; None at the end."""
        loop, max_bytes = asyncio.get_running_loop(), self.settings.getint("DOWNLOAD_MAXSIZE")
        try:
            for file in waiting:
                reading = read_batches(file, self.choice, done.get(file, Progress()), max_bytes)
                self.sources[file] = {"kind": "warc", "found": 0, "broken": 0, "error": None}
                try:
                    while haul := await loop.run_in_executor(threads, next, reading, None):
                        self._note(file, haul)
                        for page in haul.pages:
                            await found.put(page)
                except (OSError, BrokenMember, NotAWarc) as error:
                    self._unreadable(file, error)
            await found.put(None)
        except Exception as error:
            await found.put(error)

    # ------------------------------------------------------------ the books

    def _note(self, file: str, haul: WarcBatch) -> None:
        source = self.sources[file]
        for name, count in haul.counts.items():
            self._count(name, count)
        for broken in haul.told:
            source["broken"] += 1
            if source["broken"] <= _TOLD:
                self.logger.warning("broken record passed over: %s", broken)
            elif source["broken"] == _TOLD + 1:
                self.logger.warning("%s: more broken records are counted only", file)
        source["found"] += len(haul.pages)

    def _unreadable(self, file: str, error: Exception) -> None:
        self.sources.setdefault(file, {"kind": "warc", "found": 0, "broken": 0})["error"] = str(error)
        self._count("warc/unreadable_files", 1)
        self.logger.error("%s cannot be read: %s", file, error)

    def _count(self, name: str, by: int) -> None:
        assert self.crawler.stats
        self.crawler.stats.inc_value(name, by)


def _checked(given: Mapping[str, str]) -> tuple[ReplayChoice, int]:
    """What is wanted, and how many files are read at once. Raises UsageError."""
    parallel = given.get("parallel", "2")
    try:
        if not given.get("files"):
            raise BadArgument(
                "files: expected paths, folders, patterns, s3://… or @list.txt, with commas between them"
            )
        if not (parallel.isascii() and parallel.isdigit() and 1 <= int(parallel) <= 64):
            raise BadArgument(f"parallel: {parallel!r}; expected a whole number from 1 to 64")
        return replay_choice(given), int(parallel)
    except BadArgument as error:
        raise UsageError(f"warc: {error}", print_help=False) from error
