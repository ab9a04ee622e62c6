"""HTTP client that reads answers as browsers do, where Twisted refuses the whole answer for one odd line of it.

All private names of Scrapy and Twisted that this takes stand in this module; tests/crawler/test_http_client.py tells
when one of them has changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from scrapy.core.downloader.handlers.http11 import (
    HTTP11DownloadHandler,
    _LenientHTTP11ClientFactory,
    _LenientHTTP11ClientProtocol,
    _LenientHTTPClientParser,
)
from scrapy.crawler import Crawler
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure
from twisted.web._newclient import HEADER, HTTP11ClientProtocol, Request
from twisted.web.client import ResponseFailed
from twisted.web.http import _DataLoss, _IdentityTransferDecoder
from twisted.web.iweb import IResponse

# of a response whose body ended early: why; the parser adds it to the headers, where middlewares find it
CAUSE_HEADER = "X-Pressline-Broken-Body"
MAX_HEADER_BYTES = 256 * 2**10  # of one line, and of all of them; browsers have the same limit
_MAX_CHUNK_LINE_BYTES = 16 * 2**10
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,15}")


class UnreadableAnswer(ValueError):
    """The server's bytes are no HTTP answer. The message says what is wrong with them."""


class HttpClient(HTTP11DownloadHandler):
    """Scrapy's download handler for http and https, with the parser below."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._pool._factory = _Factory


class _Factory(_LenientHTTP11ClientFactory):
    def buildProtocol(self, addr: IAddress | None) -> HTTP11ClientProtocol:  # noqa: N802 - Twisted's name
        return _Protocol(self._quiescentCallback)  # type: ignore[no-untyped-call]


class _Protocol(_LenientHTTP11ClientProtocol):
    def request(self, request: Request) -> Deferred[IResponse]:
        answer = super().request(request)
        assert self._parser is not None
        self._parser.__class__ = (
            _Parser  # as the parent class does it: Twisted names the class of its parser itself
        )
        return answer


class ChunkDecoder:
    """Decodes Transfer-Encoding: chunked (RFC 9112, 7.1). As browsers do it admits spaces around a size and lines
    that end with LF alone, and needs no blank line behind the last chunk."""

    def __init__(self, deliver: Callable[[bytes], None], finish: Callable[[bytes], None]) -> None:
        """deliver: gets the data; finish: gets what follows the body."""
        self._deliver, self._finish = deliver, finish
        self._buffer = bytearray()
        self._bytes_left = 0  # of the chunk
        self._read_next: Callable[[], bool] = self._read_size

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Take the next bytes. Raises UnreadableAnswer."""
        self._buffer += data
        while self._buffer and self._read_next():
            pass

    def noMoreData(self) -> None:  # noqa: N802 - Twisted's name
        """The connection is closed. Raises _DataLoss where the last chunk has not come."""
        if self._read_next != self._read_trailer:
            raise _DataLoss("the last chunk is missing")

    def _read_size(self) -> bool:
        if (line := self._take_line()) is None:
            return False
        size = line.partition(b";")[0].strip()  # an extension may follow
        if not _CHUNK_SIZE.fullmatch(size):
            raise UnreadableAnswer(f"{bytes(line[:40])!r} is not the size of a chunk")
        self._bytes_left = int(size, 16)
        self._read_next = self._read_data if self._bytes_left else self._read_trailer
        return True

    def _read_data(self) -> bool:
        data = bytes(self._buffer[: self._bytes_left])
        del self._buffer[: len(data)]
        self._bytes_left -= len(data)
        if not self._bytes_left:
            self._read_next = self._read_end
        self._deliver(data)
        return True

    def _read_end(self) -> bool:
        if (line := self._take_line()) is None:
            return False
        if line.strip():
            raise UnreadableAnswer(f"a chunk is longer than its size says: {bytes(line[:40])!r} follows")
        self._read_next = self._read_size
        return True

    def _read_trailer(self) -> bool:
        if (line := self._take_line()) is None:
            return False
        if line:
            return True  # a trailer field, which nobody needs
        rest = bytes(self._buffer)
        self._buffer.clear()
        self._finish(rest)
        return False

    def _take_line(self) -> bytearray | None:
        """The next line without its end; None where it has not come as a whole."""
        end = self._buffer.find(b"\n", 0, _MAX_CHUNK_LINE_BYTES)
        if end < 0:
            if len(self._buffer) >= _MAX_CHUNK_LINE_BYTES:
                raise UnreadableAnswer(f"{bytes(self._buffer[:40])!r} begins a line that does not end")
            return None
        line = self._buffer[:end].removesuffix(b"\r")
        del self._buffer[: end + 1]
        return line


