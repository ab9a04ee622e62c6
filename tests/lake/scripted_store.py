"""An HTTP server on loopback that answers as it is told: what no real store does on demand."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

Script = Sequence[bytes]
"""The answers in order, byte for byte; the last one again and again. One that ends with RESET ends in a reset."""

RESET = b"<reset>"


class ScriptedStore:
    """`store.script` may be set at any time; each connection carries one request."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.script: Script = [b""]
        self.asked: list[str] = []  # the requests' first lines
        self.heads: list[bytes] = []

    def tell(self, *script: bytes) -> None:
        self.script, self.asked, self.heads = script, [], []

    def serve(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._server.accept()
                with client, contextlib.suppress(OSError):
                    client.settimeout(10)
                    self._answer(client)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _answer(self, client: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data and not data.startswith(b"\x16"):  # the beginning of TLS
            if not (more := client.recv(65536)):
                return
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        if b"100-continue" in head:
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        size = next(
            (int(v) for k, _, v in (line.partition(b":") for line in head.split(b"\r\n")) if k.lower() == b"content-length"),
            0,
        )  # fmt: skip
        while len(body) < size and (more := client.recv(65536)):
            body += more
        answer = self.script[min(len(self.asked), len(self.script) - 1)]
        self.asked.append(head.split(b"\r\n")[0].decode(errors="replace"))
        self.heads.append(head)
        client.sendall(answer.removesuffix(RESET))
        if answer.endswith(RESET):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextmanager
def scripted_store() -> Iterator[ScriptedStore]:
    store = ScriptedStore()
    thread = threading.Thread(target=store.serve, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        store.close()
        thread.join(5)


def answer(status: int, body: bytes | str = b"", length: int | None = -1, **headers: str) -> bytes:
    """length: the Content-Length; -1: the true one; None: none."""
    body = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Some words", "Connection: close"]
    if length is not None:
        lines.append(f"Content-Length: {len(body) if length == -1 else length}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def error(status: int, code: str, **headers: str) -> bytes:
    """As S3 refuses a request."""
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>canary-message</Message></Error>'
    return answer(status, body, content_type="application/xml", **headers)


def an_object(data: bytes, *, length: int | None = -1, **headers: str) -> bytes:
    moment = "Tue, 01 Dec 2026 10:00:00 GMT"
    given = {"ETag": '"1"', "Last_Modified": moment, "Date": moment, **headers}
    return answer(200, data, length, **{k: v for k, v in given.items() if v})


def a_listing(*keys: str, token: str | None = None) -> bytes:
    entries = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys)
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    truncated = "true" if token else "false"
    return answer(
        200,
        f"<ListBucketResult><Name>b</Name><IsTruncated>{truncated}</IsTruncated>{entries}{more}</ListBucketResult>",
        content_type="application/xml",
    )
