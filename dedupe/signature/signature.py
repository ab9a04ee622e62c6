"""Signs a text: computes the keys that find candidates for its copies, and the sketches that verify them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from dedupe.signature.datasketch_import import defer_scipy_import
from dedupe.signature.scheme import (
    BANDS,
    FIGURE_HASHES,
    LEAD_TOKENS,
    POSTING_SHARE,
    POSTINGS,
    ROWS_PER_BAND,
    SCHEME_TAG,
    SEED,
    SHINGLE_TOKENS,
    SKETCH_HASHES,
    SchemeMismatch,
)
from dedupe.signature.sketch import HASH_RANGE, Sketch, bottom_k, is_in, make_sketch, sorted_distinct
from dedupe.signature.tokens import Tokens, combine_hashes, mix_bits, shingle_hashes, tokenize

if TYPE_CHECKING:
    from numpy.typing import NDArray

COMPARABLE_SHINGLES = 5  # a shorter text ("Watch the video") says nothing about its story
MINHASH_BATCH = 1 << 12  # hashes permuted at once; all hashes of a 10 MB text would take 400 MB
BODY_BANDS_BELOW = 192  # shingles; longer texts that share as much as a rule asks for also share postings
MAX_NAMES_SHARE = 0.25  # capitalised share of all tokens; English news has about 0.15, German 0.35
_HEADER = struct.Struct("<4s16sIIIIIHHHH")


@dataclass(frozen=True, slots=True)
class Signature:
    """What is stored of a text: its digest, its MinHash bands, and sketches of its shingles and particulars.

    Arrays are little-endian bytes, so that signatures compare, hash and pickle by value on any machine.
    """

    digest: bytes  # 16 bytes over the words in order
    tokens: int  # words, or characters in scripts without spaces
    shingles: int  # distinct shingles of the whole text
    body: bytes  # uint32 ascending: shingle hashes, all or the smallest
    body_limit: int  # body holds all shingle hashes below this; 2**32: all there are
    lead: bytes  # one bit for each hash of body, most significant first: the shingle occurs in the lead
    bands: bytes  # uint32: BANDS band hashes of the body, then BANDS of the lead; empty if not comparable
    numbers: bytes  # uint32 ascending: hashes of the numbers
    numbers_limit: int
    particulars: bytes  # uint32 ascending: hashes of a number or capitalised word with the word before it
    particulars_limit: int

    @property
    def comparable(self) -> bool:
        """Whether the text is long enough to be compared: at least COMPARABLE_SHINGLES distinct shingles."""
        return self.shingles >= COMPARABLE_SHINGLES

    def body_sketch(self) -> Sketch:
        """The shingle hashes of the whole text."""
        return Sketch(_as_array(self.body), self.body_limit)

    def lead_sketch(self) -> Sketch:
        """The shingle hashes of the first LEAD_TOKENS tokens."""
        body = _as_array(self.body)
        is_in_lead = np.unpackbits(np.frombuffer(self.lead, np.uint8), count=len(body)).astype(np.bool_)
        return Sketch(body[is_in_lead], self.body_limit)

    def numbers_sketch(self) -> Sketch:
        """The hashes of the text's numbers."""
        return Sketch(_as_array(self.numbers), self.numbers_limit)

    def particulars_sketch(self) -> Sketch:
        """The hashes of the text's numbers and names, each with the word before it."""
        return Sketch(_as_array(self.particulars), self.particulars_limit)

    def band_keys(self) -> list[int]:
        """The 32-bit candidate keys of all bands: those of the body, then those of the lead."""
        keys: list[int] = _hash_keys(_as_array(self.bands), _as_array(b"")).tolist()
        return keys

    def index_keys(self) -> list[int]:
        """The keys of the whole text, boilerplate included, under which the index stores it."""
        keys: list[int] = self.keys(self.body_sketch()).tolist()
        return keys

    def keys(self, body: Sketch) -> NDArray[np.uint32]:
        """The candidate keys of the text with this body: bands and postings; none if it is too short to compare.

        To store a text, pass its whole body. To search for it, pass the body without boilerplate, because boilerplate
        would find the whole outlet. A text of BODY_BANDS_BELOW shingles or more has no keys for the body's bands.
        """
        if not self.comparable:
            return _as_array(b"")
        keys = _hash_keys(_as_array(self.bands), _posting_shingles(body))
        return keys if self.shingles < BODY_BANDS_BELOW else keys[BANDS:]

    def to_bytes(self) -> bytes:
        """Serialise as header, body, lead, bands, numbers, particulars. A limit of 2**32 is written as 0."""
        return b"".join(
            (
                _HEADER.pack(
                    SCHEME_TAG,
                    self.digest,
                    self.tokens,
                    self.shingles,
                    self.body_limit % HASH_RANGE,
                    self.numbers_limit % HASH_RANGE,
                    self.particulars_limit % HASH_RANGE,
                    len(self.body) // 4,
                    len(self.bands) // 4,
                    len(self.numbers) // 4,
                    len(self.particulars) // 4,
                ),
                self.body,
                self.lead,
                self.bands,
                self.numbers,
                self.particulars,
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Signature:
        """Read what `to_bytes` wrote.

        Raises SchemeMismatch for a signature of another scheme, ValueError for one of the wrong length.
        """
        if data[:4] != SCHEME_TAG:
            raise SchemeMismatch("signature", f"tag {data[:4].hex()}")
        if len(data) < _HEADER.size:
            raise ValueError(f"signature: {len(data)} bytes found, at least {_HEADER.size} wanted")
        _, digest, tokens, shingles, *limits_and_counts = _HEADER.unpack_from(data)
        body_limit, numbers_limit, particulars_limit, *counts = limits_and_counts
        body, bands, numbers, particulars = (4 * count for count in counts)
        fields = []
        at = _HEADER.size
        for size in (body, (counts[0] + 7) // 8, bands, numbers, particulars):
            fields.append(data[at : at + size])
            at += size
        if at != len(data):
            raise ValueError(f"signature: {len(data)} bytes found, {at} wanted")
        return cls(
            digest=digest,
            tokens=tokens,
            shingles=shingles,
            body=fields[0],
            body_limit=body_limit or HASH_RANGE,
            lead=fields[1],
            bands=fields[2],
            numbers=fields[3],
            numbers_limit=numbers_limit or HASH_RANGE,
            particulars=fields[4],
            particulars_limit=particulars_limit or HASH_RANGE,
        )


def sign(text: str) -> Signature:
    """The signature of a text. A pure function: the same on every machine, and usable in worker processes."""
    tokens = tokenize(text)
    shingles = shingle_hashes(tokens.hashes, SHINGLE_TOKENS)
    leading = max(1, LEAD_TOKENS - SHINGLE_TOKENS + 1)
    distinct = sorted_distinct(shingles)
    body = bottom_k(distinct, SKETCH_HASHES)
    numbers = make_sketch(shingle_hashes(tokens.figures, 1), FIGURE_HASHES)
    particulars = make_sketch(_particular_hashes(tokens), FIGURE_HASHES)
    return Signature(
        digest=tokens.digest,
        tokens=len(tokens),
        shingles=len(distinct),
        body=_as_bytes(body.hashes),
        body_limit=body.limit,
        lead=np.packbits(is_in(body.hashes, np.sort(shingles[:leading]))).tobytes() if len(body) else b"",
        bands=_as_bytes(_band_hashes(shingles, leading)) if len(distinct) >= COMPARABLE_SHINGLES else b"",
        numbers=_as_bytes(numbers.hashes),
        numbers_limit=numbers.limit,
        particulars=_as_bytes(particulars.hashes),
        particulars_limit=particulars.limit,
    )


def posting_keys(body: Sketch) -> list[int]:
    """The candidate keys made from single shingles, which find a text inside a longer one.

    One shingle in POSTING_SHARE is used. The choice depends on the shingle's hash alone, so it is the same in every
    text.
    """
    keys: list[int] = _hash_keys(_as_array(b""), _posting_shingles(body)).tolist()
    return keys


def is_band(key: int) -> int:
    """1 for the key of a band, 0 for that of a posting."""
    return key & 1


def _posting_shingles(body: Sketch) -> NDArray[np.uint32]:
    """The lowest hashes of the body, at most POSTINGS, from the lowest POSTING_SHARE-th of the hash range."""
    return body.below(HASH_RANGE // POSTING_SHARE)[:POSTINGS]


# a band's number is hashed with its value, so that equal values of different bands give different keys
_BAND_NUMBERS = np.arange(1, 2 * BANDS + 1, dtype=np.uint64) << np.uint64(32)


def _hash_keys(bands: NDArray[np.uint32], postings: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Hash bands and postings to keys, evenly spread over 32 bits. The lowest bit is 1 for bands, 0 for postings."""
    values = np.concatenate([bands, postings]).astype(np.uint64)
    values[: len(bands)] += _BAND_NUMBERS[: len(bands)]
    keys = (mix_bits(values) >> np.uint64(32)).astype(np.uint32)
    keys[: len(bands)] |= np.uint32(1)
    keys[len(bands) :] &= np.uint32(0xFFFFFFFE)
    return keys


def _particular_hashes(tokens: Tokens) -> NDArray[np.uint32]:
    """Hashes of what a template page fills in: figures and names, each together with the word before it.

    The word before distinguishes one place of the template from another; the first word of a text has none, and is
    left out. Where every noun has a capital (German), a capital does not mark a name, and only figures count.
    """
    is_name, is_number = tokens.name_mask(), tokens.number_mask()
    capitals_mean_names = np.count_nonzero(is_name) <= MAX_NAMES_SHARE * len(tokens)
    places = np.flatnonzero((is_name | is_number if capitals_mean_names else is_number)[1:])
    return combine_hashes(tokens.hashes[places], tokens.hashes[places + 1])


@lru_cache(maxsize=1)
def _permutations() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """The factors and summands of datasketch's permutations, as columns. Computed once for each process."""
    with defer_scipy_import():
        from datasketch import MinHash

    factors, summands = MinHash(num_perm=BANDS * ROWS_PER_BAND, seed=SEED, scheme="affine32").permutations
    return factors[:, np.newaxis], summands[:, np.newaxis]


def _minhash_values(
    hashes: NDArray[np.uint32], leading: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """The MinHash values of all hashes, and those of the first `leading` hashes.

    Equal to those of datasketch's MinHash.update_batch, but without its Python loop over the hashes.
    """
    factors, summands = _permutations()
    minima = []
    for start in range(0, len(hashes), MINHASH_BATCH):
        values = _murmur3_finalizer(hashes[start : start + MINHASH_BATCH])
        permuted = values * factors  # one permutation in each row, so that a minimum reads contiguous memory
        permuted += summands
        minima += (
            [permuted[:, :leading].min(axis=1), permuted.min(axis=1)] if not start else [permuted.min(axis=1)]
        )
    return np.minimum.reduce(minima), minima[0]


def _murmur3_finalizer(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The 32-bit finalizer of MurmurHash3."""
    values = (values ^ (values >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    values = (values ^ (values >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return values ^ (values >> np.uint32(16))


def _band_hashes(shingles: NDArray[np.uint32], leading: int) -> NDArray[np.uint32]:
    """The band hashes of all shingles, then those of the first `leading` shingles."""
    rows = (
        np.concatenate(_minhash_values(shingles, leading)).reshape(2 * BANDS, ROWS_PER_BAND).astype(np.uint64)
    )
    keys = np.zeros(2 * BANDS, np.uint64)
    for row in range(ROWS_PER_BAND):
        keys = mix_bits(keys ^ rows[:, row])
    return (keys >> np.uint64(32)).astype(np.uint32)


def _as_array(data: bytes) -> NDArray[np.uint32]:
    return np.frombuffer(data, "<u4")


def _as_bytes(hashes: NDArray[np.uint32]) -> bytes:
    return hashes.astype("<u4").tobytes()
