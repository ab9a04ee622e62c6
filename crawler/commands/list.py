from __future__ import annotations

import argparse

from scrapy.commands.list import Command as ScrapyList

from crawler.command_line.options import NoArguments


class Command(NoArguments, ScrapyList):
    """Scrapy's `list`, knowing OUTLETS_DIR also where it is given with -s."""

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        from crawler.addon import Pressline

        assert self.settings is not None
        Pressline.update_pre_crawler_settings(self.settings)
        super().run(args, opts)
