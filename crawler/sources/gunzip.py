"""What a body unpacks to, in slices and within bounds: a sitemap may be gzipped by hand and again on its way."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain

_SLICE = 2**13
_GZIP = b"\x1f\x8b"
_LAYERS = 3  # nobody needs more


class Gunzipped:
    """Slices of what a body unpacks to, at most max_bytes of them; at every layer, for a bomb may lie inside."""

    def __init__(self, body: bytes, max_bytes: int) -> None:
        self.capped = False
        self.damaged: str | None = None
        self._max_bytes = max_bytes
        self.slices = self._layer(in_slices(body), _LAYERS)

    def _layer(self, slices: Iterator[bytes], layers: int) -> Iterator[bytes]:
        slices, left = iter(slices), self._max_bytes
        head = next(slices, b"")
        slices = chain((head,), slices)
        if layers and head.startswith(_GZIP):
            yield from self._layer(self._inflated(slices), layers - 1)
            return
        for piece in slices:
            yield piece[:left]
            left -= len(piece)
            if left < 0:
                self.capped = True
                return

    def _inflated(self, slices: Iterable[bytes]) -> Iterator[bytes]:
        gzip, left, whole = zlib.decompressobj(31), self._max_bytes, False
        try:
            for piece in slices:
                while piece:
                    out = gzip.decompress(piece, _SLICE)
                    if out:
                        yield out
                    left -= len(out) + 1  # members of nothing cost time, too
                    if left < 0:
                        self.capped = True
                        return
                    piece, whole = gzip.unconsumed_tail, gzip.eof
                    if whole:  # further members may follow; padding may, too
                        piece, gzip = gzip.unused_data.lstrip(b"\0"), zlib.decompressobj(31)
            if not whole:
                yield gzip.flush()
                self.damaged = "gzip: cut off"
        except zlib.error as error:
            self.damaged = f"gzip: {error}"


def in_slices(body: bytes) -> Iterator[bytes]:
    return (body[at : at + _SLICE] for at in range(0, len(body), _SLICE))
