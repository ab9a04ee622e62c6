"""Reads WARC files (ISO 28500 and its drafts) record by record, and picks the HTML pages among the records.

A record whose end is not where its Content-Length says is read up to its true end, where that is certain. A broken record is yielded as a BrokenRecord, and reading goes on with the next one that can be found. This module finds
where a record begins and ends (with lake/warc/member_stream.py); warcio parses the headers of records and HTTP messages.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
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
# two more, on the later pages of an article: the WARC-Target-URI of its first page, and the page's number from 2
PART_OF_FIELD, PART_FIELD = "Pressline-Part-Of", "Pressline-Part"
ARC = "an ARC file, the format before WARC; `warcio recompress in.arc.gz out.warc.gz` makes a WARC of it"
MAX_BLOCK = 64 * 2**20  # bytes of a record that are read into memory; a larger record is skipped
_MAX_HEADER_BYTES = 2**20
_VERSION_LINE = re.compile(rb"WARC/[0-9]{1,2}\.[0-9]{1,3}\r?\n\Z")
_RECORD_START = re.compile(rb"WARC/[0-9]{1,2}\.[0-9]{1,3}\r?\n(?:[^\r\n]+\r?\n){0,40}?WARC-Type[ \t]*:", re.I)
# what may stand behind a block: its end as the standard has it, or another one, and up to so many bytes of the block that
# its Content-Length does not count, before the next record or the end of the member
_SLACK_BYTES = 8
_RECORD_END = re.compile(
    rb"\r\n\r\n|(?s:(?P<uncounted>.{0,%d}?))(?:\r?\n){0,3}(?:WARC/[0-9]|\Z)" % _SLACK_BYTES
)
_PEEK_BYTES = 64  # more than an end has
_SCAN_BYTES = 64 * 2**10  # read at once in search of an end
_OTHER_RECORD_TYPES = ("warcinfo", "request", "metadata", "revisit", "conversion", "continuation")
_HTML_TYPES = ("text/html", "application/xhtml+xml")


class _Latin1HeaderParser(StatusAndHeadersParser):  # type: ignore[misc]  # warcio has no types
    """Parses HTTP headers as Scrapy does, as Latin-1; warcio would guess between two encodings."""

    @staticmethod
    def decode_header(line: bytes) -> str:
        return line.decode("latin-1")


_RECORD_PARSER = StatusAndHeadersParser([], verify=False)
_HTTP_PARSER = _Latin1HeaderParser([], verify=False)


@dataclass(frozen=True, slots=True)
class Record:
    """One sound record."""

    place: RecordPlace
    kind: str  # WARC-Type
    head: StatusAndHeaders
    block: bytes | None  # None: larger than MAX_BLOCK
    has_wrong_length: bool = False  # its Content-Length is wrong; the block is what is there

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
    """An HTML page that an archive fetched."""

    url: str  # as in the archive
    requested_url: str | None  # before redirects, where the file has it
    headers: tuple[tuple[str, str], ...]
    fetched_at: datetime  # UTC
    payload: bytes
    truncated: str | None = None  # WARC-Truncated, in lower case; None: the record does not have it
    status: int = 200  # or 203, a success that came through a proxy
    part_of: str | None = None  # on a later page of an article: the address of its first page
    part: int = 1  # its number within the article

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

    def __init__(self, place: RecordPlace, what: str, *, has_header: bool = False) -> None:
        super().__init__(what)
        self.place, self.what, self.has_header = place, what, has_header


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
            if damage.has_header and (found := _read_to_true_end(file, compression, damage.place)):
                record, place = found
                yield record
                continue
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
    if place == FIRST_PLACE:
        header = header.removeprefix(b"\xef\xbb\xbf")  # a byte order mark
    if not header.strip():
        return b""
    if not _VERSION_LINE.search(header) or not header.startswith(b"WARC/"):
        if header.startswith(b"filedesc:") and place == FIRST_PLACE:
            raise _DamagedRecord(place, ARC)
        raise _DamagedRecord(place, f"no record begins here: {header[:40]!r}")
    lines, size = [header], 0
    while size < _MAX_HEADER_BYTES:
        line = stream.read_line(_MAX_HEADER_BYTES)
        lines.append(line)
        size += len(line)
        if line in (b"\r\n", b"\n"):
            return b"".join(lines)
        if not line:
            raise _DamagedRecord(place, "cut in its header")
    raise _DamagedRecord(place, f"a header of more than {_MAX_HEADER_BYTES} bytes")


def _read_record(stream: MemberStream, place: RecordPlace, header: bytes) -> Record:
    """The record whose header has been read. Raises _DamagedRecord."""
    fields = _RECORD_PARSER.parse(io.BytesIO(header))
    if (length := _length_of(fields)) is None:
        what = f"Content-Length is {fields.get_header('Content-Length') or ''!r}"
        raise _DamagedRecord(place, what, has_header=True)
    block = stream.read(length) if length <= MAX_BLOCK else None
    available = len(block) if block is not None else stream.skip(length)
    if available < length:
        raise _DamagedRecord(place, f"cut: {available} of {length} bytes are there", has_header=True)
    ending = stream.peek(_PEEK_BYTES)
    if not (end := _RECORD_END.match(ending)):
        what = f"its Content-Length {length} is wrong: no end of a record is there"
        raise _DamagedRecord(place, what, has_header=True)
    has_wrong_length = False
    if uncounted := stream.read(len(end["uncounted"] or b"")):
        block, has_wrong_length = block and block + uncounted, True
    elif block and block.endswith(b"\r") and ending.startswith(b"\n"):  # half of its line end is counted
        block, has_wrong_length = block[:-1], True
    if end["uncounted"] is None:
        stream.skip(4)
    return Record(place, _kind_of(fields), fields, block, has_wrong_length)


def _kind_of(fields: StatusAndHeaders) -> str:
    return (fields.get_header("WARC-Type") or "").lower()


def _length_of(fields: StatusAndHeaders) -> int | None:
    """The Content-Length; None where there is none, or it is no number."""
    text = (fields.get_header("Content-Length") or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _read_to_true_end(
    file: BinaryIO, compression: Compression, place: RecordPlace
) -> tuple[Record, RecordPlace | None] | None:
    """The record whose header is sound and whose Content-Length is not, and the place behind it; None where its end is
    not certain.

    A record ends where the next one begins in the same member, or with its member. Where the Content-Length counts more
    than a few bytes behind that, or a plain file ends without a line end, the record may be torn: it stays broken."""
    stream = MemberStream(file, compression, place)
    try:
        fields = _RECORD_PARSER.parse(io.BytesIO(_read_header(stream, place)))
        length, first = _length_of(fields) or 0, stream.place()
        is_in_one_member = first is not None and (not compression.magic or first.offset == place.offset)
        if not _kind_of(fields) or length > MAX_BLOCK or first is None or not is_in_one_member:
            return None
        data, next_start = bytearray(), None
        while piece := stream.peek(_SCAN_BYTES):
            scanned = max(0, len(data) - _SCAN_BYTES)
            data += piece
            stream.skip(len(piece))
            next_start = next_start or _RECORD_START.search(data, scanned)
            if len(data) > MAX_BLOCK or (next_start and len(data) > length + _SCAN_BYTES):
                break
        # a page may quote a record: a start where the length has it comes before an earlier one
        near = _RECORD_START.search(data, max(0, length - _SLACK_BYTES), length + _SCAN_BYTES)
        if near and near.start() <= length + _SLACK_BYTES:
            next_start = near
        end = next_start.start() if next_start else len(data)
        is_whole_member = compression.magic and not next_start
        if end > MAX_BLOCK or end < length - _SLACK_BYTES:
            return None
        if not is_whole_member and not data.endswith(b"\n", 0, end):
            return None
        behind = _place_after(first, end, compression) if next_start else _place_of_next(stream)
        if is_whole_member and stream.peek(5).strip(b"\r\n") not in (b"", b"WARC/"):
            return None  # the record goes on in the next member
    except (BrokenMember, _DamagedRecord):
        return None
    block = bytes(data[:end])
    for _ in range(2):  # the two line ends that end a record
        if block.endswith(b"\n"):
            block = block[:-1].removesuffix(b"\r")
    return Record(place, _kind_of(fields), fields, block, has_wrong_length=True), behind


def _place_after(first: RecordPlace, size: int, compression: Compression) -> RecordPlace:
    """The place `size` bytes behind a place in the same member."""
    if compression.magic:
        return RecordPlace(first.offset, first.inner + size)
    return RecordPlace(first.offset + size)


def _place_of_next(stream: MemberStream) -> RecordPlace | None:
    """The place of the next byte, also where its member is broken."""
    try:
        return stream.place()
    except BrokenMember as error:
        return RecordPlace(error.offset)


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
    url = _uri(record.field("WARC-Target-URI"))
    if not url:
        raise BadPayload("no WARC-Target-URI: nothing says which address answered")
    if not url.lower().startswith(("http://", "https://")):
        raise NoPage("scheme")
    if record.kind == "resource":
        status, headers, payload = 200, _resource_headers(record), record.block
    else:
        status, headers, payload = _parse_response(record)
    media = {v.partition(";")[0].strip().lower() for n, v in headers if n.lower() == "content-type"} - {""}
    if media.isdisjoint(_HTML_TYPES) and (media or not is_markup(payload)):
        raise NoPage("media_type")
    return Capture(
        url,
        record.field(REQUESTED_URI_FIELD),
        headers,
        _parse_date(record.field("WARC-Date") or ""),
        payload,
        truncated=(record.field("WARC-Truncated") or "").strip().lower() or None,
        status=status,
        part_of=part_of(record),
        part=int(record.field(PART_FIELD) or 1) if part_of(record) else 1,
    )


def part_of(record: Record) -> str | None:
    """The address of the article's first page, on a record of a later one; None on any other."""
    number = record.field(PART_FIELD) or ""
    is_later_page = number.isascii() and number.isdigit() and 1 < int(number[:9]) < 10_000
    return (_uri(record.field(PART_OF_FIELD)) or None) if is_later_page else None


