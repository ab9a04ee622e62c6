"""The command `scrapy list`: names all spiders, also those of the outlet files in the folder of `-s OUTLETS_DIR=…`.

Spider modules are imported without settings and read OUTLETS_DIR from the environment; Scrapy's own command would not
put the value of `-s` there.
"""

from __future__ import annotations

import argparse

from scrapy.commands.list import Command as ScrapyList

from crawler.command_line.options import NoArguments
from lake.standard_output import reader_may_leave


class Command(NoArguments, ScrapyList):
    """Scrapy's `list`, which also knows an OUTLETS_DIR given with -s."""

    @reader_may_leave()
    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Print the names of all spiders."""
        from crawler.addon import Pressline

        assert self.settings is not None
        Pressline.update_pre_crawler_settings(self.settings)
        super().run(args, opts)
