"""The command `scrapy parse`: Scrapy's own. It shows what a spider makes of one page: an article's page, or a source."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from typing import TYPE_CHECKING, Any

from scrapy.commands.parse import Command as ScrapyParse

from cleaning.wording import counted
from crawler.command_line.options import StrictOptions

if TYPE_CHECKING:
    from scrapy import Request, Spider
    from scrapy.http import Response
    from scrapy.http.request import CallbackT

    from crawler.sources.source import SourceKind

_MAX_SHOWN_BYTES = 200


class Command(StrictOptions, ScrapyParse):
    """Scrapy's `parse`. Without --pipelines nothing lands; with it the page does, and nothing else of the outlet. Exit
    codes: 0 the page was parsed, 1 it was not, or the callback failed, 2 it may not be requested, or its outlet's file
    has mistakes; with --pipelines those of a crawl."""

    _unrequested = 0  # articles that the page lists, and that --depth leaves out

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Check what the command needs. Exits with code 2, or 1 where the lake is away."""
        from crawler.command_line.preflight import Refused, check_landing
        from crawler.inspection.looking import land_nothing, take_no_turn, why_not_to_look, why_not_to_parse

        super().process_options(args, opts)
        assert self.settings
        if problem := why_not_to_look(self.settings, args, opts.spider) or why_not_to_parse(
            args, opts.spider
        ):
            print(problem, file=sys.stderr)
            sys.exit(2)
        if not opts.pipelines:
            land_nothing(self.settings)
            return
        take_no_turn(self.settings)
        try:
            check_landing(self.settings)
        except Refused as refusal:
            print(refusal, file=sys.stderr)
            sys.exit(refusal.exit_code)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Parse the page, and set the exit code."""
        from crawler.inspection.looking import ask_for_no_sources
        from crawler.reports.run_report import EXIT_STAT

        ask_for_no_sources()
        super().run(args, opts)
        stats = self.pcrawler.stats if self.first_response else None
        if stats is None or any(name.startswith("spider_exceptions/") for name in stats.get_stats()):
            self.exitcode = 1
        else:
            self.exitcode = stats.get_value(EXIT_STAT, self.exitcode)
        if opts.pipelines and self._unrequested:
            pages = counted(self._unrequested, "article")
            print(
                f"no page was fetched of the {pages} that it lists: -d 2 fetches and lands them",
                file=sys.stderr,
            )

    def set_spidercls(self, url: str, opts: argparse.Namespace) -> None:
        """Choose the spider and, unless -c names it, the callback: that of the source where the outlet's file names
        this URL as one, else that of an article's page."""
        from crawler.discovery.candidates import CandidateSpider
        from crawler.discovery.outlet_spider import OutletSpider
        from crawler.sources.source import LIST_KINDS

        super().set_spidercls(url, opts)
        spider = self.spidercls
        if not spider or opts.callback or opts.rules or not issubclass(spider, CandidateSpider):
            return
        if issubclass(spider, OutletSpider):
            if kind := _named_kind(spider, url):
                opts.callback = "parse_list" if kind in LIST_KINDS else "parse_section"
            else:
                opts.callback = "parse_page"
        elif "parse" not in vars(spider):
            opts.callback = "parse_page"

    def prepare_request(self, spider: Spider, request: Request, opts: argparse.Namespace) -> Request:
        """Return the request of the page; for a source's callback the one that a crawl would send."""
        from crawler.discovery.outlet_spider import OutletSpider
        from crawler.sources.source import Source

        if isinstance(spider, OutletSpider):
            spider.backfill = True  # the monitors must not compare one page with whole crawls
        if isinstance(spider, OutletSpider) and opts.callback in ("parse_list", "parse_section"):
            kind = _named_kind(spider, request.url) or (
                "feed" if opts.callback == "parse_list" else "section"
            )
            source_request = spider.source_request(Source(request.url, kind, root=request.url))
            if source_request:
                request = source_request.replace(callback=None, errback=None)
        if request.url.startswith("file:"):  # a saved page is on none of the spider's allowed domains
            request.meta["allow_offsite"] = True
        return super().prepare_request(spider, request, opts)

    def run_callback(
        self, response: Response, callback: CallbackT, cb_kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call the callback; that of an article's page gets what a candidate's request would bring."""
        from crawler.politeness.request_policy import REQUESTED_URL_KEY

        if getattr(callback, "__name__", "") == "parse_page" and not cb_kwargs:
            requested_url = response.meta.get("redirect_urls", [response.url])[0]
            cb_kwargs = {REQUESTED_URL_KEY: requested_url, "source": None}
        return super().run_callback(response, callback, cb_kwargs)

    def scraped_data(self, args: Any) -> list[Any]:
        """Return what goes on into the engine: with --pipelines the items, which Scrapy's own command would not wait
        for, and the requests that --depth allows. Keeps the count of candidates right: only these have an outcome."""
        from crawler.discovery.candidates import CandidateSpider
        from crawler.politeness.request_policy import REQUESTED_URL_KEY

        items, requests, opts, depth, spider, callback = args
        if isinstance(spider, CandidateSpider):
            candidates = sum(REQUESTED_URL_KEY in request.cb_kwargs for request in requests)
            unrequested = candidates if depth >= opts.depth else 0
            self._unrequested += unrequested
            spider._count("candidates", (len(items) if depth == 1 else 0) - unrequested)
        without_pipelines = argparse.Namespace(**{**vars(opts), "pipelines": False})
        going_on = super().scraped_data((items, requests, without_pipelines, depth, spider, callback))
        return [*items, *going_on] if opts.pipelines and not opts.output else going_on

    def add_items(self, lvl: int, new_items: list[Any]) -> None:
        """Keep the items that are shown; the bytes of a page are no use on a screen."""
        super().add_items(lvl, [_without_body(item) for item in new_items])


def _named_kind(spider: Any, url: str) -> SourceKind | None:
    """Return the kind of source as which the outlet's file names a URL; None where it does not."""
    from crawler.sources.source import named_sources

    return next((kind for kind, urls in named_sources(spider.outlet) if url in urls), None)


def _without_body(item: Any) -> Any:
    body = getattr(item, "body", b"")
    if dataclasses.is_dataclass(item) and not isinstance(item, type) and len(body) > _MAX_SHOWN_BYTES:
        return dataclasses.replace(item, body=f"<{len(body)} bytes>".encode())
    return item
