"""The command `scrapy shell`: Scrapy's own, with the outlet's spider, and without a lake."""

from __future__ import annotations

from scrapy.commands.shell import Command as ScrapyShell

from crawler.inspection.looking import LooksOnly


class Command(LooksOnly, ScrapyShell):
    """Scrapy's `shell`."""
