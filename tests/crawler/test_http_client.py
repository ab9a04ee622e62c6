"""HTTP answers as servers send them: what a browser shows is read, and what cannot be read says why."""

import pytest
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web._newclient import Request
from twisted.web.client import HTTPConnectionPool
from twisted.web.http_headers import Headers

from crawler.politeness import http_client
from crawler.politeness.http_client import CAUSE_HEADER, MAX_HEADER_BYTES, ChunkDecoder, UnreadableAnswer

BODY = b"<p>A story of the harbour.</p>"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)


class Collector(Protocol):
    """Takes a body; `end` is why it ended."""

    def __init__(self):
        self.body, self.end = b"", None

    def dataReceived(self, data):  # noqa: N802
        self.body += data

    def connectionLost(self, reason):  # noqa: N802
        self.end = reason.value


def receive(data, *, at_once=10**9, close=ConnectionDone):
    """(response, collector) of an answer; a failure in place of the response where there is none."""
    protocol = http_client._Factory(lambda _: None, None).buildProtocol(None)
    protocol.makeConnection(StringTransport())
    answers = []
    request = Request(b"GET", b"/", Headers({b"Host": [b"x"]}), None, persistent=True)
    protocol.request(request).addBoth(answers.append)
    for start in range(0, len(data), at_once):
        if protocol.state not in ("QUIESCENT", "CONNECTION_LOST"):
            protocol.dataReceived(data[start : start + at_once])
    collector = Collector()
    if answers and not isinstance(answers[0], Failure):
        answers[0].deliverBody(collector)
    if close:
        protocol.connectionLost(Failure(close()))
    (answer,) = answers
    return answer, collector


def answer(*fields, body=BODY, status=b"200 OK"):
    return b"HTTP/1.1 " + status + b"\r\n" + b"".join(fields) + b"\r\n" + body


@pytest.mark.parametrize(
    "odd",
    [
        b"X Powered By: y\r\n",
        b"X@Y: z\r\n",
        b"Via(x): z\r\n",
        b"X-\xe9: z\r\n",
        b": nothing\r\n",
        b"\tcontinues nothing\r\n",
        b"Bad Name: begins\r\n and goes on\r\n",
        b"no colon\r\n",
        b"Content-Security-Policy: " + b"https://cdn.example.net " * 5000 + b"\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding:\r\n",
    ],
)
@pytest.mark.parametrize("at_once", [7, 10**9])
def test_an_odd_line_in_the_head_costs_no_more_than_itself(odd, at_once):
    response, collector = receive(answer(odd, LENGTH, b"X-Good: 1\r\n"), at_once=at_once)
    assert response.headers.getRawHeaders("X-Good") == ["1"]
    assert (collector.body, type(collector.end).__name__) == (BODY, "ResponseDone")


def test_white_space_behind_a_name_is_no_part_of_it():
    response, collector = receive(answer(b"X-Cache : HIT\r\n", LENGTH.replace(b":", b" \t:")))
    assert response.headers.getRawHeaders("X-Cache") == ["HIT"]
    assert type(collector.end).__name__ == "ResponseDone"


@pytest.mark.parametrize("length", [b"", b"none", b"-5", b"30 bytes", b"1e3"])
def test_a_length_that_is_no_number_says_nothing(length):
    _, collector = receive(answer(b"Content-Length: " + length + b"\r\n"))
    assert (collector.body, type(collector.end).__name__) == (BODY, "PotentialDataLoss")


