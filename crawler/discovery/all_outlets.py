"""The crawl-all driver: runs the spiders of many outlets in one crawl and ends each of them separately.

All requests go through one Scrapy engine, so the rows of all outlets share one run and its part files. Scrapy knows
only whether a spider as a whole is idle. The driver works that out for each outlet's crawl instead, so an outlet that
hangs does not delay the others.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from time import monotonic
from typing import IO, Any
from urllib.parse import quote

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DontCloseSpider, UsageError
from scrapy.http import Response
from twisted.python.failure import Failure

from crawler.discovery.backfill_preemption import MAX_WAIT_FOR_TURN_S, try_lock
from crawler.discovery.outlet_spider import OutletSpider
from crawler.outlet_files import known_outlets, mistakes_in
from crawler.pipeline.land import Land
from crawler.pipeline.raw_page import outlet_of
from crawler.politeness.request_policy import LeftForLater, download_slot_of, spider_of
from crawler.reports.monitors import source_counts
from crawler.reports.source_findings import findings, why_failed
from lake.runs.session import Claim
from lake.storage.local_files import private_folder
from lake.storage.state_folder import TURNS, state_failure

log = logging.getLogger(__name__)

_POLL_INTERVAL_S = 0.2
# end reasons that make the crawl a failed one, in words
_FAULTS = {
    "deadline": "deadline",
    "failed": "failed",
    "loop_held": "given up, for it held up the event loop (OUTLET_HELD_S)",
    "slow_pages": "given up, for its pages took a worker too long or too much memory (CLEAN_DEADLINE_S, CLEAN_BYTES)",
}


@dataclass(slots=True, eq=False)
class OutletCrawl:
    """The state of one outlet's crawl."""

    spider: OutletSpider
    open_files: ExitStack = field(default_factory=ExitStack)
    # locked while this crawl may send requests to the site: crawler/discovery/backfill_preemption.py
    turn_file: IO[str] | None = None
    opened_at_s: float = 0.0  # monotonic clock; 0: the crawl-all driver has not opened yet
    duration_s: float = 0.0
    has_begun: bool = False
    # finished, held, lease_lost, deadline, loop_held, slow_pages, failed
    end_reason: str | None = None
    end_message: str | None = None  # the same in words; None for a crawl that finished

    @property
    def key(self) -> str:
        """The outlet's key."""
        return self.spider.outlet.key


