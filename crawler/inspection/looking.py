"""What Scrapy's commands for a look at one page (fetch, view, shell, parse) need in this project: they open no lake, take
no outlet's turn, and ask for nothing but the page.
"""

from __future__ import annotations

import argparse
import sys

from scrapy.settings import BaseSettings
from scrapy.utils.url import guess_scheme

from crawler.command_line.options import StrictOptions

_FILE_HANDLER = "scrapy.core.downloader.handlers.file.FileDownloadHandler"


class LooksOnly(StrictOptions):
    """A command that fetches a page and lands nothing."""

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Switch off what lands or waits for a turn. Exits with code 2 where the page may not be requested."""
        super().process_options(args, opts)
        assert self.settings
        if problem := why_not_to_look(self.settings, args, opts.spider):
            print(problem, file=sys.stderr)
            sys.exit(2)
        land_nothing(self.settings)
        ask_for_no_sources()


def land_nothing(settings: BaseSettings) -> None:
    """Switch off the pipelines, the turn of an outlet, and the job's folder, whatever the command line says."""
    settings.set("ITEM_PIPELINES", {}, "cmdline")
    take_no_turn(settings)


def take_no_turn(settings: BaseSettings) -> None:
    """Switch off the turn of an outlet: a backfill shall not wait for a shell that is open for hours."""
    preemption = "crawler.discovery.backfill_preemption.BackfillPreemption"
    settings.set("EXTENSIONS", {**settings.getdict("EXTENSIONS"), preemption: None}, "cmdline")
    settings.set("JOBDIR", None, "cmdline")


def ask_for_no_sources() -> None:
    """Keep the spiders of outlets from asking for their sources when they are idle, as Scrapy's own commands keep a
    spider from its `start`."""
    from crawler.discovery.outlet_spider import OutletSpider

    OutletSpider._later_steps = lambda self: iter(())  # type: ignore[method-assign]


def why_not_to_look(settings: BaseSettings, args: list[str], spider: str | None) -> str | None:
    """Return why the page may not be requested; None where it may. A file that the user names is read: its name in args
    becomes its address."""
    from cleaning import host_of
    from crawler.addon import Pressline
    from crawler.outlet_files import mistakes_in
    from crawler.politeness.contact import contact_problem, public_hosts
    from outlets import OutletErrors

    if spider == "all":
        return "--spider all: it crawls all outlets; expected the spider of one"
    Pressline.update_pre_crawler_settings(settings)
    try:
        if spider and (mistakes := mistakes_in(spider)):
            return mistakes
    except OutletErrors as errors:
        return str(errors)
    url = guess_scheme(args[0]) if args else ""
    if url.startswith("file:"):
        args[0] = url
        settings.set(
            "DOWNLOAD_HANDLERS", {**settings.getdict("DOWNLOAD_HANDLERS"), "file": _FILE_HANDLER}, "cmdline"
        )
        return None
    host = host_of(url)
    networks, overrides = settings.getlist("ALLOWED_NETWORKS"), settings.getdict("DNS_OVERRIDES")
    return contact_problem(settings.get("CONTACT"), public_hosts([host] if host else [], networks, overrides))


def why_not_to_parse(args: list[str], spider: str | None) -> str | None:
    """Return the mistakes in the outlet file to which the page belongs, or that a saved page has no outlet; None where
    neither holds. Call it after why_not_to_look."""
    from cleaning import host_of
    from crawler.outlet_files import known_outlets, mistakes_at
    from outlets import SPIDER_NAMES

    url = guess_scheme(args[0]) if args else ""
    if url.startswith("file:") and (
        not spider or spider in SPIDER_NAMES or spider in known_outlets().by_name
    ):
        return f"{url}: a file has no address that a spider of outlets could parse; `scrapy explain FILE` shows its article"
    return mistakes_at([host_of(url)]) or None
