"""A TCP proxy on loopback that loses replies, resets, stalls or answers 503: what networks and busy stores do."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Fault = Callable[[bytes], str | None]
"""The first bytes of a request to what becomes of it: None, "reset", "lose the reply", "tear the reply", "slow down",
"internal error", "full", or "stall 2.5"."""

# (status, error code) of the faults that are answers
_ANSWERS = {
    "slow down": (503, "SlowDown"),
    "internal error": (500, "InternalError"),
    "full": (507, "StorageFull"),
}


class FaultyWay:
    """`way.fault` may be set at any time; connections carry one request each."""

    def __init__(self, port: int) -> None:
        self._store = ("127.0.0.1", port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.fault: Fault = lambda request: None
        self.done: list[str] = []  # the faults that were done

    def serve(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _carry(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            first = client.recv(65536)
            fault = self.fault(first)
            if fault:
                self.done.append(fault)
            if fault == "reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if fault in _ANSWERS:
                status, code = _ANSWERS[fault]
                body = f"<Error><Code>{code}</Code><Message>As the test wants it.</Message></Error>"
                head = f"HTTP/1.1 {status} {code}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                client.sendall(head.encode() + body.encode())
                time.sleep(0.05)  # else the unread body resets the connection before the answer is read
                return
            if fault and fault.startswith("stall"):
                time.sleep(float(fault.split()[1]))
            with socket.create_connection(self._store) as store:
                store.sendall(_one_request(first))
                self._pump(client, store, fault)

    @staticmethod
    def _pump(client: socket.socket, store: socket.socket, fault: str | None) -> None:
        while True:
            ready, _, _ = select.select([client, store], [], [], 30)
            for side in ready:
                data = side.recv(65536)
                is_reply = side is store and not data.startswith(b"HTTP/1.1 100")
                if is_reply and fault == "tear the reply":
                    client.sendall(data[: data.find(b"\r\n\r\n") + 5])
                    return
                if is_reply and fault == "lose the reply":  # the store has done it
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                if not data:
                    return
                (client if side is store else store).sendall(data)
            if not ready:
                return


def _one_request(first: bytes) -> bytes:
    """A fault concerns one request, so a connection has to end with its answer."""
    head, end, body = first.partition(b"\r\n\r\n")
    return head + b"\r\nConnection: close" + end + body


@contextmanager
def faulty_way(port: int) -> Iterator[FaultyWay]:
    way = FaultyWay(port)
    thread = threading.Thread(target=way.serve, daemon=True)
    thread.start()
    try:
        yield way
    finally:
        way.close()
        thread.join(5)


def times(count: int, fault: str, method: bytes = b"PUT") -> Fault:
    """The fault for so many requests of a method, and then none."""
    left = [count]

    def decide(request: bytes) -> str | None:
        if request.startswith(method) and left[0]:
            left[0] -= 1
            return fault
        return None

    return decide
