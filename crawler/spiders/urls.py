"""The spider `urls`: crawls the URLs of a file. Start it with scrapy crawl urls -a file=addresses.txt."""

from __future__ import annotations

import asyncio
import codecs
import stat
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
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
from crawler.politeness.request_policy import REQUESTED_URL_KEY
from crawler.sources.list_text import marked_encoding
from crawler.sources.url_lines import read_lines
from lake.runs.session import Claim
from lake.schema.records import Reject
from outlets import Selection

_LINES_PER_SLICE = 16  # so many lines take the event loop some milliseconds
_PIECE_BYTES = 2**16
_MAX_BYTES = 2**30  # of a list; an endless pipe ends there
_MAX_ADDRESSES = 5_000_000  # a gigabyte of memory
_MAX_TOLD_LINES = 1000  # bad lines that are told one by one; all are counted
_REQUESTS_PER_HOST = 64  # of one host that wait at a time; more than are ever sent to a host at once


class Urls(CandidateSpider):
    """Reads the URLs of a list, one a line or in a column of their own; empty lines and lines that begin with # are
    skipped. A URL belongs to the outlet that owns its domain; one of an unknown domain gets the general rules."""

    name = "urls"
    arguments = ("file", "fresh", *SELECTION_ARGUMENTS)

    def __init__(self, *args: Any, file: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._file = file
        self._hosts_of_requests: dict[str, str] = {}  # requested URL, until it is answered → host of its line
        # a host stands here once for each request that it may still get
        self._ready_hosts: asyncio.Queue[str] = asyncio.Queue()

    @classmethod
    def hosts(cls, file: str = "", **arguments: Any) -> list[str]:
        """Return the hosts that a run will contact, for the check before the start. Raises UsageError for an argument
        or a file that cannot be used."""
        try:
            selection_of(Selection(), arguments)
        except BadArgument as error:
            raise UsageError(f"-a {error}", print_help=False) from error
        return sorted({host_of(url) for url in _read_urls(file).addresses} - {""})

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        """Give each outlet its own politeness."""
        super().update_settings(settings)
        settings.set("DOWNLOAD_SLOTS", download_slots(settings), "spider")

    def claims(self) -> list[Claim]:
        """Return the leases that keep other machines from landing pages of the list's outlets. Other crawls on this
        machine may run."""
        if not self._file:  # `scrapy parse --spider urls` has none
            return []
        hosts = (known_outlets().find(host) for host in self.hosts(self._file))
        return [Claim(key) for key in sorted({outlet.key for outlet in hosts if outlet})]

    async def start(self) -> AsyncIterator[Any]:
        """Yield the candidates of the list, and record the list as a source."""
        url_list = await asyncio.to_thread(_read_urls, self._file)  # as a rule it has been read before
        urls_by_host = _group_by_host(url_list.addresses)
        line_count = len(url_list.addresses) + url_list.bad_count
        source: dict[str, Any] = {"kind": "list", "lines": line_count, "found": 0, "new": 0, "error": None}
        self.sources[self._file] = source
        for problem in url_list.bad_lines:
            self.logger.warning("%s: %s", self._file, problem)
        bad_count, line_number = url_list.bad_count, 0
        if bad_count:
            self._count("bad_addresses", bad_count)
        if bad_count > len(url_list.bad_lines):
            self.logger.warning("%s: %d lines in all cannot be used", self._file, bad_count)
        async for host, url in self._round_robin(urls_by_host):
            line_number += 1
            # a long list must not delay the answers to earlier requests
            if line_number % _LINES_PER_SLICE == 0:
                await asyncio.sleep(0)
            request = None
            try:
                request = self.candidate(url, source=None)
                source["found"] += 1
            except ValueError as error:
                self._count("bad_addresses")
                self.logger.warning("%s: %s", self._file, error)
                bad_count += 1
            if request:
                source["new"] += 1
                self._hosts_of_requests[request.cb_kwargs[REQUESTED_URL_KEY]] = host
                yield request
            else:
                self._ready_hosts.put_nowait(host)
        if bad_count:
            source["bad"] = bad_count
            if not source["found"]:
                first = f": {url_list.bad_lines[0]}" if url_list.bad_lines else ""
                none = "its one line is no" if bad_count == 1 else f"none of its {bad_count} lines is an"
                source["error"] = f"{none} http or https address{first}"

    async def _round_robin(self, urls_by_host: dict[str, deque[str]]) -> AsyncIterator[tuple[str, str]]:
        """Yield (host, URL): one URL of each host, then the next of each, as answers make room. A URL that waits
        costs only its text, not a request, and no host waits for another."""
        hosts = list(urls_by_host)
        for queued in range(_REQUESTS_PER_HOST):
            hosts = [host for host in hosts if len(urls_by_host[host]) > queued]
            for host in hosts:
                self._ready_hosts.put_nowait(host)
        while urls_by_host:
            host = await self._ready_hosts.get()
            if urls_left := urls_by_host.get(host):
                yield host, urls_left.popleft()
                if not urls_left:
                    del urls_by_host[host]

    def parse_page(self, response: Response, asked: str, source: str | None) -> Iterator[RawPage | Reject]:
        """Let the host get another request, and yield the page."""
        self._on_answer(asked)
        yield from super().parse_page(response, asked, source)

    def missed_page(self, failure: Failure) -> Iterator[RawPage | Reject]:
        """Let the host get another request, and yield what became of the candidate."""
        self._on_answer(failure.request.cb_kwargs[REQUESTED_URL_KEY])  # type: ignore[attr-defined]  # set by Scrapy
        yield from super().missed_page(failure)

    def _on_answer(self, requested_url: str) -> None:
        """Let the host of an answered request get another one."""
        if (host := self._hosts_of_requests.pop(requested_url, None)) is not None:
            self._ready_hosts.put_nowait(host)


def _group_by_host(urls: Iterable[str]) -> dict[str, deque[str]]:
    hosts: dict[str, deque[str]] = {}
    for url in urls:
        hosts.setdefault(host_of(url), deque()).append(url)
    return hosts


@dataclass(slots=True)
class _UrlList:
    """What a file of addresses holds."""

    addresses: list[str] = field(default_factory=list)
    # a message for each line that is neither an address nor columns with one, as far as they are told one by one
    bad_lines: list[str] = field(default_factory=list)
    bad_count: int = 0


def _read_urls(file: str) -> _UrlList:
    """Return the URLs of the file, and its lines that cannot be used. Raises UsageError where it cannot be read, or is
    longer than the bounds."""
    if not file:
        raise UsageError(
            "urls needs a file of addresses: scrapy crawl urls -a file=addresses.txt", print_help=False
        )
    try:
        about = Path(file).stat()
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: cannot be read: {error}", print_help=False) from error
    is_file = stat.S_ISREG(about.st_mode)
    return _read_version(file, (about.st_mtime_ns, about.st_size) if is_file else None)


# the check before the start, the claims and the crawl need the list, and a pipe can be read only once
@lru_cache(maxsize=1)
def _read_version(file: str, version: tuple[int, int] | None) -> _UrlList:
    url_list = _UrlList()
    try:
        for line in read_lines(_utf8_pieces(file)):
            url_list.addresses.extend(line.addresses)
            if len(url_list.addresses) > _MAX_ADDRESSES:
                raise _too_long(file, f"{_MAX_ADDRESSES:,} addresses")
            if problem := line.problem:
                url_list.bad_count += 1
                if url_list.bad_count <= _MAX_TOLD_LINES:
                    url_list.bad_lines.append(problem)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{file}: cannot be read: {error}", print_help=False) from error
    return url_list


def _utf8_pieces(file: str) -> Iterator[bytes]:
    """Yield the content in UTF-8, without byte order mark. Raises OSError and UnicodeError."""
    with Path(file).open("rb") as content:
        piece, read_bytes = content.read(_PIECE_BYTES), 0
        decoder = codecs.getincrementaldecoder(marked_encoding(piece) or "utf-8")()
        while piece:
            read_bytes += len(piece)
            if read_bytes > _MAX_BYTES:
                raise _too_long(file, f"{_MAX_BYTES:,} bytes")
            text = decoder.decode(piece)
            yield (text.removeprefix("\ufeff") if read_bytes == len(piece) else text).encode()
            piece = content.read(_PIECE_BYTES)
        yield decoder.decode(b"", True).encode()


def _too_long(file: str, bound: str) -> UsageError:
    return UsageError(
        f"{file}: has more than {bound}; divide it into several lists, one for each crawl", print_help=False
    )