@pytest.mark.parametrize(
    "fields",
    [CHUNKED, CHUNKED + b"Content-Length: 5\r\n", CHUNKED * 2, b"Transfer-Encoding: Chunked, identity\r\n"],
)
@pytest.mark.parametrize("at_once", [1, 10**9])
@pytest.mark.parametrize(("first", "last"), [(b"%x\r\n", b"0\r\n\r\n"), (b"%-6x\r\n", b"0     \r\n\r\n"), (b" %X ;a=b\r\n", b"000\r\nX-T: 1\r\n\r\n"), (b"%x\n", b"0\n\n")])  # fmt: skip
def test_a_body_in_chunks_is_whole_however_their_sizes_are_written(fields, first, last, at_once):
    chunks = b"".join(first % len(part) + part + b"\r\n" for part in (BODY[:9], BODY[9:]))
    _, collector = receive(answer(fields, body=chunks + last), at_once=at_once)
    assert (collector.body, type(collector.end).__name__) == (BODY, "ResponseDone")


def test_the_last_chunk_needs_no_blank_line():
    _, collector = receive(answer(CHUNKED, body=b"%x\r\n%s\r\n0\r\n" % (len(BODY), BODY)))
    assert (collector.body, type(collector.end).__name__) == (BODY, "ResponseDone")


@pytest.mark.parametrize(
    ("data", "close", "cause"),
    [
        (answer(CHUNKED, body=b"%x\r\n%s\r\n" % (len(BODY), BODY)), ConnectionDone, None),
        (answer(CHUNKED, body=b"%x\r\n%s" % (len(BODY) + 9, BODY)), ConnectionDone, None),
        (answer(CHUNKED, body=b"%x\r\n%s\r\nzz\r\n" % (len(BODY), BODY)), None, "b'zz' is not the size of a chunk"),
        (answer(CHUNKED, body=b"%x\r\n%s" % (len(BODY), BODY) + b"more\r\n"), None, "b'more' follows"),
        (answer(b"Content-Length: 999\r\n"), ConnectionDone, None),
        (answer(), ConnectionLost, None),
    ],
)  # fmt: skip
def test_a_body_that_ends_early_is_had_as_far_as_it_came(data, close, cause):
    response, collector = receive(data, close=close)
    assert collector.body == BODY
    assert "_DataLoss" in repr(collector.end.reasons)
    assert (response.headers.getRawHeaders(CAUSE_HEADER) or [""])[0].endswith(cause or "")


def test_a_body_of_unknown_length_is_whole_where_the_connection_ends_in_order():
    _, collector = receive(answer())
    assert (collector.body, type(collector.end).__name__) == (BODY, "PotentialDataLoss")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (answer(b"X: " + b"y" * MAX_HEADER_BYTES + b"\r\n"), "a header line of more than"),
        (answer(*[b"X: " + b"y" * 9000 + b"\r\n"] * 30), "a head of more than"),
        (answer(b"Transfer-Encoding: zip, chunked\r\n"), "Transfer-Encoding: zip, chunked"),
        (answer(b"Content-Length: 5\r\n", b"Content-Length: 6\r\n"), "conflicting Content-Length"),
        (b"ICY OK\r\n\r\n", "non-integer status code"),
        (b"<html>a page of HTTP 0.9</html>\r\n\r\n", "non-integer status code"),
    ],
)
def test_what_is_no_answer_says_why(data, why):
    failure, _ = receive(data, close=None)
    assert why in str(failure.value.reasons[0].value)


def test_a_chunk_line_without_end_is_no_memory_hole():
    decoder = ChunkDecoder(lambda data: None, lambda rest: None)
    with pytest.raises(UnreadableAnswer, match="does not end"):
        for _ in range(100):
            decoder.dataReceived(b"0" * 1000)


def test_the_private_names_that_the_client_takes_are_there(monkeypatch):
    """A contract with Scrapy and Twisted."""
    assert hasattr(HTTPConnectionPool, "_factory")
    monkeypatch.setattr(
        HTTP11DownloadHandler, "__init__", lambda self, crawler: vars(self).update(_pool=pool)
    )
    pool = HTTPConnectionPool(None)
    http_client.HttpClient(None)
    protocol = pool._factory(lambda _: None, None).buildProtocol(None)
    protocol.makeConnection(StringTransport())
    protocol.request(Request(b"GET", b"/", Headers({b"Host": [b"x"]}), None))
    assert type(protocol._parser) is http_client._Parser
