"""Many outlets in one crawl: each has its own spider, its own steps, its own end.

The members' requests go through one engine, so that their rows share one run and one set of parts. What Scrapy knows
of a spider as a whole, idle or not, is told here for each member: a hanging outlet holds no other.
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
from twisted.python.failure import Failure

from crawler.discovery.backfill_preemption import PATIENCE_S, try_lock
from crawler.discovery.outlet_spider import OutletSpider
from crawler.outlet_files import known_outlets
from crawler.pipeline.raw_page import outlet_of
from crawler.politeness.request_policy import LeftForLater, download_slot_of, spider_of
from crawler.reports.monitors import source_counts
from lake.runs.session import Claim

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.2


@dataclass(slots=True, eq=False)
class OutletCrawl:
    """One outlet of the crawl."""

    spider: OutletSpider
    locks: ExitStack = field(default_factory=ExitStack)
    turn: IO[str] | None = (
        None  # one of them: who may speak to the site, crawler/discovery/backfill_preemption.py
    )
    since_s: float = 0.0
    seconds: float = 0.0
    begun: bool = False
    ended: str | None = None  # finished, held, lease_lost, deadline, failed
    over: str | None = None  # the same in words, where it did not end by itself

    @property
    def key(self) -> str:
        return self.spider.outlet.key


class OutletCrawls:
    """The outlets of a crawl, as `spider.members`."""

    def __init__(
        self, crawler: Crawler, spiders: Sequence[type[OutletSpider]], arguments: dict[str, Any]
    ) -> None:
        self.crawler = crawler
        self.deadline_s = crawler.settings.getfloat("OUTLET_DEADLINE_S")
        self.queued: Counter[OutletSpider] = Counter()  # requests that wait in the scheduler
        self.all = [OutletCrawl(made.from_crawler(crawler, **arguments)) for made in spiders]
        self._by_key = {member.key: member for member in self.all}
        for member in self.all:  # idle is what a member is, not the crawl
            crawler.signals.disconnect(member.spider._idle, signals.spider_idle)
        crawler.signals.connect(self._opened, signals.spider_opened)
        crawler.signals.connect(self._idle, signals.spider_idle)
        crawler.signals.connect(self._closed, signals.spider_closed)

    def leave(self, key: str, why: str) -> None:
        """Ask for nothing more of an outlet; the others go on."""
        member = self._by_key[key]
        if member.ended is None:
            self._end(member, why)
            member.over = f"{key} was left: {why}"
            member.spider.closed(why)
            self._call_off(member)

    def over(self, asker: Any) -> str | None:
        """Why nothing more is asked for this spider; None as long as it goes on."""
        return next((m.over for m in self.all if m.spider is asker), None)

    def _call_off(self, member: OutletCrawl) -> None:
        """What waits for its site's pace has passed Queued already."""
        downloader = self.crawler.engine.downloader if self.crawler._engine else None
        for slot in downloader.slots.values() if downloader else ():
            waiting = [(r, d) for r, d in slot.queue if spider_of(r) is member.spider]
            for request, deferred in waiting:
                slot.queue.remove((request, deferred))
                deferred.errback(Failure(LeftForLater(member.over)))  # type: ignore[no-untyped-call]

    # ------------------------------------------------------------ each for itself

    def _opened(self) -> None:
        folder = Path(self.crawler.settings["STATE_DIR"]) / "turns"
        folder.mkdir(parents=True, exist_ok=True)
        for member in (m for m in self.all if m.ended is None):
            name = quote(member.key, safe="")
            news = member.locks.enter_context((folder / f"{name}.news").open("w"))
            fcntl.flock(news, fcntl.LOCK_SH)  # held alone only for the instant in which a backfill looks
            member.turn = member.locks.enter_context((folder / f"{name}.turn").open("w"))
            member.since_s = monotonic()
        self._task = asyncio.get_running_loop().create_task(self._drive())

    async def _drive(self) -> None:
        while self._slot and (going := [member for member in self.all if member.ended is None]):
            for member in going:
                try:
                    await self._look(member)
                except Exception:  # its own fault alone
                    log.exception("%s: its crawl failed", member.key)
                    self._count("spider_errors")
                    self.leave(member.key, "failed")
            await asyncio.sleep(_LOOK_EVERY_S)
        if self._slot:
            self._slot.nextcall.schedule()  # to find that it is idle, now and not at the next heartbeat

    @property
    def _slot(self) -> Any:
        """The engine's; None where the crawl is ending."""
        slot = self.crawler.engine._slot if self.crawler._engine else None
        return slot if slot and slot.closing is None else None

    async def _look(self, member: OutletCrawl) -> None:
        waited_s = monotonic() - member.since_s
        if waited_s > self.deadline_s:
            log.error("%s: given up after %.0f s (OUTLET_DEADLINE_S)", member.key, waited_s)
            self.leave(member.key, "deadline")
        elif not member.begun:
            assert member.turn
            if try_lock(member.turn, fcntl.LOCK_SH) or waited_s > PATIENCE_S:
                await self._begin(member)
        elif not self._is_busy(member):
            try:
                member.spider._idle()
            except DontCloseSpider:
                return
            self._end(member, "finished")

    async def _begin(self, member: OutletCrawl) -> None:
        assert self.crawler.engine
        member.begun = True
        async for request in member.spider.start():
            self.crawler.engine.crawl(request)

    def _is_busy(self, member: OutletCrawl) -> bool:
        """Whether anything of it waits or is under way, from the scheduler to the end of its callback."""
        under_way = self._slot.inprogress if self._slot else ()
        return bool(self.queued[member.spider]) or any(spider_of(r) is member.spider for r in under_way)

    def _end(self, member: OutletCrawl, how: str) -> None:
        member.ended, member.seconds = how, monotonic() - member.since_s if member.since_s else 0.0
        member.locks.close()

    def _idle(self) -> None:
        if any(member.ended is None for member in self.all):
            raise DontCloseSpider

    async def _closed(self) -> None:
        if hasattr(self, "_task"):
            self._task.cancel()
        for member in self.all:
            member.spider.closed("")  # Scrapy tells only the spider of the crawl
            member.locks.close()

    def _count(self, name: str) -> None:
        assert self.crawler.stats
        self.crawler.stats.inc_value(name)

    # ------------------------------------------------------------ for all of them

    def claims(self) -> list[Claim]:
        return [Claim(member.key, member.key, needed=False) for member in self.all]

    def candidate(self, url: str, source: str | None = None) -> Request | None:
        member = self._by_key.get(outlet_of(url))
        return member.spider.candidate(url, source) if member and member.ended is None else None

    def settled(self, requested_url: str) -> None:
        for member in self.all:
            member.spider.settled(requested_url)

    def unsettled_sources(self) -> set[str]:
        return set().union(*(member.spider.unsettled_sources() for member in self.all))

    def remembered(self) -> dict[str, dict[str, Any] | None]:
        return {url: facts for m in self.all for url, facts in m.spider.remembered().items()}

    def sources(self) -> dict[str, dict[str, Any]]:
        return {url: facts for member in self.all for url, facts in member.spider.sources.items()}

    def facts(self) -> dict[str, dict[str, Any]]:
        """For the run record, by outlet."""
        return {
            member.key: {
                "ended": member.ended or "shutdown",
                "seconds": round(member.seconds, 1),
                "candidates": len(member.spider._requested),
                **source_counts(member.spider.sources.values()),
            }
            for member in self.all
        }

    def faults(self) -> Iterator[str]:
        """What makes the crawl a failed one."""
        for member in self.all:
            sources = member.spider.sources.values()
            if member.ended in ("deadline", "failed"):
                yield f"{member.key}: {member.ended}"
            elif sources and all(s["error"] for s in sources):
                yield f"{member.key}: no source answered"


