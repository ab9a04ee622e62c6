from __future__ import annotations

import argparse
from difflib import get_close_matches

from scrapy.commands.crawl import Command as ScrapyCrawl
from scrapy.exceptions import UsageError


class Command(ScrapyCrawl):
    """Scrapy's `crawl` with a check before the start, and an exit code that tells the truth."""

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        from crawler.accounts import EXIT_STAT, say
        from crawler.preflight import Refused, preflight

        if len(args) != 1:
            raise UsageError("expected one spider: scrapy crawl NAME; `scrapy list` names them", print_help=False)
        assert self.crawler_process and self.settings
        names = self.crawler_process.spider_loader.list()
        if args[0] not in names:
            guess = get_close_matches(args[0], names, 1)
            say(
                f"no outlet or spider is called {args[0]!r}"
                + (f"; did you mean {guess[0]!r}?" if guess else "; `scrapy list` names them")
            )
            self.exitcode = 2
            return
        try:
            preflight(self.settings, self.crawler_process.spider_loader.load(args[0]), opts.spargs)
        except Refused as refusal:
            say(str(refusal))
            self.exitcode = refusal.exit_code
            return
        crawler = self._create_crawler(args[0])
        self.crawler_process.crawl(crawler, **opts.spargs)
        self.crawler_process.start()
        finished = crawler.stats.get_value(EXIT_STAT) if crawler.stats else None
        self.exitcode = 1 if self.crawler_process.bootstrap_failed or finished is None else finished
