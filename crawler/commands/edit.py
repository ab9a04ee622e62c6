"""The command `scrapy edit`: Scrapy's own, which opens an outlet's file, for that is what the spider is made of."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from scrapy.commands.edit import Command as ScrapyEdit
from scrapy.commands.edit import _edit_file

from crawler.command_line.options import StrictOptions


class Command(StrictOptions, ScrapyEdit):
    """Scrapy's `edit`; an outlet's file may have mistakes."""

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Open the file in the editor."""
        from crawler.addon import Pressline
        from outlets import BUNDLED

        assert self.settings
        Pressline.update_pre_crawler_settings(self.settings)
        folders = [os.environ.get("OUTLETS_DIR"), BUNDLED]
        files = [Path(folder, f"{args[0]}.toml") for folder in folders if folder] if len(args) == 1 else []
        if file := next((file for file in files if file.is_file()), None):
            self.exitcode = _edit_file(self.settings["EDITOR"], file)
        else:
            super().run(args, opts)
