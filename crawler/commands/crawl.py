"""The command `scrapy crawl`: Scrapy's own, with a check before the start and an exit code that reports failures."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from scrapy import Spider
from scrapy.commands import BaseRunSpiderCommand
from scrapy.commands.crawl import Command as ScrapyCrawl

from crawler.command_line.options import StrictOptions


class Command(StrictOptions, ScrapyCrawl):
    """Scrapy's `crawl`, with a check before the start and the exit codes of docs/operating.md."""

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Check the configuration before Scrapy starts and begins to log. Exits where the crawl may not start."""
        from crawler.tuning.process import suspend_gc

        suspend_gc()
        from crawler.command_line.preflight import Refused, check_before_crawl
        from crawler.reports.notify import notify

        super().process_options(args, opts)
        assert self.settings
        try:
            check_before_crawl(self.settings, args, opts.spargs)
        except Refused as refusal:
            print(refusal, file=sys.stderr)
            notify(self.settings, refusal.exit_code, {"spider": " ".join(args), "faults": [str(refusal)]})
            sys.exit(refusal.exit_code)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Crawl, set the exit code, and call the notify command."""
        self.exitcode = crawl_and_notify(self, args[0], opts)


def crawl_and_notify(
    command: BaseRunSpiderCommand, spider: str | type[Spider], opts: argparse.Namespace
) -> int:
    """Crawl, call the notify command, and return the exit code. spider: its class, or its name."""
    from crawler.pipeline.land import Land
    from crawler.reports.notify import notify
    from crawler.reports.run_report import EXIT_FAILED, EXIT_LANDED, EXIT_STAT

    assert command.crawler_process
    crawler = command._create_crawler(spider)
    command.crawler_process.crawl(crawler, **opts.spargs)
    command.crawler_process.start()
    code = crawler.stats.get_value(EXIT_STAT) if crawler.stats else None
    land = crawler.get_item_pipeline(Land) if crawler.engine else None
    record: dict[str, Any] = {}
    if code is not None and land:
        record = land.report.notify_record
    elif crawler.engine and not land and not command.crawler_process.bootstrap_failed:
        code = EXIT_LANDED  # without the pipelines nothing was to land
    else:
        record = {"faults": ["the crawl could not begin; its log says why"]}
    exit_code: int = EXIT_FAILED if command.crawler_process.bootstrap_failed or code is None else code
    notify(crawler.settings, exit_code, {"spider": crawler.spidercls.name, **record})
    return exit_code