class _Parser(_LenientHTTPClientParser):
    """Admits long header lines, drops fields whose name is none, and takes the body where its length is told oddly."""

    MAX_LENGTH = MAX_HEADER_BYTES
    _transferDecoders: dict[bytes, Any] = {b"chunked": ChunkDecoder}  # noqa: N815, RUF012 - as in the parent class
    _header_bytes = 0  # no __init__ sets it: objects of the parent class become objects of this one

    def lineReceived(self, line: bytes) -> None:  # noqa: N802 - Twisted's name
        self._header_bytes += len(line)
        if self._header_bytes > MAX_HEADER_BYTES:
            raise UnreadableAnswer(f"a head of more than {MAX_HEADER_BYTES} bytes")
        if self.state == HEADER and self._partialHeader is None and line[:1] in (b" ", b"\t"):
            return  # it continues a header, and none has begun
        super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802 - Twisted's name
        raise UnreadableAnswer(f"a header line of more than {MAX_HEADER_BYTES} bytes: {line[:40]!r}…")

    def headerReceived(self, name: bytes, value: bytes) -> None:  # noqa: N802 - Twisted's name
        name = name.rstrip(b" \t")  # RFC 9112, 5.1: white space there is to be removed
        if _TOKEN.fullmatch(name):
            super().headerReceived(name, value)  # type: ignore[no-untyped-call]

    def allHeadersReceived(self) -> None:  # noqa: N802 - Twisted's name
        fields = self.connHeaders
        codings = _list_of(fields.getRawHeaders(b"Transfer-Encoding", []))
        if not set(codings) <= {b"chunked", b"identity"}:
            raise UnreadableAnswer(f"Transfer-Encoding: {b', '.join(codings).decode('latin-1')}")
        fields.removeHeader(b"Transfer-Encoding")
        if b"chunked" in codings:
            fields.addRawHeader(b"Transfer-Encoding", b"chunked")
        lengths = _list_of(fields.getRawHeaders(b"Content-Length", []))
        if not lengths or not all(length.isdigit() for length in lengths):
            fields.removeHeader(b"Content-Length")  # the body ends with the connection
        super().allHeadersReceived()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure | None = None) -> None:  # noqa: N802 - Twisted's name
        body, loss = self.bodyDecoder, getattr(reason, "value", reason)  # Twisted gives both
        if body is not None and isinstance(loss, UnreadableAnswer):
            self.response.headers.setRawHeaders(CAUSE_HEADER, [str(loss)])
        ends_with_connection = isinstance(body, _IdentityTransferDecoder) and body.contentLength is None
        if ends_with_connection and not isinstance(loss, ConnectionDone):
            # such a body is whole only where the server closes the connection in order (RFC 9112, 9.8)
            failures = [reason, Failure(_DataLoss("the connection broke"))]  # type: ignore[no-untyped-call]
            self.response._bodyDataFinished(Failure(ResponseFailed(failures, self.response)))  # type: ignore[no-untyped-call]
            return
        super().connectionLost(reason)


def _list_of(values: Sequence[bytes]) -> list[bytes]:
    """The members of a list field (RFC 9110, 5.6.1), in lower case."""
    return [member.strip().lower() for value in values for member in value.split(b",") if member.strip()]
