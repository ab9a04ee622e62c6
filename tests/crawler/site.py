"""A site on loopback for one test: paths to answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, str | bytes, dict[str, str]]


class Raw(bytes):
    """A whole answer, head and body, to be sent as it is; then the connection is closed."""


@contextmanager
def site(
    answer: Callable[..., Answer | Raw | str | bytes | None],
    *,
    with_cookies: bool = False,
    on_conditional: dict[str, Callable[[bool], Answer]] | None = None,
) -> Iterator[tuple[str, list[str]]]:
    """(address, paths asked for, in order). `answer(path)` gives a body, (status, body, headers), a whole answer
    (Raw), or None for 404. with_cookies: it also gets the Cookie header.
    on_conditional: by path, an answer to be made of whether the request is conditional."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)  # before the answer, which may take its time
            cookies = (self.headers.get("Cookie") or "",) if with_cookies else ()
            if make := (on_conditional or {}).get(self.path):
                given = make(bool(self.headers.get("If-None-Match")))
            else:
                given = answer(self.path, *cookies)
            if given is None and self.path == "/.well-known/tdmrep.json":  # few sites have one
                asked.remove(self.path)
            if isinstance(given, Raw):
                self.wfile.write(given)
                self.close_connection = True
                return
            status, text, headers = (
                (404, "", {})
                if given is None
                else (200, given, {})
                if isinstance(given, str | bytes)
                else given
            )
            body = text.encode() if isinstance(text, str) else text
            self.send_response(status)
            for name, value in {"Content-Type": "text/html; charset=utf-8", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
