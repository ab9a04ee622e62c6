"""Crawl a list of addresses: scrapy crawl urls -a file=addresses.txt"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from scrapy.exceptions import UsageError
from scrapy.settings import BaseSettings

from cleaning import canonical, host_of
from crawler.candidates import CandidateSpider
from crawler.outlet_files import known_outlets


class Urls(CandidateSpider):
    """One address a line; empty lines and lines that begin with # are passed over. An outlet is recognised by its
    domain; an unknown domain gets the general rules."""

    name = "urls"

    def __init__(self, *args: Any, file: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._file = file

    @classmethod
    def hosts(cls, file: str = "", **arguments: Any) -> list[str]:
        return sorted({host_of(url) for url in _read(file) if url.startswith(("http://", "https://"))} - {""})

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        """Each outlet's own politeness, beside the general one."""
        super().update_settings(settings)
        if settings.getpriority("DOWNLOAD_DELAY") == 40:  # given on the command line: it holds for all
            return
        slots = {
            domain: {"delay": outlet.delay_s, "concurrency": outlet.concurrency}
            for outlet in known_outlets().by_name.values()
            for name in outlet.domains
            for domain in (name, f"www.{name}")
        }
        settings.set("DOWNLOAD_SLOTS", {**slots, **settings.getdict("DOWNLOAD_SLOTS")}, "spider")

    async def start(self) -> AsyncIterator[Any]:
        source = self.sources[self._file] = {"kind": "list", "found": 0, "new": 0, "error": None}
        for url in _read(self._file):
            try:
                canonical(url)
            except ValueError as error:
                self._count("bad_addresses")
                self.logger.warning("%s: %s", self._file, error)
                continue
            source["found"] += 1
            if request := self.candidate(url, source=None):
                source["new"] += 1
                yield request


def _read(file: str) -> list[str]:
    if not file:
        raise UsageError(
            "urls needs a file of addresses: scrapy crawl urls -a file=addresses.txt", print_help=False
        )
    try:
        lines = Path(file).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read: {error}", print_help=False) from error
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
