"""Crawl a list of addresses: scrapy crawl urls -a file=addresses.txt"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

from scrapy.exceptions import UsageError
from scrapy.http import Response
from scrapy.settings import BaseSettings
from twisted.python.failure import Failure

from cleaning import RawPage, host_of
from crawler.command_line.arguments import SELECTION_ARGUMENTS, BadArgument, selection_of
from crawler.discovery.candidates import CandidateSpider
from crawler.outlet_files import download_slots, known_outlets
from lake.runs.session import Claim
from lake.schema.records import Reject
from outlets import Selection

_AT_ONCE = 16  # addresses, some milliseconds
_AHEAD = 64  # requests of a host, more than are ever fetched from one at once


class Urls(CandidateSpider):
    """One address a line; empty lines and lines that begin with # are passed over. An outlet is recognised by its
    domain; an unknown domain gets the general rules."""

    name = "urls"
    arguments = ("file", "fresh", *SELECTION_ARGUMENTS)

    def __init__(self, *args: Any, file: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._file = file
        self._under_way: dict[str, str] = {}  # address asked for and not answered → the host of its line
        self._turns: asyncio.Queue[str] = asyncio.Queue()  # hosts that one more may be asked for

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
        settings.set("DOWNLOAD_SLOTS", download_slots(settings), "spider")

    def claims(self) -> list[Claim]:
        """No other machine may land pages of the list's outlets meanwhile; other crawls of this one may."""
        hosts = (known_outlets().find(host) for host in self.hosts(self._file))
        return [Claim(key) for key in sorted({outlet.key for outlet in hosts if outlet})]

    async def start(self) -> AsyncIterator[Any]:
        waiting = _by_host(_read(self._file))
        lines = sum(map(len, waiting.values()))
        source: dict[str, Any] = {"kind": "list", "lines": lines, "found": 0, "new": 0, "error": None}
        self.sources[self._file] = source
        bad = number = 0
        async for host, url in self._in_turns(waiting):
            number += 1
            if number % _AT_ONCE == 0:  # a long list must not hold up what was asked for before
                await asyncio.sleep(0)
            request = None
            try:
                request = self.candidate(url, source=None)
                source["found"] += 1
            except ValueError as error:
                self._count("bad_addresses")
                self.logger.warning("%s: %s", self._file, error)
                bad += 1
            if request:
                source["new"] += 1
                self._under_way[request.cb_kwargs["requested_url"]] = host
                yield request
            else:
                self._turns.put_nowait(host)
        if bad:
            source["bad"] = bad
            if not source["found"]:
                source["error"] = f"none of its {bad} lines is an http or https address"

    async def _in_turns(self, waiting: dict[str, deque[str]]) -> AsyncIterator[tuple[str, str]]:
        """Host and address: one of each host, then the next of each. An address that waits costs its text, not a
        request, and no host waits behind another's."""
        hosts = list(waiting)
        for ahead in range(_AHEAD):
            hosts = [host for host in hosts if len(waiting[host]) > ahead]
            for host in hosts:
                self._turns.put_nowait(host)
        while waiting:
            host = await self._turns.get()
            if urls_left := waiting.get(host):
                yield host, urls_left.popleft()
                if not urls_left:
                    del waiting[host]

    def parse_page(
        self, response: Response, requested_url: str, source: str | None
    ) -> Iterator[RawPage | Reject]:
        self._answered(requested_url)
        yield from super().parse_page(response, requested_url, source)

    def missed_page(self, failure: Failure) -> Iterator[RawPage | Reject]:
        self._answered(failure.request.cb_kwargs["requested_url"])  # type: ignore[attr-defined]  # set by Scrapy
        yield from super().missed_page(failure)

    def _answered(self, requested_url: str) -> None:
        if (host := self._under_way.pop(requested_url, None)) is not None:
            self._turns.put_nowait(host)


def _by_host(urls: Iterable[str]) -> dict[str, deque[str]]:
    hosts: dict[str, deque[str]] = {}
    for url in urls:
        hosts.setdefault(host_of(url), deque()).append(url)
    return hosts


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
