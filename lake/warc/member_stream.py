"""Decompresses a WARC file (plain, gzip or zstd) as a stream, and tells for each record the offset at which to open it again.

gzip and zstd files are chains of members (zstd calls them frames): usually one member for each record, sometimes one for
the whole file. The WARC libraries stop at the first broken member, some of them silently. This module tells whether a
member is intact, and finds the next one after a broken one.
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

_READ_BYTES = 256 * 2**10  # bytes read at once
_UNPACK_BYTES = 2**20  # bytes decompressed at once: a decompression bomb never fills the memory
_GZIP_MAGIC, _ZSTD_MAGIC = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"
# https://www.rfc-editor.org/rfc/rfc8878#section-3.1.2
_SKIPPABLE_FRAME = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
# https://iipc.github.io/warc-specifications/specifications/warc-zstd/
_DICTIONARY_MAGIC = b"\x5d\x2a\x4d\x18"
_MAX_DICTIONARY_BYTES = 64 * 2**20
# a window of 128 MiB, as the command line tool allows
_ZSTD_OPTIONS: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 27}


@dataclass(frozen=True, slots=True, order=True)
class RecordPlace:
    """Where a record begins."""

    offset: int  # of its compressed member; in a plain file, of its first byte
    inner: int = 0  # bytes into the decompressed member; above 0 only where a member holds several records

    def __str__(self) -> str:
        return f"{self.offset}+{self.inner}" if self.inner else f"{self.offset}"

    @classmethod
    def parse(cls, text: str) -> RecordPlace:
        """The inverse of str(). Raises ValueError."""
        offset, _, inner = text.partition("+")
        return cls(int(offset), int(inner or 0))


FIRST_PLACE = RecordPlace(0)


class BrokenMember(Exception):
    """A compressed member that cannot be decompressed. offset: where it begins in the file."""

    def __init__(self, offset: int, what: str) -> None:
        super().__init__(what)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Decompressed bytes, and the place of the first one."""

    offset: int
    inner: int  # -1 in a plain file, where offset alone counts
    data: bytes

    def place(self, at: int) -> RecordPlace:
        """The place of a byte of the chunk."""
        return RecordPlace(self.offset + at) if self.inner < 0 else RecordPlace(self.offset, self.inner + at)


@dataclass(frozen=True, slots=True)
class Compression:
    """The compression of a file."""

    magic: bytes  # the first bytes of each member; b"" for a plain file
    dictionary: zstd.ZstdDict | None = None

    @classmethod
    def detect(cls, file: BinaryIO) -> Compression:
        """Detect it from the file's first bytes. Raises BrokenMember where the file's zstd dictionary is broken."""
        file.seek(0)
        head = file.read(8)
        if head.startswith(_GZIP_MAGIC):
            return cls(_GZIP_MAGIC)
        if head.startswith(_DICTIONARY_MAGIC):
            return cls(_ZSTD_MAGIC, _read_dictionary(file, int.from_bytes(head[4:8], "little")))
        return cls(_ZSTD_MAGIC if head.startswith(_ZSTD_MAGIC) or _SKIPPABLE_FRAME.match(head) else b"")

    def new_decompressor(self) -> Any:
        """A new decompressor, for one member."""
        if self.magic == _GZIP_MAGIC:
            return _Gzip()
        return zstd.ZstdDecompressor(zstd_dict=self.dictionary, options=_ZSTD_OPTIONS)


