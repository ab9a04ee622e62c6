"""A site on loopback for one test: paths to answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, str | bytes, dict[str, str]]


@contextmanager
def site(answer: Callable[[str], Answer | str | bytes | None]) -> Iterator[tuple[str, list[str]]]:
    """(address, paths asked for, in order). `answer(path)` gives a body, (status, body, headers), or None for 404."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)  # before the answer, which may take its time
            given = answer(self.path)
            if given is None and self.path == "/.well-known/tdmrep.json":  # few sites have one
                asked.remove(self.path)
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
