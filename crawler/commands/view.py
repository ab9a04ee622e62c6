"""The command `scrapy view`: Scrapy's own, which opens a page in a browser and lands nothing."""

from __future__ import annotations

import argparse

from scrapy.commands.view import Command as ScrapyView
from scrapy.http import Response

from crawler.commands.fetch import Command as Fetch


class Command(Fetch, ScrapyView):
    """Scrapy's `view`; exit codes as those of `fetch`."""

    def short_desc(self) -> str:
        return ScrapyView.short_desc(self)

    def long_desc(self) -> str:
        return ScrapyView.long_desc(self)

    def _print_response(self, response: Response, opts: argparse.Namespace) -> None:
        self._has_answered = True
        ScrapyView._print_response(self, response, opts)
