"""Gets a few pages for the commands `explain` and `suggest`, from files or by fetching them as politely as a
crawl.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from scrapy.http import Response
from scrapy.settings import SETTINGS_PRIORITIES, BaseSettings, Settings
from twisted.python.failure import Failure

from cleaning import Header, RawPage, canonical, host_of, page_id
from crawler.discovery.candidates import CandidateSpider, request_spelling
from crawler.outlet_files import download_slots, known_outlets, mistakes_at, mistakes_in
from crawler.pipeline.raw_page import outlet_of
from lake.schema.records import Reject

MAX_BYTES = 50 * 2**20  # of one saved page, after decompression
_URL_START = re.compile(r"https?://", re.I)
# a tag ends before the next begins: so each byte is looked at once, whatever is never closed
_TAG = re.compile(rb"<(?:link|meta)\b[^<>]*+>", re.I)
_NAMES_THE_URL = re.compile(
    rb"^<link\b.*?\brel\s*=\s*[\"']?canonical\b|^<meta\b.*?\bproperty\s*=\s*[\"']?og:url\b", re.I | re.S
)
_MAX_TAG_BYTES = 8192
_URL_ATTRIBUTE = re.compile(rb"\b(?:href|content)\s*=\s*[\"']?(https?://[^\"'\s>]+)", re.I)
_MARKUP = re.compile(rb"<(?:!doctype|html|head|body|article|div|p)\b", re.I)


class CannotInspect(Exception):
    """The command cannot do what was requested; the message says what to change."""


def is_url(name: str) -> bool:
    """Whether a command's argument is an http(s) URL; otherwise it is a file name."""
    return bool(_URL_START.match(name))


def checked_outlet(name: str | None) -> str | None:
    """Return the outlet's key unchanged. Raises CannotInspect where no outlet file has it."""
    known = known_outlets().by_name
    if name is None or name in known:
        return name
    if mistakes := mistakes_in(name):
        raise CannotInspect(mistakes)
    guess = get_close_matches(name, list(known), 1)
    raise CannotInspect(
        f"no outlet is called {name!r}; "
        + (f"did you mean {guess[0]!r}?" if guess else "`scrapy outlets` names them")
    )


def read_page_file(name: str, outlet: str | None) -> RawPage:
    """Return a saved page, decompressed where it is gzipped. Its URL is the one in its canonical link or og:url; a
    page without one gets an invented URL. Makes no request. Raises CannotInspect where the file cannot be read or is
    not HTML."""
    body = read_body(name)
    if not _MARKUP.search(body[:200_000]):
        raise CannotInspect(f"{name}: not HTML: no tag was found in it")
    url = _url_in(body) or f"https://unknown.invalid/{re.sub(r'[^A-Za-z0-9._-]+', '-', Path(name).name)}"
    return RawPage(
        id=page_id(url),
        url=canonical(url),
        requested_url=url,
        outlet=outlet or outlet_of(url),
        status=200,
        headers=(Header("content-type", "text/html"),),
        body=body,
        fetched_at=datetime.now(UTC),
    )


