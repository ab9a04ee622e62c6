"""Decodes the body of an HTTP message: joins its chunks and undoes its compression, up to a size limit."""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Sequence
from typing import Any

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_OUTPUT_STEP_BYTES = 2**20
_CHUNK_HEADER = re.compile(rb"[ \t]*([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")


class BadPayload(Exception):
    """The HTTP message is broken, or its body is not what its headers say."""


class TooLarge(Exception):
    """The decoded body is larger than the limit."""


def decode_body(body: bytes, headers: Sequence[tuple[str, str]], max_bytes: int) -> bytes:
    """Return the body with its transfer and content codings undone. headers: name and value, names in any case.

    Archives often store a body decoded, but with the headers that it came with: a body that does not begin as its
    coding does is taken as it is. Others store it gzipped, but without the header that says so; no page begins as gzip
    does. Raises BadPayload, and TooLarge where it decodes to more than max_bytes."""
    if "chunked" in _codings(headers, "transfer-encoding") and _CHUNK_HEADER.match(body):
        body = _join_chunks(body)
    for coding in reversed(_codings(headers, "content-encoding")):
        body = _undo_coding(body, coding, max_bytes)
    body = _undo_coding(body, "gzip", max_bytes)
    if len(body) > max_bytes:
        raise TooLarge
    return body


def _codings(headers: Sequence[tuple[str, str]], name: str) -> list[str]:
    """The codings that the header fields of this name list, in order of application."""
    values = [
        c.strip().lower().removeprefix("x-") for n, v in headers if n.lower() == name for c in v.split(",")
    ]
    return [v for v in values if v and v != "identity"]


def _join_chunks(body: bytes) -> bytes:
    """Undo the chunked coding, https://www.rfc-editor.org/rfc/rfc9112#section-7.1; bytes after the last chunk are
    ignored."""
    pieces: list[bytes] = []
    at = 0
    while header := _CHUNK_HEADER.match(body, at):
        size = int(header[1], 16)
        if size == 0:
            return b"".join(pieces)
        piece = body[header.end() : header.end() + size]
        at = header.end() + size
        if len(piece) < size or not (ending := re.compile(rb"\r?\n").match(body, at)):
            raise BadPayload(f"bad chunked coding: a chunk of {size} bytes is not there in full")
        pieces.append(piece)
        at = ending.end()
    raise BadPayload("bad chunked coding: no chunk begins where one should")


def _undo_coding(body: bytes, coding: str, max_bytes: int) -> bytes:
    """Undo one content coding; the body as it is where it does not begin as the coding does."""
    # some archives have a blank line too many before the body
    if coding == "gzip" and (packed := body[:8].lstrip(b"\r\n") + body[8:]).startswith(b"\x1f\x8b"):
        return _decompress(zlib.decompressobj(31), packed, max_bytes, coding)
    if coding == "zstd" and body.startswith(b"\x28\xb5\x2f\xfd"):
        return _decompress(zstd.ZstdDecompressor(), body, max_bytes, coding)
    if coding == "deflate" and not is_markup(body):
        has_zlib_header = len(body) > 1 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
        return _decompress(zlib.decompressobj(15 if has_zlib_header else -15), body, max_bytes, coding)
    if coding == "br" and not is_markup(body):
        try:
            return _decompress(_Brotli(), body, max_bytes, coding)
        except (
            BadPayload
        ):  # unlike the others, brotli takes no byte behind its end: a line end may be the record's
            if not body.endswith(b"\n"):
                raise
            return _decompress(_Brotli(), body.rstrip(b"\r\n"), max_bytes, coding)
    if coding not in ("gzip", "zstd", "deflate", "br") and not is_markup(body):
        raise BadPayload(f"unknown coding {coding!r}")
    return body


def is_markup(body: bytes) -> bool:
    """Whether the first character is "<"."""
    return body[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


class _Brotli:
    """brotli behind the interface of the other decompressors."""

    def __init__(self) -> None:
        self._brotli = brotli.Decompressor()

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out: bytes = self._brotli.process(data, output_buffer_limit=max_length)
        return out

    @property
    def eof(self) -> bool:
        return bool(self._brotli.is_finished())


def _decompress(decoder: Any, body: bytes, max_bytes: int, coding: str) -> bytes:
    """Decompress in steps, so that a decompression bomb is noticed at max_bytes."""
    pieces, size, data = [], 0, body
    while not decoder.eof:
        try:
            piece = decoder.decompress(data, _OUTPUT_STEP_BYTES)
        except (zlib.error, zstd.ZstdError, brotli.error) as error:
            raise BadPayload(f"bad {coding} coding: {error}") from error
        data = getattr(decoder, "unconsumed_tail", b"")  # zlib returns the input that it has not read
        size += len(piece)
        if size > max_bytes:
            raise TooLarge
        if not piece and not data and not decoder.eof:
            raise BadPayload(f"bad {coding} coding: the body is cut")
        pieces.append(piece)
    return b"".join(pieces)
