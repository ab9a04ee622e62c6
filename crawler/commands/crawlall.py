"""The command `scrapy crawlall`: runs `scrapy crawl all`, with that spider's arguments as options."""

from __future__ import annotations

import argparse

from crawler.commands.crawl import Command as Crawl


class Command(Crawl):
    """`scrapy crawl all`, with its arguments as options."""

    def syntax(self) -> str:
        return "[options]"

    def short_desc(self) -> str:
        return "Crawl all outlets, or a shard of them, in one run"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        group = parser.add_argument_group("Outlets")
        group.add_argument("--shard", metavar="i/n", help="this part of the outlets, from 0/n")
        group.add_argument("--only", metavar="KEYS", help="these outlets, by commas")
        group.add_argument("--concurrency", metavar="K", type=int, help="requests under way at once")

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Turn the options into spider arguments and settings. Raises UsageError."""
        from scrapy.exceptions import UsageError

        self.refuse_options(args)
        if args:
            raise UsageError("crawlall takes no spider: --only names outlets", print_help=False)
        if opts.concurrency is not None:
            if opts.concurrency < 1:
                raise UsageError("--concurrency: expected a number from 1", print_help=False)
            opts.set.append(f"CONCURRENT_REQUESTS={opts.concurrency}")
        opts.spargs += [f"{name}={value}" for name in ("shard", "only") if (value := getattr(opts, name))]
        super().process_options(["all"], opts)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Crawl all outlets that the options select."""
        super().run(["all"], opts)
