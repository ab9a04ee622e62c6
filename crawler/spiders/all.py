"""The spider `all`: crawls all outlets, or a shard of them, in one run. `scrapy crawlall` starts it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.exceptions import UsageError
from scrapy.settings import BaseSettings

from crawler.discovery.all_outlets import OutletCrawls, chosen_outlets
from crawler.discovery.outlet_spider import OutletSpider
from crawler.outlet_files import download_slots, mistakes_in
from crawler.spiders.outlets import spiders_of
from lake.runs.session import Claim


class All(Spider):
    """Runs the spiders of many outlets through the crawl-all driver (crawler/discovery/all_outlets.py); their rows
    share one run.

    shard: `i/n`, from 0/n. An outlet stays in its shard whatever other outlets there are. only: outlet keys,
    separated by commas.
    """

    name = "all"
    arguments = ("shard", "only", *OutletSpider.arguments)
    # each outlet has a spider of its own, and Scrapy's queue of JOBDIR stores requests of one spider only
    keeps_job = False
    outlet_keys: list[str] = []  # noqa: RUF012  # each instance sets its own
    outlet_crawls: OutletCrawls

    def __init__(self, *args: Any, shard: str = "", only: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.outlet_keys, self.broken_keys = chosen_outlets(shard, only)
        self._spider_arguments = kwargs

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> All:
        spider = super().from_crawler(crawler, *args, **kwargs)
        spider.outlet_crawls = OutletCrawls(
            crawler, spiders_of(spider.outlet_keys), spider._spider_arguments, spider.broken_keys
        )
        return spider

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        """Give each outlet its own politeness, and allow so many requests at once that an outlet which hangs does not
        delay the others."""
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
        """Return the hosts that a run will contact, for the check before the start. Raises UsageError for an argument
        that cannot be used."""
        if arguments.keys() & {"since", "until"}:
            raise UsageError("a backfill is one outlet's: scrapy crawl NAME -a since=…", print_help=False)
        sound_keys, broken_keys = chosen_outlets(shard, only)
        if broken_keys and not sound_keys:
            raise UsageError("\n".join(map(mistakes_in, broken_keys)), print_help=False)
        return [host for spider_class in spiders_of(sound_keys) for host in spider_class.hosts(**arguments)]

    async def start(self) -> AsyncIterator[Any]:
        """Yield nothing: the crawl-all driver starts each outlet's crawl itself."""
        no_requests: tuple[Request, ...] = ()
        for request in no_requests:
            yield request

    # ------------------------------------------------------------ what the pipeline expects of a spider

    def claims(self) -> list[Claim]:
        """Return the leases that the run claims."""
        return self.outlet_crawls.claims()

    def leave(self, outlet: str, why: str) -> None:
        """Stop one outlet's crawl; the others go on."""
        self.outlet_crawls.leave(outlet, why)

    def candidate(self, url: str, source: str | None = None) -> Request | None:
        """Return the request of an article candidate from the spider of its outlet."""
        return self.outlet_crawls.candidate(url, source)

    @property
    def sources(self) -> dict[str, dict[str, Any]]:
        """The entries of all sources in the run record, by URL."""
        return self.outlet_crawls.sources()

    def settled(self, requested_url: str) -> None:
        """Note that this run expects nothing more of the page that was requested by this URL."""
        self.outlet_crawls.settled(requested_url)

    def unsettled_sources(self) -> set[str]:
        """Return the sources that named a page which is still to be requested."""
        return self.outlet_crawls.unsettled_sources()

    def remembered(self) -> dict[str, dict[str, Any] | None]:
        """Return, by source, the state that the next run may rely on."""
        return self.outlet_crawls.remembered()