class CountQueued:
    """Downloader middleware of a crawl of many: counts what each member has in the scheduler, and lets nothing more
    go out for one that has ended."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        crawler.signals.connect(self._scheduled, signals.request_scheduled)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> CountQueued:
        return cls(crawler)

    def _scheduled(self, request: Request) -> None:
        asker = spider_of(request)
        if isinstance(asker, OutletSpider):
            self._members.queued[asker] += 1
            request.meta["queued"] = True
        # the scheduler takes next from the outlet with the least under way, if it is told whose a request is
        request.meta["download_slot"] = download_slot_of(request.url)

    def process_request(self, request: Request) -> None:
        asker = spider_of(request)
        if request.meta.pop("queued", False):
            self._members.queued[asker] -= 1
        if over := self._members.over(asker):
            raise LeftForLater(over)

    @property
    def _members(self) -> OutletCrawls:
        members: OutletCrawls = self.crawler.spider.outlet_crawls  # type: ignore[union-attr]  # crawler/spiders/all.py
        return members


def chosen_outlets(shard: str = "", only: str = "") -> list[str]:
    """The outlets' keys. Raises UsageError."""
    keys = sorted(known_outlets().by_name)
    wanted = [key.strip() for key in only.split(",") if key.strip()]
    for key in wanted:
        if key not in keys:
            guess = get_close_matches(key, keys, 1)
            hint = f"did you mean {guess[0]!r}?" if guess else "`scrapy list` names them"
            raise UsageError(f"only: no outlet is called {key!r}; {hint}", print_help=False)
    index, of = _shard(shard)
    return [key for key in (sorted(set(wanted)) or keys) if shard_of(key, of) == index]


def shard_of(key: str, shards: int) -> int:
    """The same on every machine, and whatever other outlets there are."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % shards


def _shard(given: str) -> tuple[int, int]:
    if not given:
        return 0, 1
    try:
        index, of = (int(part) for part in given.split("/"))
        if 0 <= index < of:
            return index, of
    except ValueError:
        pass
    raise UsageError(f"shard: {given!r} is not i/n with i from 0 to n - 1, as 0/4", print_help=False)
