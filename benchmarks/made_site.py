"""Outlets without end on loopback: pages from a generator, each with its own address and text, and their feeds.

The four publishing systems of the demonstration newsroom write the pages, benchmarks/articles.py their texts, and
to each page come the scripts that make most of a real one's bytes. The server is one thread of asyncio without a
framework: it costs a page about as much as nginx and the generator together may cost on the other core.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.articles import Generator, newsroom_texts
from demo.newsroom.pages import Block, Page
from demo.newsroom.sites import SITES

SCRIPT_BYTES = (
    60_000  # of state, tracking and advertising in a page; visible text is a small part of a real one
)
PARAGRAPH_WORDS = 60
ENTRIES = 50  # of a feed
HTML, XML = "text/html; charset=utf-8", "application/xml; charset=utf-8"


class Pages:
    """Page number n, the same in every run; any page can be made without those before it."""

    def __init__(self, texts: Iterable[str] = (), script_bytes: int = SCRIPT_BYTES) -> None:
        self._generator = Generator([*texts] or newsroom_texts())
        chance = random.Random(1)
        state = {f"key{n}": chance.randbytes(12).hex() for n in range(script_bytes // 42)}
        self._script = f"<script>window.__STATE__ = {json.dumps(state)}</script>"

    def slug(self, number: int) -> str:
        return f"the-report-of-the-day-{number}"

    def html(self, number: int, base: str) -> str:
        markup = SITES[number % len(SITES)].markup
        html = markup.render(self._page(number), base).html
        return html.replace("</body>", f"{self._script}</body>")

    def _page(self, number: int) -> Page:
        words = self._generator.text(number).split()
        cuts = range(0, len(words), PARAGRAPH_WORDS)
        blocks = tuple(
            Block("body", f"{' '.join(words[c : c + PARAGRAPH_WORDS])}.".capitalize()) for c in cuts
        )
        return Page(
            outlet=SITES[number % len(SITES)].name,
            slug=self.slug(number),
            story=self.slug(number),
            kind="story",
            title=" ".join(words[7:16]).capitalize() + f" {number}",
            standfirst=None,
            blocks=blocks,
            section="economy",
            authors=(),
            published=datetime.now(UTC).replace(microsecond=0) - timedelta(hours=number % 240),
            modified=None,
            tags=("harbour",),
            language="en",
            credit=None,
            template=None,
            day=1,
        )


@dataclass(frozen=True, slots=True)
class Asked:
    when: float  # time.monotonic()
    host: str
    path: str
    status: int
    bytes: int  # of headers and body that were sent


Answer = Callable[[str, str], "tuple[str, bytes] | None"]  # (host, path) → (content type, body); None: 404


class Server:
    """with Server(answer) as server: answers GET on 127.0.0.1:server.port, with ETags, keeping connections open."""

    def __init__(self, answer: Answer, *, remember: bool = True) -> None:
        self.asked: list[Asked] = []
        self.count: Counter[int] = Counter()  # requests by status
        self._answer, self._remember = answer, remember
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _serve(self) -> None:
        self._loop.run_until_complete(self._loop.create_server(lambda: _Connection(self), sock=self._socket))
        self._loop.run_forever()

    def respond(self, host: str, path: str, etag: str | None) -> bytes:
        found = self._answer(host, path)
        status, kind, body = (404, HTML, b"") if found is None else (200, *found)
        mark = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        if status == 200 and etag == mark:
            status, body = 304, b""
        reason = {200: "OK", 304: "Not Modified", 404: "Not Found"}[status]
        head = (
            f"HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nETag: {mark}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        data = head.encode() + body
        self.count[status] += 1
        if self._remember:
            self.asked.append(Asked(time.monotonic(), host, path, status, len(data)))
        return data


class _Connection(asyncio.Protocol):
    def __init__(self, server: Server) -> None:
        self._server, self._data = server, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while b"\r\n\r\n" in self._data:
            head, _, self._data = self._data.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
            host = headers.get("host", "").partition(":")[0]
            self._transport.write(
                self._server.respond(host, first.split(" ")[1], headers.get("if-none-match"))
            )


def feed(base: str, slugs: Iterable[str]) -> bytes:
    items = "".join(f"<item><title>{escape(s)}</title><link>{base}/{s}/</link></item>" for s in slugs)
    return f"<rss version='2.0'><channel><title>News</title>{items}</channel></rss>".encode()


def sitemap(base: str, slugs: Iterable[str]) -> bytes:
    name = "http://www.sitemaps.org/schemas/sitemap/0.9"
    entries = "".join(f"<url><loc>{base}/{s}/</loc></url>" for s in slugs)
    return f"<urlset xmlns='{name}'>{entries}</urlset>".encode()


def outlet_file(folder: Path, name: str, base: str, delay_s: float) -> None:
    """One outlet with a feed and a news sitemap."""
    lines = [
        f'name = "{name}"', f'home = "{base}/"', f'domains = ["{name}.test"]', 'language = "en"',
        "[sources]", f'feeds = ["{base}/feed/"]', f'news_sitemaps = ["{base}/news.xml"]',
        "[articles]", r"allow = ['^/[a-z-]+-\d+/?$']",
        "[politeness]", f"delay_s = {delay_s}", "",
    ]  # fmt: skip
    (folder / f"{name}.toml").write_text("\n".join(lines))
