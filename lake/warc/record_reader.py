"""Reads WARC files (ISO 28500, 1.0 and 1.1) record by record, and picks the HTML pages among the records.

A broken record is yielded as a BrokenRecord, and reading goes on with the next one that can be found. This module finds
where a record begins and ends (with lake/warc/member_stream.py); warcio parses the headers of records and HTTP messages.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from warcio.statusandheaders import StatusAndHeaders, StatusAndHeadersParser

from lake.warc.http_payload import BadPayload, decode_body, is_markup
from lake.warc.member_stream import (
    FIRST_PLACE,
    BrokenMember,
    Compression,
    MemberStream,
    RecordPlace,
    next_member,
)

# a field of our own, which lake/warc/export.py writes: the requested URL, before redirects
REQUESTED_URI_FIELD = "Pressline-Requested-URI"
MAX_BLOCK = 64 * 2**20  # bytes of a record that are read into memory; a larger record is skipped
_MAX_HEADER_BYTES = 64 * 2**10
_VERSION_LINE = re.compile(rb"WARC/1\.[01]\r?\n\Z")
_OTHER_RECORD_TYPES = ("warcinfo", "request", "metadata", "revisit", "conversion", "continuation")
_HTML_TYPES = ("text/html", "application/xhtml+xml")


class _Latin1HeaderParser(StatusAndHeadersParser):  # type: ignore[misc]  # warcio has no types
    """Parses HTTP headers as Scrapy does, as Latin-1; warcio would guess between two encodings."""

    @staticmethod
    def decode_header(line: bytes) -> str:
        return line.decode("latin-1")


_RECORD_PARSER = StatusAndHeadersParser(["WARC/1.0", "WARC/1.1"])
_HTTP_PARSER = _Latin1HeaderParser([], verify=False)


@dataclass(frozen=True, slots=True)
class Record:
    """One sound record."""

    place: RecordPlace
    kind: str  # WARC-Type
    head: StatusAndHeaders
    block: bytes | None  # None: larger than MAX_BLOCK

    def field(self, name: str) -> str | None:
        """The value of a header field; None where the record does not have it."""
        value: str | None = self.head.get_header(name)
        return value

    @property
    def is_altered(self) -> bool:
        """Whether the block does not match the record's digest. Only SHA-1 is checked, which nearly all files use."""
        algorithm, _, value = (self.field("WARC-Block-Digest") or "").partition(":")
        if algorithm.lower() != "sha1" or self.block is None or len(value) != 32:
            return False
        return base64.b32encode(hashlib.sha1(self.block).digest()).decode() != value.upper()


@dataclass(frozen=True, slots=True)
class BrokenRecord:
    """A stretch of the file without a sound record; reported once. what: the problem, in words."""

    place: RecordPlace
    what: str


@dataclass(frozen=True, slots=True)
class Capture:
    """An HTML page that an archive fetched with status 200."""

    url: str  # as in the archive
    requested_url: str | None  # before redirects, where the file has it
    headers: tuple[tuple[str, str], ...]
    fetched_at: datetime  # UTC
    payload: bytes
    truncated: str | None = None  # WARC-Truncated, in lower case; None: the record does not have it

    def body(self, max_bytes: int) -> bytes:
        """The decoded body. Raises BadPayload, and TooLarge where it is larger than max_bytes."""
        return decode_body(self.payload, self.headers, max_bytes)


class NoPage(Exception):
    """A sound record that holds no page. why: a short name under which it is counted."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class _DamagedRecord(Exception):
    """A broken record. what: the problem, in words."""

    def __init__(self, place: RecordPlace, what: str) -> None:
        super().__init__(what)
        self.place, self.what = place, what


# ---------------------------------------------------------------- records


def read_records(file: BinaryIO, start: RecordPlace = FIRST_PLACE) -> Iterator[Record | BrokenRecord]:
    """Every record from a place on, in order. Raises OSError where the file cannot be read, and BrokenMember where
    its zstd dictionary, which all members need, is broken."""
    compression = Compression.detect(file)
    place: RecordPlace | None = start
    while place is not None:
        try:
            yield from _sound_records(file, compression, place)
            return
        except _DamagedRecord as damage:
            yield BrokenRecord(damage.place, damage.what)
            place = _next_place(file, compression, damage.place)


def _sound_records(file: BinaryIO, compression: Compression, start: RecordPlace) -> Iterator[Record]:
    """The records up to the first broken one. Raises _DamagedRecord there."""
    place: RecordPlace | None = start
    try:
        stream = MemberStream(file, compression, start)
        while (place := stream.place()) is not None:
            if header := _read_header(stream, place):
                record = _read_record(stream, place, header)
                try:
                    stream.place()  # reads to the end of the member, where its checksum is
                except BrokenMember as error:
                    if error.offset != place.offset:  # the next member is broken, not this one
                        yield record
                    raise
                yield record
    except BrokenMember as error:
        damaged_place = place if place and place.offset == error.offset else RecordPlace(error.offset)
        raise _DamagedRecord(damaged_place, str(error)) from error


def _read_header(stream: MemberStream, place: RecordPlace) -> bytes:
    """The record's header, up to and with the blank line; b"" for a blank line between records."""
    header = stream.read_line(_MAX_HEADER_BYTES)
    if not header.strip():
        return b""
    if not _VERSION_LINE.search(header) or not header.startswith(b"WARC/"):
        raise _DamagedRecord(place, f"no record begins here: {header[:40]!r}")
    while len(header) < _MAX_HEADER_BYTES:
        line = stream.read_line(_MAX_HEADER_BYTES)
        header += line
        if line in (b"\r\n", b"\n"):
            return header
        if not line:
            raise _DamagedRecord(place, "cut in its header")
    raise _DamagedRecord(place, f"a header of more than {_MAX_HEADER_BYTES} bytes")