def read_body(name: str) -> bytes:
    """Return the bytes of a saved page. Raises CannotInspect."""
    path = Path(name)
    try:
        if path.is_dir():
            raise CannotInspect(
                f"{name}: a folder; expected a saved page or an address that begins with https://"
            )
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
        if body[:2] == b"\x1f\x8b":
            with gzip.open(path) as unpacked_file:
                body = unpacked_file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        hint = f"; an address begins with https://, as https://{name}" if _looks_like_host(name) else ""
        raise CannotInspect(f"{name}: no such file{hint}") from None
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise CannotInspect(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(body) > MAX_BYTES:
        raise CannotInspect(f"{name}: more than {MAX_BYTES >> 20} MB; no page of news is as large")
    return body


def _looks_like_host(name: str) -> bool:
    return bool(re.fullmatch(r"[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}(?:/.*)?", name, re.I)) and "/" in name


def _url_in(body: bytes) -> str | None:
    """Return the URL that a page's canonical link or og:url gives; None where neither has a valid one."""
    for tag in _TAG.finditer(body):
        names_it = len(tag[0]) <= _MAX_TAG_BYTES and _NAMES_THE_URL.search(tag[0])
        if names_it and (value := _URL_ATTRIBUTE.search(tag[0])):
            try:
                return canonical(value[1].decode("utf-8", "replace").replace("&amp;", "&"))
            except ValueError:
                continue
    return None


# ---------------------------------------------------------------- fetching


class SinglePageSpider(CandidateSpider):
    """Fetches a few pages and nothing else. It appends each page or reject to `answers`; nothing lands."""

    name = "one_page"

    def __init__(
        self, urls: Sequence[str] = (), answers: list[RawPage | Reject] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.urls = urls
        self.answers: list[RawPage | Reject] = [] if answers is None else answers

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        """Switch off the pipelines, and give each outlet its own politeness."""
        super().update_settings(settings)
        settings.set("ITEM_PIPELINES", {}, "spider")
        settings.set("DOWNLOAD_SLOTS", download_slots(settings), "spider")

    async def start(self) -> AsyncIterator[Any]:
        """Yield the request of each URL."""
        for url in self.urls:
            if request := self.candidate(url):
                yield request

    def parse_page(self, response: Response, asked: str, source: str | None) -> Iterator[RawPage | Reject]:
        """Keep the page that answered; yield nothing."""
        for answer in super().parse_page(response, asked, source):
            self.answers.append(answer)
        yield from ()

    def missed_page(self, failure: Failure) -> Iterator[RawPage | Reject]:
        """Keep the reject of a page that did not answer; yield nothing."""
        self.answers += [item for item in super().missed_page(failure) if isinstance(item, Reject)]
        yield from ()


def fetch_pages(urls: Sequence[str], settings: Settings) -> list[RawPage | Reject]:
    """Return the answers to the URLs, in no particular order. Raises CannotInspect before the first request where a
    URL or CONTACT does not allow it."""
    from scrapy.crawler import AsyncCrawlerProcess

    from crawler.politeness.contact import contact_problem, public_hosts

    for url in urls:
        try:
            canonical(url)
        except ValueError as error:
            raise CannotInspect(str(error)) from error
    hosts = sorted({host_of(url) for url in urls})
    open_to = public_hosts(hosts, settings.getlist("ALLOWED_NETWORKS"), settings.getdict("DNS_OVERRIDES"))
    if problem := contact_problem(settings.get("CONTACT"), open_to):
        raise CannotInspect(problem)
    if (
        "LOG_LEVEL" not in os.environ
        and (settings.getpriority("LOG_LEVEL") or 0) < SETTINGS_PRIORITIES["cmdline"]
    ):
        settings.set("LOG_LEVEL", "CRITICAL", "cmdline")  # the command itself says what became of a page
    answers: list[RawPage | Reject] = []
    process = AsyncCrawlerProcess(settings)
    process.crawl(SinglePageSpider, urls=urls, answers=answers)
    process.start()
    return answers


def requested_pages(names: Sequence[str], outlet: str | None, settings: Settings) -> list[RawPage | Reject]:
    """Return the pages of files and URLs, in the order of names. Makes no request where no name is a URL. Raises
    CannotInspect where one of them cannot be had."""
    urls = [name for name in names if is_url(name)]
    # files are read first, so that a misspelt name costs no request
    files = {name: read_page_file(name, outlet) for name in names if not is_url(name)}
    answers_by_id = (
        {page_id(answer.requested_url): answer for answer in fetch_pages(urls, settings)} if urls else {}
    )
    pages: list[RawPage | Reject] = []
    for name in names:
        answer = files.get(name) or answers_by_id.get(page_id(request_spelling(name)))
        if answer is None:
            raise CannotInspect(f"{name}: not answered; LOG_LEVEL=INFO says more")
        if not outlet and (mistakes := mistakes_at([host_of(answer.url)])):
            raise CannotInspect(mistakes)  # the page's own rules cannot be read
        pages.append(replace(answer, outlet=outlet) if outlet else answer)
    return pages


def prepare_settings(settings: Settings | None) -> Settings:
    """Return the settings, after OUTLETS_DIR has been made known to the outlet files. Raises CannotInspect for
    mistakes in outlet files."""
    from crawler.addon import Pressline
    from outlets import OutletErrors

    assert settings
    Pressline.update_pre_crawler_settings(settings)
    try:
        known_outlets()
    except OutletErrors as errors:
        raise CannotInspect(str(errors)) from errors
    return settings


def add_outlet_option(parser: argparse.ArgumentParser) -> None:
    """Add the option --outlet to a command."""
    parser.add_argument(
        "--outlet", metavar="NAME", help="whose rules hold; by the page's address where not given"
    )
