"""All outlets, or a shard of them, in one run: scrapy crawlall, or scrapy crawl all -a shard=0/4."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.exceptions import UsageError
from scrapy.settings import BaseSettings

from crawler.discovery.all_outlets import OutletCrawls, chosen_outlets
from crawler.discovery.outlet_spider import OutletSpider
from crawler.outlet_files import download_slots
from crawler.spiders.outlets import spiders_of
from lake.runs.session import Claim


class All(Spider):
    """Drives the outlets' own spiders, each for itself (crawler/discovery/all_outlets.py); their rows share a run and its parts.

    shard: `i/n`, from 0/n; an outlet stays in its shard whatever other outlets there are. only: keys, by commas."""

    name = "all"
    arguments = ("shard", "only", *OutletSpider.arguments)
    outlet_crawls: OutletCrawls

    def __init__(self, *args: Any, shard: str = "", only: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._chosen, self._arguments = chosen_outlets(shard, only), kwargs

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> All:
        spider = super().from_crawler(crawler, *args, **kwargs)
        spider.outlet_crawls = OutletCrawls(crawler, spiders_of(spider._chosen), spider._arguments)
        return spider

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        """Each outlet's own politeness; and enough requests at once for one that hangs not to hold the others."""
        super().update_settings(settings)
        slots = download_slots(settings)
        settings.set("DOWNLOAD_SLOTS", slots, "spider")
        settings.set(
            "CONCURRENT_REQUESTS", max(settings.getint("CONCURRENT_REQUESTS"), 2 * len(slots)), "spider"
        )
        middlewares = settings.getdict("DOWNLOADER_MIDDLEWARES")
        settings.set(
            "DOWNLOADER_MIDDLEWARES",
            {**middlewares, "crawler.discovery.all_outlets.CountQueued": 80},
            "spider",
        )

    @classmethod
    def hosts(cls, shard: str = "", only: str = "", **arguments: Any) -> list[str]:
        """The hosts that a run will speak to, for the check before it starts; the arguments are looked at, too."""
        if arguments.keys() & {"since", "until"}:
            raise UsageError("a backfill is one outlet's: scrapy crawl NAME -a since=…", print_help=False)
        return [host for made in spiders_of(chosen_outlets(shard, only)) for host in made.hosts(**arguments)]

    async def start(self) -> AsyncIterator[Any]:
        """The members begin by themselves, each in its turn."""
        nobody: tuple[Request, ...] = ()
        for request in nobody:
            yield request

    # ------------------------------------------------------------ what the pipeline asks of a spider

    def claims(self) -> list[Claim]:
        return self.outlet_crawls.claims()

    def leave(self, outlet: str, why: str) -> None:
        self.outlet_crawls.leave(outlet, why)

    def candidate(self, url: str, source: str | None = None) -> Request | None:
        return self.outlet_crawls.candidate(url, source)

    @property
    def sources(self) -> dict[str, dict[str, Any]]:
        return self.outlet_crawls.sources()

    def settled(self, requested_url: str) -> None:
        self.outlet_crawls.settled(requested_url)

    def unsettled_sources(self) -> set[str]:
        return self.outlet_crawls.unsettled_sources()

    def remembered(self) -> dict[str, dict[str, Any] | None]:
        return self.outlet_crawls.remembered()
