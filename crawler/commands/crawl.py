"""The command `scrapy crawl`: Scrapy's own, with a check before the start and an exit code that reports failures."""

from __future__ import annotations

import argparse
import sys

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
        from crawler.pipeline.land import Land
        from crawler.reports.notify import notify
        from crawler.reports.run_report import EXIT_FAILED, EXIT_STAT

        assert self.crawler_process
        crawler = self._create_crawler(args[0])
        self.crawler_process.crawl(crawler, **opts.spargs)
        self.crawler_process.start()
        exit_code = crawler.stats.get_value(EXIT_STAT) if crawler.stats else None
        self.exitcode = (
            EXIT_FAILED if self.crawler_process.bootstrap_failed or exit_code is None else exit_code
        )
        land = crawler.get_item_pipeline(Land) if exit_code is not None else None
        record = (
            land.report.notify_record if land else {"faults": ["the crawl could not begin; its log says why"]}
        )
        notify(crawler.settings, self.exitcode, {"spider": args[0], **record})
