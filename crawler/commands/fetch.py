"""The command `scrapy fetch`: Scrapy's own, which prints a page and lands nothing."""

from __future__ import annotations

import argparse
import sys

from scrapy.commands.fetch import Command as ScrapyFetch
from scrapy.http import Response

from crawler.inspection.looking import LooksOnly


class Command(LooksOnly, ScrapyFetch):
    """Scrapy's `fetch`. Exit codes: 0 a page was printed, 1 none came, 2 it may not be requested."""

    _has_answered = False

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Fetch and print the page."""
        super().run(args, opts)
        if not self._has_answered:
            print(
                f"{args[0]}: no page came; -L DEBUG says why, as robots.txt or a private network",
                file=sys.stderr,
            )
            self.exitcode = 1

    def _print_response(self, response: Response, opts: argparse.Namespace) -> None:
        self._has_answered = True
        super()._print_response(response, opts)
