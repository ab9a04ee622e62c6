"""The command `scrapy runspider`: Scrapy's own, with the check before the start and the exit codes of `crawl`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, ClassVar

from scrapy import Spider
from scrapy.commands.runspider import Command as ScrapyRunSpider
from scrapy.commands.runspider import _import_file
from scrapy.exceptions import UsageError
from scrapy.utils.spider import iter_spider_classes

from crawler.command_line.options import StrictOptions


class Command(StrictOptions, ScrapyRunSpider):
    """Scrapy's `runspider`: pages that the spider yields land as those of any other."""

    # this command says the last word itself, when the notify command has ended
    default_settings: ClassVar[dict[str, Any]] = {
        **ScrapyRunSpider.default_settings,
        "LAST_WORD_WAITS": True,
    }

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Check the configuration, crawl, set the exit code, and call the notify command."""
        from crawler.command_line.preflight import Refused, check_spider
        from crawler.commands.crawl import crawl_and_notify
        from crawler.reports.notify import notify

        assert self.settings
        spider = _spider_in(args)
        try:
            check_spider(self.settings, spider, opts.spargs)
        except Refused as refusal:
            print(refusal, file=sys.stderr)
            notify(self.settings, refusal.exit_code, {"spider": spider.name, "faults": [str(refusal)]})
            sys.exit(refusal.exit_code)
        self.exitcode = crawl_and_notify(self, spider, opts)


def _spider_in(args: list[str]) -> type[Spider]:
    """Return the spider of the file that the arguments name. Raises UsageError."""
    if len(args) != 1:
        raise UsageError("expected one file: scrapy runspider FILE.py", print_help=False)
    if not Path(args[0]).is_file():
        raise UsageError(f"{args[0]}: no such file", print_help=False)
    try:
        spiders = list(iter_spider_classes(_import_file(args[0])))
    except (ImportError, SyntaxError, ValueError) as error:
        raise UsageError(f"{args[0]}: cannot be loaded: {error}", print_help=False) from error
    if not spiders:
        raise UsageError(f"{args[0]}: no spider in it has a name", print_help=False)
    return spiders[-1]
