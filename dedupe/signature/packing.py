"""Signatures as an index stores them: two thirds of the size, and as good to verify by.

Of a shingle's 32 bits an index keeps 24: two texts of 450 shingles then have one in common by chance in every eighty
pairs. The lowest sixteenth keeps all, because posting keys are made of it. What is left is coded after Elias (1974)
and Fano (1971): sorted values lose their first eight bits to a bitmap that counts them. Particulars keep 24 bits as well,
and are too few for the bitmap to pay.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dedupe.signature.scheme import POSTING_SHARE, SCHEME_TAG, SchemeMismatch
from dedupe.signature.signature import Signature
from dedupe.signature.sketch import WHOLE, spread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

FINE = WHOLE // POSTING_SHARE  # hashes below keep all their bits
CACHED = 1 << 12  # signatures met lately, some 5 kB each: stories that are copied
_LOW = 0xFF  # what the others lose
_HEAD = struct.Struct("<4s16sIIIIIHHHHH")


@lru_cache(maxsize=4)  # judged, then added
def coarse(signature: Signature) -> Signature:
    """As it comes back from `unpack`: only such signatures, and what was learned from them, compare with one another."""
    body = np.frombuffer(signature.body, "<u4")
    kept, body_limit = _coarse(body, signature.body_limit, FINE)
    lead, first = signature.lead, _first(kept)
    if len(kept) < len(body) or first is not None:
        marks = np.unpackbits(np.frombuffer(lead, np.uint8), count=len(body))[: len(kept)]
        if first is not None:  # two that became one occur in the lead if either did
            kept, marks = kept[first], np.maximum.reduceat(marks, first)
        lead = np.packbits(marks).tobytes()
    particulars, limit = _coarse(np.frombuffer(signature.particulars, "<u4"), signature.particulars_limit, 0)
    first = _first(particulars)
    return Signature(  # not dataclasses.replace: called for each text
        digest=signature.digest,
        tokens=signature.tokens,
        shingles=signature.shingles,
        body=kept.tobytes(),
        body_limit=body_limit,
        lead=lead,
        bands=signature.bands,
        numbers=signature.numbers,
        numbers_limit=signature.numbers_limit,
        particulars=(particulars if first is None else particulars[first]).tobytes(),
        particulars_limit=limit,
    )


def _coarse(hashes: NDArray[np.uint32], limit: int, fine: int) -> tuple[NDArray[np.uint32], int]:
    """Those below `fine` keep all their bits."""
    least = int(hashes.searchsorted(np.uint32(fine)))
    kept = hashes & np.uint32(0xFFFFFFFF ^ _LOW)
    kept[:least] = hashes[:least]
    if fine < limit < WHOLE:  # what shares its first bits with the limit may be incomplete
        limit &= ~_LOW
        kept = kept[: kept.searchsorted(np.uint32(limit))]
    return kept.astype("<u4", copy=False), limit


def _first(ordered: NDArray[np.uint32]) -> NDArray[np.intp] | None:
    """Where a value differs from the one before; None: everywhere."""
    same = ordered[1:] == ordered[:-1]
    return np.concatenate([[0], (~same).nonzero()[0] + 1]) if same.any() else None


def pack(signature: Signature) -> bytes:
    """Of a coarse signature. Header, lead, bands, numbers, particulars, body; a limit of 2**32 is written as 0."""
    body, fine = _coded(signature.body)
    head = _HEAD.pack(
        SCHEME_TAG,
        signature.digest,
        signature.tokens,
        signature.shingles,
        signature.body_limit % WHOLE,
        signature.numbers_limit % WHOLE,
        signature.particulars_limit % WHOLE,
        len(signature.bands) // 4,
        len(signature.numbers) // 4,
        len(signature.particulars) // 4,
        len(signature.body) // 4,
        fine,
    )
    particulars = np.frombuffer(signature.particulars, np.uint8).reshape(-1, 4)[:, 1:].tobytes()
    return b"".join((head, signature.lead, signature.bands, signature.numbers, particulars, body))


@lru_cache(maxsize=CACHED)
def unpack(data: bytes) -> Signature:
    """Raises SchemeMismatch for another scheme, ValueError for what was cut short."""
    if data[:4] != SCHEME_TAG:
        raise SchemeMismatch("signature", f"tag {data[:4].hex()}")
    if len(data) < _HEAD.size:
        raise ValueError(f"signature: {len(data)} bytes found, at least {_HEAD.size} wanted")
    _, digest, tokens, shingles, *limits = _HEAD.unpack_from(data)
    body_limit, numbers_limit, particulars_limit, bands, numbers, particulars, count, fine = limits
    at, ends = _HEAD.size, []
    for size in ((count + 7) // 8, 4 * bands, 4 * numbers, 3 * particulars, _size(count, fine)):
        at += size
        ends.append(at)
    if at != len(data):
        raise ValueError(f"signature: {len(data)} bytes found, {at} wanted")
    return Signature(
        digest=digest,
        tokens=tokens,
        shingles=shingles,
        body=_decoded(data, ends[3], count, fine),
        body_limit=body_limit or WHOLE,
        lead=data[_HEAD.size : ends[0]],
        bands=data[ends[0] : ends[1]],
        numbers=data[ends[1] : ends[2]],
        numbers_limit=numbers_limit or WHOLE,
        particulars=b"".join(b"\0" + data[at : at + 3] for at in range(ends[2], ends[3], 3)),
        particulars_limit=particulars_limit or WHOLE,
    )


class Body(NamedTuple):
    """Of a packed signature what can be told without unpacking it."""

    data: bytes
    digest: bytes
    limit: int
    length: int  # how many hashes
    fine: int  # how many hashes are below FINE
    at: int  # where they begin

    @classmethod
    def of(cls, packed: bytes) -> Body:
        _, digest, _, _, limit, _, _, bands, numbers, particulars, count, fine = _HEAD.unpack_from(packed)
        at = _HEAD.size + (count + 7) // 8 + 4 * (bands + numbers) + 3 * particulars
        return cls(packed, digest, limit or WHOLE, count, fine, at)

    def middles(self) -> bytes:
        """Bits 8 to 23 of each hash: two that differ here differ."""
        return self.data[self.at : self.at + 2 * self.length]


def bodies_of(packed: Iterable[bytes]) -> NDArray[np.uint32]:
    """The shingle hashes of some packed signatures, one after the other, as `unpack` gives them."""
    middles, bitmaps, fines = [], [], []
    bodies = [Body.of(data) for data in packed]
    for data, _, _, count, fine, at in bodies:
        start, end = at + 2 * count, at + _size(count, 0)
        middles.append(data[at:start])
        bitmaps.append(data[start:end])
        fines.append(data[end : end + fine])
    ones = np.unpackbits(np.frombuffer(b"".join(bitmaps), np.uint8)).view(np.bool_).nonzero()[0]
    counts, lengths = (np.array(n, np.int64) for n in ([b.length for b in bodies], list(map(len, bitmaps))))
    bits, first = 8 * (lengths.cumsum() - lengths), counts.cumsum() - counts  # of those before
    tops = ones - np.arange(len(ones)) - np.repeat(bits - first, counts)
    found: NDArray[np.uint32] = tops.astype("<u4") << np.uint32(24)
    found |= np.frombuffer(b"".join(middles), "<u2").astype("<u4") << np.uint32(8)
    found[spread(first, np.array([b.fine for b in bodies], np.int64))] |= np.frombuffer(
        b"".join(fines), np.uint8
    )
    return found


def _size(count: int, fine: int) -> int:
    return 2 * count + (count + 256 + 7) // 8 + fine if count else 0


def _coded(data: bytes) -> tuple[bytes, int]:
    """Bits 8 to 23 of each, a bitmap of the first eight (a one for each value, a zero after each of the 256), and the
    last eight of those below FINE; with how many these are."""
    hashes = np.frombuffer(data, "<u4")
    if not len(hashes):
        return b"", 0
    fine = int(hashes.searchsorted(np.uint32(FINE)))
    bits = np.zeros(len(hashes) + 256, np.uint8)
    bits[(hashes >> np.uint32(24)) + _COUNT[: len(hashes)]] = 1
    middle = (hashes >> np.uint32(8)).astype("<u2")
    return b"".join(
        (middle.tobytes(), np.packbits(bits).tobytes(), hashes[:fine].astype(np.uint8).tobytes())
    ), fine


def _decoded(data: bytes, at: int, count: int, fine: int) -> bytes:
    if not count:
        return b""
    bitmap_at, end = at + 2 * count, at + _size(count, fine)
    middle = np.frombuffer(data, "<u2", count, at).astype("<u4")
    ones = (
        np.unpackbits(np.frombuffer(data, np.uint8, end - fine - bitmap_at, bitmap_at))
        .view(np.bool_)
        .nonzero()[0]
    )
    hashes = (ones - _COUNT[:count]).astype("<u4") << np.uint32(24) | middle << np.uint32(8)
    hashes[:fine] |= np.frombuffer(data, np.uint8, fine, end - fine)
    return hashes.tobytes()


_COUNT = np.arange(1 << 16)