class MemberStream:
    """A file from a place on, as one stream of decompressed bytes. Every method raises BrokenMember where a member is
    broken, and OSError where the file cannot be read."""

    def __init__(self, file: BinaryIO, compression: Compression, start: RecordPlace) -> None:
        file.seek(start.offset)
        self._chunks = (_member_chunks if compression.magic else _uncompressed_chunks)(
            file, start.offset, compression
        )
        self._chunk, self._position = _Chunk(start.offset, -1, b""), 0
        self._ahead: list[_Chunk | BrokenMember | None] = []  # what follows the chunk; empty: not read yet
        self.skip(start.inner)

    def place(self) -> RecordPlace | None:
        """The place of the next byte; None at the end of the file."""
        return self._chunk.place(self._position) if self._has_byte() else None

    def _has_byte(self) -> bool:
        """Whether there is a next byte; reads the next chunk where the last one is used up."""
        while self._position >= len(self._chunk.data):
            following = self._look_ahead()
            if isinstance(following, BrokenMember):
                raise following
            if following is None:
                return False
            self._chunk, self._position, self._ahead = following, 0, []
        return True

    def _look_ahead(self) -> _Chunk | BrokenMember | None:
        """What follows the chunk: another, the error of the member that should follow, or nothing."""
        if not self._ahead:
            try:
                self._ahead = [next(self._chunks, None)]
            except BrokenMember as error:
                self._ahead = [error]
        return self._ahead[0]

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, which stay the next ones; fewer only at the end of the member or of the file."""
        while len(self._chunk.data) - self._position < size:
            following = self._look_ahead()
            if isinstance(following, BrokenMember) and following.offset == self._chunk.offset:
                raise following  # the next member's error must not cost this one its record
            if not isinstance(following, _Chunk) or following.inner == 0:
                break
            here = self._chunk.place(self._position)
            rest = self._chunk.data[self._position :] + following.data
            inner = -1 if self._chunk.inner < 0 else here.inner
            self._chunk, self._position, self._ahead = _Chunk(here.offset, inner, rest), 0, []
        return self._chunk.data[self._position : self._position + size]

    def read(self, size: int) -> bytes:
        """The next `size` bytes; fewer only at the end of the file."""
        pieces = list(self._take(size))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def skip(self, size: int) -> int:
        """Skip `size` bytes, and return how many there were."""
        return sum(map(len, self._take(size)))

    def _take(self, size: int) -> Iterator[bytes]:
        while size > 0 and self._has_byte():
            piece = self._chunk.data[self._position : self._position + size]
            self._position += len(piece)
            size -= len(piece)
            yield piece

    def read_line(self, limit: int) -> bytes:
        """The next line with its newline. It is cut at `limit` bytes, and at the end of a member, so that no record
        begins inside a line."""
        read_line = b""
        while len(read_line) < limit and not read_line.endswith(b"\n") and self._has_byte():
            if read_line and self._chunk.inner == 0:
                break
            end = self._chunk.data.find(b"\n", self._position, self._position + limit - len(read_line)) + 1
            end = end or min(self._position + limit - len(read_line), len(self._chunk.data))
            read_line += self._chunk.data[self._position : end]
            self._position = end
        return read_line


class _Gzip:
    """zlib behind the interface of the other decompressors."""

    def __init__(self) -> None:
        self._zlib, self._unread = zlib.decompressobj(31), b""
        self.needs_input = True

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self._zlib.decompress(self._unread + data, max_length)
        self._unread = self._zlib.unconsumed_tail
        self.needs_input = len(out) < max_length
        return out

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data


def _uncompressed_chunks(file: BinaryIO, offset: int, _: Compression) -> Iterator[_Chunk]:
    while data := file.read(_READ_BYTES):
        yield _Chunk(offset, -1, data)
        offset += len(data)


def _member_chunks(file: BinaryIO, offset: int, compression: Compression) -> Iterator[_Chunk]:
    """The chunks of one member after the other. The file is positioned at `offset`. Raises BrokenMember."""
    buffered = b""
    while True:
        buffered = buffered if len(buffered) >= 8 else buffered + file.read(_READ_BYTES)
        if buffered.startswith(b"\0"):  # zero bytes between members are padding
            unpadded = buffered.lstrip(b"\0")
            offset, buffered = offset + len(buffered) - len(unpadded), unpadded
            continue
        if not buffered:
            return
        if compression.magic == _ZSTD_MAGIC and _SKIPPABLE_FRAME.match(buffered):
            size = 8 + int.from_bytes(buffered[4:8], "little")
            offset, buffered = offset + size, b""
            file.seek(offset)
            continue
        if not buffered.startswith(compression.magic):
            raise BrokenMember(offset, "no compressed member begins here")
        member, inner = compression.new_decompressor(), 0
        while not member.eof:
            if member.needs_input and not buffered and not (buffered := file.read(_READ_BYTES)):
                raise BrokenMember(offset, "the file is cut inside a compressed member")
            try:
                data = member.decompress(buffered, _UNPACK_BYTES)
            except (zlib.error, zstd.ZstdError, MemoryError) as error:
                raise BrokenMember(offset, f"a compressed member is broken: {error}") from error
            buffered = b""
            if data:
                yield _Chunk(offset, inner, data)
                inner += len(data)
        buffered = member.unused_data
        offset = file.tell() - len(buffered)


def _read_dictionary(file: BinaryIO, size: int) -> zstd.ZstdDict:
    """The dictionary of a .warc.zst file, which may be compressed itself. Raises BrokenMember."""
    if size > _MAX_DICTIONARY_BYTES:
        raise BrokenMember(0, f"a dictionary of {size} bytes")
    data = file.read(size)
    try:
        if data.startswith(_ZSTD_MAGIC):
            data = zstd.ZstdDecompressor(options=_ZSTD_OPTIONS).decompress(data, _MAX_DICTIONARY_BYTES)
        return zstd.ZstdDict(data)
    except (zstd.ZstdError, ValueError) as error:
        raise BrokenMember(0, f"its dictionary is broken: {error}") from error


def next_member(file: BinaryIO, offset: int, compression: Compression) -> int | None:
    """The offset of the first member, at `offset` or later, that begins with a WARC record; None where there is
    none."""
    buffered, buffer_offset = b"", offset
    while True:
        file.seek(buffer_offset + len(buffered))
        data = file.read(_READ_BYTES)
        buffered += data
        found = buffered.find(compression.magic)
        while found >= 0:
            if _begins_with_record(file, buffer_offset + found, compression):
                return buffer_offset + found
            found = buffered.find(compression.magic, found + 1)
        if not data:
            return None
        overlap = len(compression.magic) - 1  # the magic bytes may lie across two reads
        buffer_offset, buffered = buffer_offset + len(buffered) - overlap, buffered[-overlap:]


def _begins_with_record(file: BinaryIO, offset: int, compression: Compression) -> bool:
    """Whether a member that begins here decompresses to a WARC record: the magic bytes also occur by chance."""
    file.seek(offset)
    try:
        start: bytes = compression.new_decompressor().decompress(file.read(4096), 5)
    except (zlib.error, zstd.ZstdError):
        return False
    return start == b"WARC/"