def _read_record(stream: MemberStream, place: RecordPlace, header: bytes) -> Record:
    """The record whose header has been read. Raises _DamagedRecord."""
    fields = _RECORD_PARSER.parse(io.BytesIO(header))
    content_length = fields.get_header("Content-Length") or ""
    if not (content_length.isascii() and content_length.isdigit() and len(content_length) < 16):
        raise _DamagedRecord(place, f"Content-Length is {content_length!r}")
    length = int(content_length)
    block = stream.read(length) if length <= MAX_BLOCK else None
    available = len(block) if block is not None else stream.skip(length)
    if available < length:
        raise _DamagedRecord(place, f"cut: {available} of {length} bytes are there")
    ending = stream.read(4)
    if ending != b"\r\n\r\n" and (stream.place() is not None or not b"\r\n\r\n".startswith(ending)):
        raise _DamagedRecord(place, f"its Content-Length {length} is wrong: no end of a record is there")
    return Record(place, (fields.get_header("WARC-Type") or "").lower(), fields, block)


def _next_place(file: BinaryIO, compression: Compression, after: RecordPlace) -> RecordPlace | None:
    """The place of the next record after a broken one, in the same member or in the next that can be decompressed;
    None where there is none."""
    start = RecordPlace(after.offset, after.inner + 1) if compression.magic else RecordPlace(after.offset + 1)
    try:
        stream = MemberStream(file, compression, start)
        while (place := stream.place()) is not None:
            if version_line := _VERSION_LINE.search(stream.read_line(_MAX_HEADER_BYTES)):
                position = version_line.start()
                return (
                    RecordPlace(place.offset, place.inner + position)
                    if compression.magic
                    else RecordPlace(place.offset + position)
                )
    except BrokenMember as error:
        offset = next_member(file, error.offset + 1, compression)
        return None if offset is None else RecordPlace(offset)
    return None


# ---------------------------------------------------------------- the pages among them


def capture_of(record: Record) -> Capture:
    """The page that a record holds. Raises NoPage where it holds none, and BadPayload where its HTTP message is
    broken."""
    if record.kind not in ("response", "resource"):
        raise NoPage(record.kind if record.kind in _OTHER_RECORD_TYPES else "unknown")
    if record.block is None:
        raise NoPage("too_large")
    if record.field("WARC-Segment-Number"):
        raise NoPage("segment")
    url = (record.field("WARC-Target-URI") or "").strip().removeprefix("<").removesuffix(">")
    if not url.lower().startswith(("http://", "https://")):
        raise NoPage("scheme")
    if record.kind == "resource":
        headers, payload = _resource_headers(record), record.block
    else:
        headers, payload = _parse_response(record)
    media = next((v for n, v in headers if n.lower() == "content-type"), "").partition(";")[0].strip().lower()
    if media not in _HTML_TYPES and (media or not is_markup(payload)):
        raise NoPage("media_type")
    return Capture(
        url,
        record.field(REQUESTED_URI_FIELD),
        headers,
        _parse_date(record.field("WARC-Date") or ""),
        payload,
        (record.field("WARC-Truncated") or "").strip().lower() or None,
    )


def _resource_headers(record: Record) -> tuple[tuple[str, str], ...]:
    """The only header of a page that is stored without its HTTP message."""
    return (("Content-Type", record.field("Content-Type") or ""),)


def _parse_response(record: Record) -> tuple[tuple[tuple[str, str], ...], bytes]:
    """Headers and payload of an HTTP response with status 200. Raises NoPage for another status, and BadPayload."""
    if not (record.field("Content-Type") or "application/http").lower().startswith("application/http"):
        raise NoPage("protocol")
    assert record.block is not None
    message = io.BytesIO(record.block)
    try:
        header = _HTTP_PARSER.parse(message)
    except EOFError:
        raise BadPayload("an empty HTTP message") from None
    status = header.get_statuscode()
    if not (header.protocol or "").startswith("HTTP/") or not status.isdigit():
        raise BadPayload("no HTTP status line")
    if status != "200":
        raise NoPage("redirect" if status.startswith("3") else "status")
    return tuple(header.headers), message.read()


def _parse_date(date: str) -> datetime:
    """Parse a WARC-Date (https://www.w3.org/TR/NOTE-datetime), as UTC. Raises BadPayload."""
    try:
        moment = datetime.fromisoformat(date)
    except ValueError as error:
        raise BadPayload(f"WARC-Date is {date!r}") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
