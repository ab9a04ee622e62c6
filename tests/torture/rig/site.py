"""A small newsroom on loopback: three outlets, thirty articles with copies among them, and what must not be fetched."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Answer = tuple[int, str, dict[str, str]]

OUTLETS = ("alder", "birch", "cedar")
ARTICLES = 8  # of each outlet, besides what it prints of others
_SYLLABLES = (
    "ba",
    "ke",
    "lo",
    "mi",
    "nu",
    "ra",
    "se",
    "ti",
    "vo",
    "zu",
    "dal",
    "fen",
    "gor",
    "hul",
    "jas",
    "pir",
)
_CHANCE = random.Random(20261201)
_WORDS = ["".join(_CHANCE.choices(_SYLLABLES, k=_CHANCE.randint(2, 4))) for _ in range(900)]


@dataclass
class Site:
    """port: of the newsroom. asked: the paths asked for, in order. slow_s: how long an answer takes. edition: the stories
    are others in each. barred: addresses that reached the private network."""

    port: int = 0
    canary_port: int = 0
    asked: list[str] = field(default_factory=list)
    slow_s: float = 0.0
    edition: int = 0
    barred: list[str] = field(default_factory=list)

    def home(self, outlet: str) -> str:
        return f"http://{outlet}.test:{self.port}"

    def urls(self) -> list[str]:
        """The addresses of all articles."""
        return [self.home(o) + path for o in OUTLETS for path in _listed(o, self.edition)]

    def write_outlets(self, folder: Path, *, cut: str = "") -> None:
        """Write the outlet files. cut: a selector of clutter, for files that were changed since."""
        folder.mkdir(parents=True, exist_ok=True)
        for outlet in OUTLETS:
            lines = [
                f'name = "{outlet.title()}"', f'home = "{self.home(outlet)}/"', f'domains = ["{outlet}.test"]',
                "[sources]", f'feeds = ["{self.home(outlet)}/{outlet}/feed"]',
                "[politeness]", "delay_s = 0.0",
                *(["[clutter]", f'cut = ["{cut}"]'] if cut else []),
            ]  # fmt: skip
            (folder / f"{outlet}.toml").write_text("\n".join(lines))


def article(number: int, *more: str, lines: int = 9, headline: str = "") -> str:
    """The HTML of an article whose text depends on its number alone. more: paragraphs at its end."""
    chance = random.Random(number)
    text = [" ".join(chance.choices(_WORDS, k=17)).capitalize() + "." for _ in range(lines)]
    title = headline or f"{text[0][:40]} number {number}"
    body = "".join(f"<p>{line}</p>" for line in [*text, *more])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta property="article:published_time" content="2026-11-{number % 27 + 1:02}T08:00:00Z"></head>'
        f'<body><main><article><h1>{title}</h1>{body}<p class="appeal">'
        f"Readers like you pay for the work of {' '.join(chance.choices(_WORDS, k=5))}.</p></article></main></body></html>"
    )


def _listed(outlet: str, edition: int) -> list[str]:
    """The paths of an outlet's articles. Each outlet prints a third of the next one's stories, word for word or longer."""
    own = OUTLETS.index(outlet)
    first = edition * 1000
    stories = [first + own * 100 + n for n in range(ARTICLES)]
    stories += [first + (own + 1) % len(OUTLETS) * 100 + n for n in range(ARTICLES // 3 + 1)]
    return [f"/{outlet}/news/story-{n}-of-the-day.html" for n in stories]


def _answer(the_site: Site, path: str) -> Answer | str | None:
    parts = path.strip("/").split("/")
    outlet = parts[0]
    if outlet not in OUTLETS:
        return None
    if parts[1:] == ["feed"]:
        urls = [the_site.home(outlet) + p for p in _listed(outlet, the_site.edition)]
        urls += [
            f"http://127.0.0.2:{the_site.canary_port}/{outlet}/news/story-inside.html",
            f"http://inside.{outlet}.test:{the_site.canary_port}/{outlet}/news/story-inside.html",
            f"{the_site.home(outlet)}/{outlet}/news/story-gone-for-good.html",
            f"{the_site.home(outlet)}/{outlet}/news/story-that-leads-inside.html",
        ]
        items = "".join(f"<item><title>x</title><link>{u}</link></item>" for u in urls)
        return (
            200,
            f"<rss version='2.0'><channel><title>t</title>{items}</channel></rss>",
            {"Content-Type": "text/xml"},
        )
    if path.endswith("story-that-leads-inside.html"):
        return 302, "", {"Location": f"http://inside.{outlet}.test:{the_site.canary_port}/inside"}
    if path not in _listed(outlet, the_site.edition):
        return None
    number = int(path.split("-")[1])
    is_own = number % 1000 // 100 == OUTLETS.index(outlet)
    more = [f"The newsroom of the {outlet} on the market square is open on every day of the week but one."]
    if not is_own and number % 2:
        more.append("Our own desk added this line to the report of the agency.")
    return article(number, *more, headline="" if is_own else f"{outlet.title()} prints report {number} again")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is what these tests are about."""


@contextmanager
def serve(answer: Callable[[str], Answer | str | None]) -> Iterator[int]:
    """Answer requests on loopback: a path gets (status, body, headers), an HTML page, or None for 404. Yields the
    port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            given = answer(self.path)
            status, body, headers = (
                (404, "", {}) if given is None else (200, given, {}) if isinstance(given, str) else given
            )
            self.send_response(status)
            for name, value in {"Content-Type": "text/html; charset=utf-8", **headers}.items():
                self.send_header(name, value)
            if "Content-Length" in headers:  # a lie: the connection ends too early
                self.close_connection = True
            else:
                self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def newsroom() -> Iterator[Site]:
    """The newsroom, and beside it a server on 127.0.0.2, which no crawl may reach."""
    the_site, pause = Site(), threading.Event()

    def answer(path: str) -> Answer | str | None:
        the_site.asked.append(path)
        if the_site.slow_s:
            pause.wait(the_site.slow_s)
        return _answer(the_site, path)

    with serve(answer) as port, socket.create_server(("127.0.0.2", 0)) as canary:
        the_site.port, the_site.canary_port = port, canary.getsockname()[1]

        def watch() -> None:
            with suppress(OSError):
                while True:
                    with canary.accept()[0] as intruder:
                        the_site.barred.append(str(intruder.getpeername()))

        threading.Thread(target=watch, daemon=True).start()
        try:
            yield the_site
        finally:
            pause.set()
            with suppress(OSError):
                canary.shutdown(socket.SHUT_RDWR)
