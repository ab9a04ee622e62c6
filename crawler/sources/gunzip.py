"""Decompresses a gzipped body in slices and up to a size limit, however often it was gzipped.

A sitemap may be a gzip file that the server has gzipped once more for the transfer.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain

_SLICE_BYTES = 2**13
_GZIP_MAGIC = b"\x1f\x8b"
_MAX_LAYERS = 3  # of gzip inside gzip; no real sitemap has more


class Gunzipped:
    """The decompressed body as slices, at most max_bytes in all. The limit holds at every layer, because a
    decompression bomb may be inside. After the last slice, capped says whether the limit was reached, damaged what
    was wrong, cut_off whether its end is missing."""

    def __init__(self, body: bytes, max_bytes: int) -> None:
        self.capped = False
        self.damaged: str | None = None
        self.cut_off = False
        self._max_bytes = max_bytes
        self.slices = self._decode_layer(in_slices(body), _MAX_LAYERS)

    def _decode_layer(self, slices: Iterator[bytes], layers: int) -> Iterator[bytes]:
        slices, remaining_bytes = iter(slices), self._max_bytes
        first_slice = next(slices, b"")
        slices = chain((first_slice,), slices)
        if layers and first_slice.startswith(_GZIP_MAGIC):
            yield from self._decode_layer(self._inflate(slices), layers - 1)
            return
        for piece in slices:
            yield piece[:remaining_bytes]
            remaining_bytes -= len(piece)
            if remaining_bytes < 0:
                self.capped = True
                return

    def _inflate(self, slices: Iterable[bytes]) -> Iterator[bytes]:
        decompressor, remaining_bytes, member_ended = zlib.decompressobj(31), self._max_bytes, False
        try:
            for piece in slices:
                while piece:
                    inflated = decompressor.decompress(piece, _SLICE_BYTES)
                    if inflated:
                        yield inflated
                    remaining_bytes -= len(inflated) + 1  # one more, because empty members cost time, too
                    if remaining_bytes < 0:
                        self.capped = True
                        return
                    piece, member_ended = decompressor.unconsumed_tail, decompressor.eof
                    if member_ended:  # further members or padding may follow
                        piece, decompressor = decompressor.unused_data.lstrip(b"\0"), zlib.decompressobj(31)
            if not member_ended:
                yield decompressor.flush()
                self.damaged, self.cut_off = "gzip: cut off", True
        except zlib.error as error:
            self.damaged = f"gzip: {error}"


def in_slices(body: bytes) -> Iterator[bytes]:
    """The body in slices of 8 KiB."""
    return (body[start : start + _SLICE_BYTES] for start in range(0, len(body), _SLICE_BYTES))
