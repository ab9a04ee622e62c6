"""The command `scrapy bench`: Scrapy's own. It crawls a server on this machine as fast as it can, and lands nothing."""

from __future__ import annotations

import argparse

from scrapy.commands.bench import Command as ScrapyBench

from crawler.command_line.options import NoArguments

_UNBOUNDED = {
    "ITEM_PIPELINES": {},
    "ALLOWED_NETWORKS": ["127.0.0.0/8", "::1/128"],
    "DNS_OVERRIDES": {"localhost": "127.0.0.1"},
    "ROBOTSTXT_OBEY": False,
    "DOWNLOAD_DELAY": 0,
    "AUTOTHROTTLE_ENABLED": False,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 8,
}


class Command(NoArguments, ScrapyBench):
    """Scrapy's `bench`, without the bounds that are there for other people's servers."""

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Take the bounds away."""
        super().process_options(args, opts)
        assert self.settings
        for name, value in _UNBOUNDED.items():
            self.settings.set(name, value, "cmdline")