class OutletCrawls:
    """The crawl-all driver with its outlets' crawls; the spider `all` keeps it as `spider.outlet_crawls`."""

    def __init__(
        self,
        crawler: Crawler,
        spiders: Sequence[type[OutletSpider]],
        arguments: dict[str, Any],
        broken_keys: Sequence[str] = (),
    ) -> None:
        self.crawler = crawler
        self.broken_keys = broken_keys  # of outlets that are left out for mistakes in their files
        self.deadline_s = crawler.settings.getfloat("OUTLET_DEADLINE_S")
        self.queued: Counter[OutletSpider] = Counter()  # requests that wait in the scheduler
        self.crawls = [
            OutletCrawl(spider_class.from_crawler(crawler, **arguments)) for spider_class in spiders
        ]
        self._by_key = {crawl.key: crawl for crawl in self.crawls}
        for crawl in self.crawls:  # the driver decides when an outlet's crawl is idle
            crawler.signals.disconnect(crawl.spider._on_idle, signals.spider_idle)
        crawler.signals.connect(self._on_spider_opened, signals.spider_opened)
        crawler.signals.connect(self._on_spider_idle, signals.spider_idle)
        crawler.signals.connect(self._on_spider_closed, signals.spider_closed)

    def leave(self, key: str, why: str) -> None:
        """Stop one outlet's crawl; the other outlets' crawls go on. why: the reason, as `held` or `lease_lost`."""
        crawl = self._by_key[key]
        if crawl.end_reason is None:
            self._end_crawl(crawl, why)
            crawl.end_message = f"{key} was left: {why}"
            crawl.spider.closed(why)
            self._drop_waiting_requests(crawl)

    def why_ended(self, spider: Any) -> str | None:
        """Return why the crawl of this spider was stopped; None while it goes on, and where it finished by itself."""
        return next((crawl.end_message for crawl in self.crawls if crawl.spider is spider), None)

    def has_held_loop(self, spider: Any) -> bool:
        """Whether the crawl of this spider was stopped because it held up the event loop."""
        return any(crawl.end_reason == "loop_held" for crawl in self.crawls if crawl.spider is spider)

    def _drop_waiting_requests(self, crawl: OutletCrawl) -> None:
        """Fail the outlet's requests that wait in a downloader slot; these have passed CountQueued already."""
        downloader = self.crawler.engine.downloader if self.crawler._engine else None
        for slot in downloader.slots.values() if downloader else ():
            waiting = [(r, d) for r, d in slot.queue if spider_of(r) is crawl.spider]
            for request, deferred in waiting:
                slot.queue.remove((request, deferred))
                deferred.errback(Failure(LeftForLater(crawl.end_message)))  # type: ignore[no-untyped-call]

    # ------------------------------------------------------------ each outlet's crawl

    def _on_spider_opened(self) -> None:
        land = self.crawler.get_item_pipeline(Land)
        if land and not land.is_open:
            return  # the crawl ends before its first request
        try:
            self._open_turn_files()
        except OSError as error:  # Scrapy would log an exception of a signal handler, and wait for ever
            log.error(
                "nothing is fetched: %s", state_failure(Path(self.crawler.settings["STATE_DIR"]), error)
            )
            assert self.crawler.engine
            closing = self.crawler.engine.close_spider_async(reason="state_failed")
            self._closing_task = asyncio.get_running_loop().create_task(closing)
        else:
            self._task = asyncio.get_running_loop().create_task(self._drive())

    def _open_turn_files(self) -> None:
        folder = private_folder(Path(self.crawler.settings["STATE_DIR"]), TURNS)
        for crawl in (crawl for crawl in self.crawls if crawl.end_reason is None):
            file_stem = quote(crawl.key, safe="")
            news_file = crawl.open_files.enter_context((folder / f"{file_stem}.news").open("w"))
            # a backfill locks it exclusively only for the instant of its check
            fcntl.flock(news_file, fcntl.LOCK_SH)
            crawl.turn_file = crawl.open_files.enter_context((folder / f"{file_stem}.turn").open("w"))
            crawl.opened_at_s = monotonic()

    async def _drive(self) -> None:
        """Poll each outlet's crawl until all have ended."""
        while self._engine_slot and (
            running_crawls := [crawl for crawl in self.crawls if crawl.end_reason is None]
        ):
            for crawl in running_crawls:
                try:
                    await self._poll(crawl)
                except Exception:  # one outlet's failure must not end the others
                    log.exception("%s: its crawl failed", crawl.key)
                    self._count("spider_errors")
                    self.leave(crawl.key, "failed")
            await asyncio.sleep(_POLL_INTERVAL_S)
        if self._engine_slot:
            self._engine_slot.nextcall.schedule()  # the engine notices now, not at its next heartbeat, that it is idle

    @property
    def _engine_slot(self) -> Any:
        """The engine's slot; None where the whole crawl is ending."""
        slot = self.crawler.engine._slot if self.crawler._engine else None
        return slot if slot and slot.closing is None else None

    async def _poll(self, crawl: OutletCrawl) -> None:
        """Start, continue or end one outlet's crawl, whichever is due."""
        waited_s = monotonic() - crawl.opened_at_s
        if waited_s > self.deadline_s:
            log.error("%s: given up after %.0f s (OUTLET_DEADLINE_S)", crawl.key, waited_s)
            self.leave(crawl.key, "deadline")
        elif not crawl.has_begun:
            assert crawl.turn_file
            if try_lock(crawl.turn_file, fcntl.LOCK_SH) or waited_s > MAX_WAIT_FOR_TURN_S:
                await self._start_crawl(crawl)
        elif not self._is_busy(crawl):
            try:
                crawl.spider._on_idle()
            except DontCloseSpider:
                return
            self._end_crawl(crawl, "finished")

    async def _start_crawl(self, crawl: OutletCrawl) -> None:
        assert self.crawler.engine
        crawl.has_begun = True
        async for request in crawl.spider.start():
            self.crawler.engine.crawl(request)

    def _is_busy(self, crawl: OutletCrawl) -> bool:
        """Whether one of its requests is queued or in progress, from the scheduler to the end of its callback."""
        under_way = self._engine_slot.inprogress if self._engine_slot else ()
        return bool(self.queued[crawl.spider]) or any(spider_of(r) is crawl.spider for r in under_way)

    def _end_crawl(self, crawl: OutletCrawl, reason: str) -> None:
        crawl.end_reason, crawl.duration_s = (
            reason,
            monotonic() - crawl.opened_at_s if crawl.opened_at_s else 0.0,
        )
        crawl.open_files.close()

    def _on_spider_idle(self) -> None:
        if any(crawl.end_reason is None for crawl in self.crawls):
            raise DontCloseSpider

    async def _on_spider_closed(self) -> None:
        if hasattr(self, "_task"):
            self._task.cancel()
        for crawl in self.crawls:
            crawl.spider.closed("")  # Scrapy calls closed() only on the spider `all`
            crawl.open_files.close()

    def _count(self, name: str) -> None:
        assert self.crawler.stats
        self.crawler.stats.inc_value(name)

    # ------------------------------------------------------------ all outlets together

    def claims(self) -> list[Claim]:
        """Return the leases that the run claims: one for each outlet. The run goes on without those that are
        taken."""
        return [Claim(crawl.key, crawl.key, needed=False) for crawl in self.crawls]

    def candidate(self, url: str, source: str | None = None) -> Request | None:
        """Return the request of an article candidate from the spider of its outlet; None as in
        CandidateSpider.candidate, and where no outlet of this crawl owns the URL."""
        crawl = self._by_key.get(outlet_of(url))
        return crawl.spider.candidate(url, source) if crawl and crawl.end_reason is None else None

    def settled(self, requested_url: str) -> None:
        """Pass a final outcome on to each outlet's spider."""
        for crawl in self.crawls:
            crawl.spider.settled(requested_url)

    def unsettled_sources(self) -> set[str]:
        """Return the sources of all outlets that named a page which is still to be requested."""
        return set().union(*(crawl.spider.unsettled_sources() for crawl in self.crawls))

    def remembered(self) -> dict[str, dict[str, Any] | None]:
        """Return for each source of all outlets what the next run may rely on: SourceSpider.remembered."""
        return {url: facts for crawl in self.crawls for url, facts in crawl.spider.remembered().items()}

    def sources(self) -> dict[str, dict[str, Any]]:
        """Return for each source of all outlets its entry in the run record."""
        return {url: facts for crawl in self.crawls for url, facts in crawl.spider.sources.items()}

    def facts(self) -> dict[str, dict[str, Any]]:
        """Return what the run record says of each outlet, by the outlet's key."""
        left_out: dict[str, dict[str, Any]] = {key: {"ended": "broken_file"} for key in self.broken_keys}
        return left_out | {
            crawl.key: {
                "ended": crawl.end_reason or "shutdown",
                "seconds": round(crawl.duration_s, 1),
                "candidates": len(crawl.spider._requested_ids),
                **source_counts(crawl.spider.sources.values()),
            }
            for crawl in self.crawls
        }

    def faults(self) -> Iterator[str]:
        """Return, as sentences, what makes the whole crawl a failed one."""
        for key in self.broken_keys:
            yield f"{key}: not crawled for a mistake in its file: {mistakes_in(key).partition(chr(10))[0]}"
        for crawl in self.crawls:
            if crawl.end_reason in _FAULTS:
                yield f"{crawl.key}: {_FAULTS[crawl.end_reason]}"
            elif why := why_failed(crawl.spider.sources):
                yield f"{crawl.key}: {why}"

    def findings(self) -> Iterator[str]:
        """Return, as sentences, what is to be told of the outlets' sources beside the faults."""
        for crawl in self.crawls:
            yield from (f"{crawl.key}: {finding}" for finding in findings(crawl.spider.sources))


