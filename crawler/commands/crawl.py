"""The command `scrapy crawl`: Scrapy's own, with a check before the start, a last word, and an exit code that reports
failures."""

from __future__ import annotations

import argparse
import sys
from typing import Any, ClassVar

from scrapy import Spider
from scrapy.commands import BaseRunSpiderCommand
from scrapy.commands.crawl import Command as ScrapyCrawl

from crawler.command_line.options import StrictOptions


class Command(StrictOptions, ScrapyCrawl):
    """Scrapy's `crawl`, with a check before the start, and the last word and exit codes of docs/operating.md."""

    # this command says the last word itself, when the notify command has ended
    default_settings: ClassVar[dict[str, Any]] = {"LAST_WORD_WAITS": True}

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
            notify(self.settings, refusal.exit_code, {"spider": " ".join(args), "faults": [str(refusal)]})
            print(refusal, file=sys.stderr)
            sys.exit(refusal.exit_code)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Crawl, set the exit code, call the notify command, and say the last word."""
        self.exitcode = crawl_and_notify(self, args[0], opts)


def crawl_and_notify(
    command: BaseRunSpiderCommand, spider: str | type[Spider], opts: argparse.Namespace
) -> int:
    """Crawl, call the notify command, say the last word, and return the exit code. spider: its class, or its name."""
    from crawler.pipeline.land import Land
    from crawler.reports.last_word import LastWord
    from crawler.reports.notify import notify
    from crawler.reports.run_report import EXIT_FAILED, EXIT_LANDED, EXIT_STAT

    process = command.crawler_process
    assert process
    crawler = command._create_crawler(spider)
    process.crawl(crawler, **opts.spargs)
    process.start()
    name, could_not_begin = crawler.spidercls.name, "the crawl could not begin; its log says why"
    exit_code = crawler.stats.get_value(EXIT_STAT) if crawler._stats else None
    land = crawler.get_item_pipeline(Land) if crawler._engine else None
    if land is None and crawler._engine and not process.bootstrap_failed:
        return EXIT_LANDED  # without the pipelines nothing was to land
    if land is None:
        code, record = EXIT_FAILED, {"faults": [could_not_begin]}
        last_word = LastWord(name, faults=[could_not_begin])
    else:
        if process.bootstrap_failed and exit_code is not None:
            land.report.fail(could_not_begin)
        code = crawler.stats.get_value(EXIT_STAT, EXIT_FAILED) if crawler.stats else EXIT_FAILED
        last_word = land.report.last_word
        record = land.report.notify_record or {"faults": last_word.faults}
    notify(crawler.settings, code, {"spider": name, **record})
    last_word.say()
    return code
