"""The bytes of a WARC file with its compression undone, each with its place in the file.

gzip and zstd files are chains of members, as a rule one for each record, sometimes one for the whole file. The WARC
libraries stop at the first member that is broken, some of them without a word; here each member's soundness is known
and the next one can be found.
"""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_CHUNK = 256 * 2**10  # bytes read at once
_OUT = 2**20  # bytes unpacked at once: a bomb is never in memory
_GZIP, _ZSTD = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"
_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")  # https://www.rfc-editor.org/rfc/rfc8878#section-3.1.2
_DICTIONARY = b"\x5d\x2a\x4d\x18"  # https://iipc.github.io/warc-specifications/specifications/warc-zstd/
_MAX_DICTIONARY = 64 * 2**20
_WINDOW: dict[int, int] = {
    zstd.DecompressionParameter.window_log_max: 27
}  # 128 MiB, as the command line tool allows


@dataclass(frozen=True, slots=True, order=True)
class RecordPlace:
    """Where a record begins."""

    offset: int  # of its compressed member; of its first byte in a file that is not compressed
    inner: int = 0  # bytes into the unpacked member; not 0 only where a member holds several records

    def __str__(self) -> str:
        return f"{self.offset}+{self.inner}" if self.inner else f"{self.offset}"

    @classmethod
    def parse(cls, text: str) -> RecordPlace:
        """The inverse of str(). Raises ValueError."""
        offset, _, inner = text.partition("+")
        return cls(int(offset), int(inner or 0))


FIRST_PLACE = RecordPlace(0)


class BrokenMember(Exception):
    """A member cannot be unpacked."""

    def __init__(self, offset: int, what: str) -> None:
        super().__init__(what)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class _Chunk:
    offset: int
    inner: int  # -1 where nothing is packed and offset alone counts
    data: bytes

    def place(self, at: int) -> RecordPlace:
        return RecordPlace(self.offset + at) if self.inner < 0 else RecordPlace(self.offset, self.inner + at)


@dataclass(frozen=True, slots=True)
class Compression:
    """What a file is packed with."""

    mark: bytes  # the first bytes of each member; b"" where nothing is packed
    dictionary: zstd.ZstdDict | None = None

    @classmethod
    def of(cls, file: BinaryIO) -> Compression:
        """By the file's first bytes. Raises Unpackable where its dictionary is broken."""
        file.seek(0)
        head = file.read(8)
        if head.startswith(_GZIP):
            return cls(_GZIP)
        if head.startswith(_DICTIONARY):
            return cls(_ZSTD, _dictionary(file, int.from_bytes(head[4:8], "little")))
        return cls(_ZSTD if head.startswith(_ZSTD) or _SKIPPABLE.match(head) else b"")

    def new(self) -> Any:
        """A decompressor for one member."""
        if self.mark == _GZIP:
            return _Gzip()
        return zstd.ZstdDecompressor(zstd_dict=self.dictionary, options=_WINDOW)


class MemberStream:
    """Every method raises Unpackable where a member is broken."""

    def __init__(self, file: BinaryIO, packing: Compression, start: RecordPlace) -> None:
        file.seek(start.offset)
        self._chunks = (_members if packing.mark else _plain)(file, start.offset, packing)
        self._chunk, self._at = _Chunk(start.offset, -1, b""), 0
        self.skip(start.inner)

    def place(self) -> RecordPlace | None:
        """Of the next byte; None at the end of the file."""
        return self._chunk.place(self._at) if self._fill() else None

    def _fill(self) -> bool:
        while self._at >= len(self._chunk.data):
            following = next(self._chunks, None)
            if following is None:
                return False
            self._chunk, self._at = following, 0
        return True

    def read(self, size: int) -> bytes:
        """Fewer bytes at the end of the file only."""
        pieces = list(self._pieces(size))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def skip(self, size: int) -> int:
        """How many bytes there were to skip."""
        return sum(map(len, self._pieces(size)))

    def _pieces(self, size: int) -> Iterator[bytes]:
        while size > 0 and self._fill():
            piece = self._chunk.data[self._at : self._at + size]
            self._at += len(piece)
            size -= len(piece)
            yield piece

    def line(self, limit: int) -> bytes:
        """With its newline; cut at limit, and at the end of a member, where a place would be lost."""
        line = b""
        while len(line) < limit and not line.endswith(b"\n") and self._fill():
            if line and self._chunk.inner == 0:
                break
            end = self._chunk.data.find(b"\n", self._at, self._at + limit - len(line)) + 1
            end = end or min(self._at + limit - len(line), len(self._chunk.data))
            line += self._chunk.data[self._at : end]
            self._at = end
        return line


