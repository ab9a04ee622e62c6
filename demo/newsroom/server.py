"""One loopback server for all outlets; the Host header tells which is meant."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections import deque
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from demo.newsroom.routes import Response, Routes, routes
from demo.newsroom.sites import SITES

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

REMEMBERED = 100_000  # requests; the oldest are forgotten


class Request(NamedTuple):
    time: datetime  # UTC
    host: str  # without the port
    path: str  # with the query, as asked
    user_agent: str


class Newsroom:
    """with Newsroom(port=0) as room: the outlets of that day answer on 127.0.0.1:room.port."""

    def __init__(self, port: int = 0, *, day: int = 1) -> None:
        self._log: deque[Request] = deque(maxlen=REMEMBERED)
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.port: int = self._server.server_address[1]
        self.hosts = [site.domain for site in SITES]
        self.turn_to(day)

    def turn_to(self, day: int) -> None:
        """Show another day at the same port: new articles, a corrected one, corrected just now."""
        self.day = day
        now = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)  # feeds tell no fractions
        self._routes: Routes = routes(day, self.port, now)

    @property
    def requests(self) -> list[Request]:
        """What was asked, in order."""
        with self._lock:
            return list(self._log)

    def note(self, request: Request) -> None:
        with self._lock:
            self._log.append(request)

    def answer(self, host: str, target: str) -> Response:
        """The page at a request target; tracking parameters and a slash too many or too few do no harm."""
        parts = urlsplit(target)
        query = urlencode([(key, value) for key, value in parse_qsl(parts.query) if key[:4] != "utm_"])
        tail = f"?{query}" if query else ""
        trimmed = parts.path.rstrip("/")
        for path in (parts.path, trimmed, trimmed + "/"):
            if found := self._routes.get((host, path + tail)):
                return found
        return Response("<h1>404 Not Found</h1>", status=404)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a crawler may hold its connection open for long
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], room: Newsroom) -> None:
        super().__init__(address, _Handler)
        self.room = room

    def handle_error(self, request: object, client_address: object) -> None:
        """A crawler that hangs up in mid-answer is no news; any other error is."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "newsroom"
    timeout = 15  # seconds of silence after which a kept connection is closed
    server: _Server

    def do_GET(self) -> None:
        host = self.headers.get("Host", "").partition(":")[0].lower().removeprefix("www.")
        agent = self.headers.get("User-Agent", "")
        self.server.room.note(Request(datetime.now(UTC), host, self.path, agent))
        self._send(self.server.room.answer(host, self.path))

    def do_HEAD(self) -> None:
        self.do_GET()

    def _send(self, answer: Response) -> None:
        body = answer.body.encode()
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        fresh = answer.status == 200 and self.headers.get("If-None-Match") == etag
        self.send_response(304 if fresh else answer.status)
        self.send_header("Content-Type", answer.content_type)
        if answer.status == 200:
            self.send_header("ETag", etag)
        if answer.location:
            self.send_header("Location", answer.location)
        self.send_header("Content-Length", "0" if fresh else str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and not fresh:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing; what was asked stands in Newsroom.requests."""