class CountQueued:
    """Downloader middleware of the crawl-all driver: counts each outlet's requests in the scheduler, and drops those
    of an outlet whose crawl has ended."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        crawler.signals.connect(self._on_request_scheduled, signals.request_scheduled)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> CountQueued:
        return cls(crawler)

    def _on_request_scheduled(self, request: Request) -> None:
        spider = spider_of(request)
        if isinstance(spider, OutletSpider):
            self._outlet_crawls.queued[spider] += 1
            request.meta["queued"] = True
        # with a slot name the scheduler takes next from the outlet that has the fewest requests in progress
        request.meta["download_slot"] = download_slot_of(request.url)

    def process_response(self, request: Request, response: Response) -> Response:
        """Raises LeftForLater where the outlet held up the event loop: its answers are not read any more."""
        if self._outlet_crawls.has_held_loop(spider_of(request)):
            raise LeftForLater(self._outlet_crawls.why_ended(spider_of(request)))
        return response

    def process_request(self, request: Request) -> None:
        """Take a request off the count. Raises LeftForLater where its outlet's crawl was stopped."""
        spider = spider_of(request)
        if request.meta.pop("queued", False):
            self._outlet_crawls.queued[spider] -= 1
        if end_message := self._outlet_crawls.why_ended(spider):
            raise LeftForLater(end_message)

    @property
    def _outlet_crawls(self) -> OutletCrawls:
        outlet_crawls: OutletCrawls = self.crawler.spider.outlet_crawls  # type: ignore[union-attr]  # crawler/spiders/all.py
        return outlet_crawls


