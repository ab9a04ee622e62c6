"""Signatures as an index stores them: two thirds of the size, and as good to verify by.

Of a shingle's 32 bits an index keeps 24: two texts of 450 shingles then have one in common by chance in every eighty
pairs. The lowest sixteenth keeps all, because posting keys are made of it. What is left is coded after Elias (1974)
and Fano (1971): sorted values lose their first eight bits to a bitmap that counts them.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from dedupe.scheme import POSTING_SHARE, SCHEME_TAG, SchemeMismatch
from dedupe.signature import Signature
from dedupe.sketch import WHOLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

FINE = WHOLE // POSTING_SHARE  # hashes below keep all their bits
CACHED = 1 << 13  # signatures met lately, some 5 kB each: an outlet's latest, and stories that are copied
_LOW = 0xFF  # what the others lose
_HEAD = struct.Struct("<4s16sIIIIIHHHHHH")


def coarse(signature: Signature) -> Signature:
    """As it comes back from `unpack`: only such signatures, and what was learned from them, compare with one another."""
    body = np.frombuffer(signature.body, "<u4")
    kept, body_limit = _coarse(body, signature.body_limit)
    marks = np.unpackbits(np.frombuffer(signature.lead, np.uint8), count=len(body))[: len(kept)]
    first = _first(kept)
    if not first.all():  # two became one: it occurs in the lead if either did
        marks = np.maximum.reduceat(marks, np.flatnonzero(first))
        kept = kept[first]
    particulars, limit = _coarse(np.frombuffer(signature.particulars, "<u4"), signature.particulars_limit)
    return replace(
        signature,
        body=kept.tobytes(),
        body_limit=body_limit,
        lead=np.packbits(marks).tobytes(),
        particulars=particulars[_first(particulars)].tobytes(),
        particulars_limit=limit,
    )


def _coarse(hashes: NDArray[np.uint32], limit: int) -> tuple[NDArray[np.uint32], int]:
    fine = int(hashes.searchsorted(np.uint32(FINE)))
    kept = hashes & np.uint32(0xFFFFFFFF ^ _LOW)
    kept[:fine] = hashes[:fine]
    if FINE < limit < WHOLE:  # what shares its first bits with the limit may be incomplete
        limit &= ~_LOW
        kept = kept[: kept.searchsorted(np.uint32(limit))]
    return kept.astype("<u4", copy=False), limit


def _first(ordered: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Where a value differs from the one before."""
    first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return first


def pack(signature: Signature) -> bytes:
    """Of a coarse signature. Header, lead, bands, numbers, body, particulars; a limit of 2**32 is written as 0."""
    body, bodies = _coded(signature.body)
    particulars, particular = _coded(signature.particulars)
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
        *bodies,
        *particular,
    )
    return b"".join((head, signature.lead, signature.bands, signature.numbers, body, particulars))


@lru_cache(maxsize=CACHED)
def unpack(data: bytes) -> Signature:
    """Raises SchemeMismatch for another scheme, ValueError for what was cut short."""
    if data[:4] != SCHEME_TAG:
        raise SchemeMismatch("signature", f"tag {data[:4].hex()}")
    if len(data) < _HEAD.size:
        raise ValueError(f"signature: {len(data)} bytes found, at least {_HEAD.size} wanted")
    _, digest, tokens, shingles, *rest = _HEAD.unpack_from(data)
    body_limit, numbers_limit, particulars_limit, bands, numbers, bodies, fine, others, other_fine = rest
    lead_at = _HEAD.size
    bands_at = lead_at + (bodies + 7) // 8
    numbers_at = bands_at + 4 * bands
    body_at = numbers_at + 4 * numbers
    particulars_at = body_at + _size(bodies, fine)
    end = particulars_at + _size(others, other_fine)
    if end != len(data):
        raise ValueError(f"signature: {len(data)} bytes found, {end} wanted")
    return Signature(
        digest=digest,
        tokens=tokens,
        shingles=shingles,
        body=_decoded(data, body_at, bodies, fine),
        body_limit=body_limit or WHOLE,
        lead=data[lead_at:bands_at],
        bands=data[bands_at:numbers_at],
        numbers=data[numbers_at:body_at],
        numbers_limit=numbers_limit or WHOLE,
        particulars=_decoded(data, particulars_at, others, other_fine),
        particulars_limit=particulars_limit or WHOLE,
    )


def body_of(data: bytes) -> NDArray[np.uint32]:
    """The hashes alone of a packed signature."""
    return np.frombuffer(unpack(data).body, "<u4")


def _size(count: int, fine: int) -> int:
    return 2 * count + (count + 256 + 7) // 8 + fine if count else 0


def _coded(data: bytes) -> tuple[bytes, tuple[int, int]]:
    """Bits 8 to 23 of each, a bitmap of the first eight (a one for each value, a zero after each of the 256), and the
    last eight of those below FINE; with how many there are, and below FINE."""
    hashes = np.frombuffer(data, "<u4")
    if not len(hashes):
        return b"", (0, 0)
    fine = int(hashes.searchsorted(np.uint32(FINE)))
    bits = np.zeros(len(hashes) + 256, np.uint8)
    bits[(hashes >> 24) + np.arange(len(hashes), dtype=np.uint32)] = 1
    middle = (hashes >> 8).astype("<u2")
    coded = middle.tobytes() + np.packbits(bits).tobytes() + hashes[:fine].astype(np.uint8).tobytes()
    return coded, (len(hashes), fine)


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
