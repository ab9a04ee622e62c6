"""Crawl a list of addresses: scrapy crawl urls -a file=addresses.txt"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from scrapy.exceptions import UsageError
from scrapy.settings import BaseSettings

from cleaning import canonical, host_of
from crawler.candidates import CandidateSpider
from crawler.outlet_files import known_outlets, paces
from crawler.selection import SELECTING, BadArgument, selection_of
from lake.landing import Claim
from outlets import Selection

_AT_ONCE = 16  # addresses, some milliseconds


class Urls(CandidateSpider):
    """One address a line; empty lines and lines that begin with # are passed over. An outlet is recognised by its
    domain; an unknown domain gets the general rules."""

    name = "urls"
    arguments = ("file", "fresh", *SELECTING)

    def __init__(self, *args: Any, file: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._file = file

    @classmethod
    def hosts(cls, file: str = "", **arguments: Any) -> list[str]:
        try:
            selection_of(Selection(), arguments)
        except BadArgument as error:
            raise UsageError(f"-a {error}", print_help=False) from error
        return sorted({host_of(url) for url in _read(file) if url.startswith(("http://", "https://"))} - {""})

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        """Each outlet's own politeness, beside the general one."""
        super().update_settings(settings)
        settings.set("DOWNLOAD_SLOTS", paces(settings), "spider")

    def claims(self) -> list[Claim]:
        """No other machine may land pages of the list's outlets meanwhile; other crawls of this one may."""
        hosts = (known_outlets().find(host) for host in self.hosts(self._file))
        return [Claim(key) for key in sorted({outlet.key for outlet in hosts if outlet})]

    async def start(self) -> AsyncIterator[Any]:
        source = self.sources[self._file] = {"kind": "list", "found": 0, "new": 0, "error": None}
        bad = 0
        for number, url in enumerate(_read(self._file)):
            if number % _AT_ONCE == 0:  # a long list must not hold up what was asked for before
                await asyncio.sleep(0)
            try:
                canonical(url)
            except ValueError as error:
                self._count("bad_addresses")
                self.logger.warning("%s: %s", self._file, error)
                bad += 1
                continue
            source["found"] += 1
            if request := self.candidate(url, source=None):
                source["new"] += 1
                yield request
        if bad:
            source["bad"] = bad
            if not source["found"]:
                source["error"] = f"none of its {bad} lines is an http or https address"


def _read(file: str) -> list[str]:
    if not file:
        raise UsageError(
            "urls needs a file of addresses: scrapy crawl urls -a file=addresses.txt", print_help=False
        )
    try:
        lines = Path(file).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read: {error}", print_help=False) from error
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