def chosen_outlets(shard: str = "", only: str = "") -> tuple[list[str], list[str]]:
    """Return the sorted keys of the outlets in a shard (`i/n`) and in a list of keys (`only`, separated by commas):
    those with a sound file, and those with a broken one. Raises UsageError for an unknown key or a malformed
    shard."""
    broken = known_outlets().broken
    keys = sorted([*known_outlets().by_name, *broken])
    selected_keys = [key.strip() for key in only.split(",") if key.strip()]
    for key in selected_keys:
        if key not in keys:
            guess = get_close_matches(key, keys, 1)
            hint = f"did you mean {guess[0]!r}?" if guess else "`scrapy list` names them"
            raise UsageError(f"only: no outlet is called {key!r}; {hint}", print_help=False)
    index, shard_count = _parse_shard(shard)
    chosen = [key for key in (sorted(set(selected_keys)) or keys) if shard_of(key, shard_count) == index]
    return [key for key in chosen if key not in broken], [key for key in chosen if key in broken]


def shard_of(key: str, shards: int) -> int:
    """Return the shard of an outlet, from 0. It is the same on every machine, whatever other outlets there are."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % shards


def _parse_shard(argument: str) -> tuple[int, int]:
    """Return (index, number of shards) of `i/n`; (0, 1) for an empty argument. Raises UsageError."""
    if not argument:
        return 0, 1
    try:
        index, shard_count = (int(number) for number in argument.split("/"))
        if 0 <= index < shard_count:
            return index, shard_count
    except ValueError:
        pass
    raise UsageError(f"shard: {argument!r} is not i/n with i from 0 to n - 1, as 0/4", print_help=False)
