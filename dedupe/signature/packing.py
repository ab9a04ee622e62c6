"""Packs signatures for the index, in two thirds of their size, and unpacks them.

1. A shingle hash is cut from 32 bits to 24. Two unrelated texts of 450 shingles then share one by chance in every
   eighty pairs. Verification is not worse for it.
2. The lowest sixteenth of the hash range keeps all 32 bits, because posting keys are made from these hashes.
3. The sorted hashes are coded after Elias (1974) and Fano (1971): a bitmap replaces their first eight bits.
4. Particulars are cut to 24 bits too. They are too few for the bitmap to save anything.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dedupe.signature.scheme import POSTING_SHARE, SCHEME_TAG, SchemeMismatch
from dedupe.signature.signature import Signature
from dedupe.signature.sketch import HASH_RANGE, concatenate_ranges

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

EXACT_BELOW = HASH_RANGE // POSTING_SHARE  # hashes below this keep all their bits
# signatures unpacked lately, some 5 kB each: mostly those of stories that are being copied
UNPACKED_CACHE_SIZE = 1 << 12
_DROPPED_BITS = 0xFF  # set to zero in all other hashes
_HEADER = struct.Struct("<4s16sIIIIIHHHHH")


@lru_cache(maxsize=4)  # a document is judged and then added
def coarsen(signature: Signature) -> Signature:
    """The signature with truncated hashes, exactly as `unpack` returns it after `pack`.

    Compare a coarse signature only with coarse signatures, and with boilerplate learned from such.
    """
    body = np.frombuffer(signature.body, "<u4")
    kept, body_limit = _coarsen_hashes(body, signature.body_limit, EXACT_BELOW)
    lead, first = signature.lead, _first_occurrences(kept)
    if len(kept) < len(body) or first is not None:
        is_in_lead = np.unpackbits(np.frombuffer(lead, np.uint8), count=len(body))[: len(kept)]
        if first is not None:  # hashes that became equal are in the lead if one of them was
            kept, is_in_lead = kept[first], np.maximum.reduceat(is_in_lead, first)
        lead = np.packbits(is_in_lead).tobytes()
    particulars, particulars_limit = _coarsen_hashes(
        np.frombuffer(signature.particulars, "<u4"), signature.particulars_limit, 0
    )
    first = _first_occurrences(particulars)
    return Signature(  # not dataclasses.replace, which is slower; this runs for each text
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
        particulars_limit=particulars_limit,
    )


def _coarsen_hashes(
    hashes: NDArray[np.uint32], limit: int, exact_below: int
) -> tuple[NDArray[np.uint32], int]:
    """Truncate the hashes from `exact_below` on, and lower the limit so that what is below it is still complete."""
    exact_count = int(hashes.searchsorted(np.uint32(exact_below)))
    coarsened = hashes & np.uint32(0xFFFFFFFF ^ _DROPPED_BITS)
    coarsened[:exact_count] = hashes[:exact_count]
    if exact_below < limit < HASH_RANGE:  # hashes with the limit's upper bits may be incomplete
        limit &= ~_DROPPED_BITS
        coarsened = coarsened[: coarsened.searchsorted(np.uint32(limit))]
    return coarsened.astype("<u4", copy=False), limit


def _first_occurrences(ordered: NDArray[np.uint32]) -> NDArray[np.intp] | None:
    """The positions where a value differs from the one before it; None if all positions do."""
    is_repeat = ordered[1:] == ordered[:-1]
    return np.concatenate([[0], (~is_repeat).nonzero()[0] + 1]) if is_repeat.any() else None


def pack(signature: Signature) -> bytes:
    """Serialise a coarse signature as header, lead, bands, numbers, particulars, body.

    A limit of 2**32 is written as 0.
    """
    body, exact_count = _encode_body(signature.body)
    header = _HEADER.pack(
        SCHEME_TAG,
        signature.digest,
        signature.tokens,
        signature.shingles,
        signature.body_limit % HASH_RANGE,
        signature.numbers_limit % HASH_RANGE,
        signature.particulars_limit % HASH_RANGE,
        len(signature.bands) // 4,
        len(signature.numbers) // 4,
        len(signature.particulars) // 4,
        len(signature.body) // 4,
        exact_count,
    )
    particulars = np.frombuffer(signature.particulars, np.uint8).reshape(-1, 4)[:, 1:].tobytes()
    return b"".join((header, signature.lead, signature.bands, signature.numbers, particulars, body))


@lru_cache(maxsize=UNPACKED_CACHE_SIZE)
def unpack(data: bytes) -> Signature:
    """Read what `pack` wrote: a coarse signature.

    Raises SchemeMismatch for a signature of another scheme, ValueError for one of the wrong length.
    """
    if data[:4] != SCHEME_TAG:
        raise SchemeMismatch("signature", f"tag {data[:4].hex()}")
    if len(data) < _HEADER.size:
        raise ValueError(f"signature: {len(data)} bytes found, at least {_HEADER.size} wanted")
    _, digest, tokens, shingles, *limits = _HEADER.unpack_from(data)
    body_limit, numbers_limit, particulars_limit, bands, numbers, particulars, count, exact_count = limits
    at, ends = _HEADER.size, []
    for size in (
        (count + 7) // 8,
        4 * bands,
        4 * numbers,
        3 * particulars,
        _body_size_bytes(count, exact_count),
    ):
        at += size
        ends.append(at)
    if at != len(data):
        raise ValueError(f"signature: {len(data)} bytes found, {at} wanted")
    return Signature(
        digest=digest,
        tokens=tokens,
        shingles=shingles,
        body=_decode_body(data, ends[3], count, exact_count),
        body_limit=body_limit or HASH_RANGE,
        lead=data[_HEADER.size : ends[0]],
        bands=data[ends[0] : ends[1]],
        numbers=data[ends[1] : ends[2]],
        numbers_limit=numbers_limit or HASH_RANGE,
        particulars=b"".join(b"\0" + data[at : at + 3] for at in range(ends[2], ends[3], 3)),
        particulars_limit=particulars_limit or HASH_RANGE,
    )


class PackedBody(NamedTuple):
    """What can be read of a packed signature without unpacking it: digest, limit and middle bits of the hashes."""

    data: bytes
    digest: bytes
    limit: int
    length: int  # number of hashes
    exact_count: int  # number of hashes below EXACT_BELOW
    offset: int  # first byte of the hashes in data

    @classmethod
    def from_packed(cls, packed: bytes) -> PackedBody:
        """Read the header that `pack` wrote. The scheme and the length are not checked."""
        _, digest, _, _, limit, _, _, bands, numbers, particulars, count, exact_count = _HEADER.unpack_from(
            packed
        )
        offset = _HEADER.size + (count + 7) // 8 + 4 * (bands + numbers) + 3 * particulars
        return cls(packed, digest, limit or HASH_RANGE, count, exact_count, offset)

    def middle_bits(self) -> bytes:
        """Bits 8 to 23 of each hash, as uint16. Hashes that differ in these bits are different."""
        return self.data[self.offset : self.offset + 2 * self.length]


def unpack_bodies(packed: Iterable[bytes]) -> NDArray[np.uint32]:
    """The shingle hashes of several packed signatures, one after the other, equal to those that `unpack` returns."""
    middle_bits, bitmaps, last_bytes = [], [], []
    bodies = [PackedBody.from_packed(data) for data in packed]
    for data, _, _, count, exact_count, offset in bodies:
        start, end = offset + 2 * count, offset + _body_size_bytes(count, 0)
        middle_bits.append(data[offset:start])
        bitmaps.append(data[start:end])
        last_bytes.append(data[end : end + exact_count])
    ones = np.unpackbits(np.frombuffer(b"".join(bitmaps), np.uint8)).view(np.bool_).nonzero()[0]
    counts, lengths = (np.array(n, np.int64) for n in ([b.length for b in bodies], list(map(len, bitmaps))))
    bits_before, hashes_before = (
        8 * (lengths.cumsum() - lengths),
        counts.cumsum() - counts,
    )  # of the bodies before
    top_bytes = ones - np.arange(len(ones)) - np.repeat(bits_before - hashes_before, counts)
    hashes: NDArray[np.uint32] = top_bytes.astype("<u4") << np.uint32(24)
    hashes |= np.frombuffer(b"".join(middle_bits), "<u2").astype("<u4") << np.uint32(8)
    hashes[concatenate_ranges(hashes_before, np.array([b.exact_count for b in bodies], np.int64))] |= (
        np.frombuffer(b"".join(last_bytes), np.uint8)
    )
    return hashes


def _body_size_bytes(count: int, exact_count: int) -> int:
    """Length of what `_encode_body` writes for so many hashes."""
    return 2 * count + (count + 256 + 7) // 8 + exact_count if count else 0


def _encode_body(data: bytes) -> tuple[bytes, int]:
    """Encode ascending hashes; return the bytes and the number of hashes below EXACT_BELOW.

    The bytes are bits 8 to 23 of each hash, a bitmap of the upper eight bits (for each of the 256 values a one for
    each hash that has it, then a zero), and the lowest eight bits of each hash below EXACT_BELOW.
    """
    hashes = np.frombuffer(data, "<u4")
    if not len(hashes):
        return b"", 0
    exact_count = int(hashes.searchsorted(np.uint32(EXACT_BELOW)))
    bits = np.zeros(len(hashes) + 256, np.uint8)
    bits[(hashes >> np.uint32(24)) + _POSITIONS[: len(hashes)]] = 1
    middle = (hashes >> np.uint32(8)).astype("<u2")
    return b"".join(
        (middle.tobytes(), np.packbits(bits).tobytes(), hashes[:exact_count].astype(np.uint8).tobytes())
    ), exact_count


def _decode_body(data: bytes, offset: int, count: int, exact_count: int) -> bytes:
    """Read what `_encode_body` wrote at an offset: ascending hashes as little-endian uint32."""
    if not count:
        return b""
    bitmap_offset, end = offset + 2 * count, offset + _body_size_bytes(count, exact_count)
    middle = np.frombuffer(data, "<u2", count, offset).astype("<u4")
    ones = (
        np.unpackbits(np.frombuffer(data, np.uint8, end - exact_count - bitmap_offset, bitmap_offset))
        .view(np.bool_)
        .nonzero()[0]
    )
    hashes = (ones - _POSITIONS[:count]).astype("<u4") << np.uint32(24) | middle << np.uint32(8)
    hashes[:exact_count] |= np.frombuffer(data, np.uint8, exact_count, end - exact_count)
    return hashes.tobytes()


_POSITIONS = np.arange(1 << 16)