class _Gzip:
    """zlib behind the interface of the other decompressors."""

    def __init__(self) -> None:
        self._zlib, self._held = zlib.decompressobj(31), b""
        self.needs_input = True

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self._zlib.decompress(self._held + data, max_length)
        self._held = self._zlib.unconsumed_tail
        self.needs_input = len(out) < max_length
        return out

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data


def _plain(file: BinaryIO, offset: int, _: Compression) -> Iterator[_Chunk]:
    while data := file.read(_CHUNK):
        yield _Chunk(offset, -1, data)
        offset += len(data)


def _members(file: BinaryIO, offset: int, packing: Compression) -> Iterator[_Chunk]:
    """Chunks of one member after the other. file stands at offset."""
    held = b""
    while True:
        held = held if len(held) >= 8 else held + file.read(_CHUNK)
        if not held.strip(b"\0"):  # padding
            if held and (more := file.read(_CHUNK)):
                offset, held = offset + len(held), more
                continue
            return
        if packing.mark == _ZSTD and _SKIPPABLE.match(held):
            size = 8 + int.from_bytes(held[4:8], "little")
            offset, held = offset + size, b""
            file.seek(offset)
            continue
        if not held.startswith(packing.mark):
            raise BrokenMember(offset, "no compressed member begins here")
        member, inner = packing.new(), 0
        while not member.eof:
            if member.needs_input and not held and not (held := file.read(_CHUNK)):
                raise BrokenMember(offset, "the file is cut inside a compressed member")
            try:
                data = member.decompress(held, _OUT)
            except (zlib.error, zstd.ZstdError, MemoryError) as error:
                raise BrokenMember(offset, f"a compressed member is broken: {error}") from error
            held = b""
            if data:
                yield _Chunk(offset, inner, data)
                inner += len(data)
        held = member.unused_data
        offset = file.tell() - len(held)


def _dictionary(file: BinaryIO, size: int) -> zstd.ZstdDict:
    if size > _MAX_DICTIONARY:
        raise BrokenMember(0, f"a dictionary of {size} bytes")
    data = file.read(size)
    try:
        if data.startswith(_ZSTD):
            data = zstd.ZstdDecompressor(options=_WINDOW).decompress(data, _MAX_DICTIONARY)
        return zstd.ZstdDict(data)
    except (zstd.ZstdError, ValueError) as error:
        raise BrokenMember(0, f"its dictionary is broken: {error}") from error


def next_member(file: BinaryIO, offset: int, packing: Compression) -> int | None:
    """The offset of the first member from offset on that begins with a WARC record."""
    held, at = b"", offset
    while True:
        file.seek(at + len(held))
        data = file.read(_CHUNK)
        held += data
        found = held.find(packing.mark)
        while found >= 0:
            if _holds_a_record(file, at + found, packing):
                return at + found
            found = held.find(packing.mark, found + 1)
        if not data:
            return None
        keep = len(packing.mark) - 1  # a mark may lie across two reads
        at, held = at + len(held) - keep, held[-keep:]


def _holds_a_record(file: BinaryIO, offset: int, packing: Compression) -> bool:
    """The mark's three or four bytes also occur by chance."""
    file.seek(offset)
    try:
        start: bytes = packing.new().decompress(file.read(4096), 5)
    except (zlib.error, zstd.ZstdError):
        return False
    return start == b"WARC/"