def _uri(text: str | None) -> str:
    return (text or "").strip().removeprefix("<").removesuffix(">")


def _resource_headers(record: Record) -> tuple[tuple[str, str], ...]:
    """The only header of a page that is stored without its HTTP message."""
    return (("Content-Type", record.field("Content-Type") or ""),)


def _parse_response(record: Record) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    """Status, headers and payload of an HTTP response that succeeded. Raises NoPage for another, and BadPayload."""
    if not (record.field("Content-Type") or "application/http").lower().startswith("application/http"):
        raise NoPage("protocol")
    assert record.block is not None
    message = io.BytesIO(record.block)
    try:
        header = _HTTP_PARSER.parse(message)
    except EOFError:
        raise BadPayload("an empty HTTP message") from None
    status = header.get_statuscode()
    if not (header.protocol or "").upper().startswith("HTTP/") or not status.isdigit():
        raise BadPayload("no HTTP status line")
    if status not in ("200", "203"):
        raise NoPage("redirect" if status.startswith("3") else "status")
    return int(status), tuple(header.headers), message.read()


def _parse_date(date: str) -> datetime:
    """Parse a WARC-Date (https://www.w3.org/TR/NOTE-datetime), or one as ARC or HTTP writes it, as UTC. Raises
    BadPayload."""
    for parse in (
        datetime.fromisoformat,
        lambda d: datetime.strptime(d, "%Y%m%d%H%M%S"),
        parsedate_to_datetime,
    ):
        with suppress(ValueError):
            moment = parse(date.strip())
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    raise BadPayload(f"WARC-Date is {date!r}")
