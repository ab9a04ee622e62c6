"""All that is kept of a text to find and verify its copies."""

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
MINHASH_BATCH = 1 << 12  # one row of permutations per hash is held: a text of 10 MB would take 400 MB
BODY_BANDS_BELOW = 192  # shingles; longer texts that share what a rule asks for share postings
MAX_NAMES_SHARE = 0.25  # of all tokens; English news has about 0.15, German 0.35
_HEADER = struct.Struct("<4s16sIIIIIHHHH")


@dataclass(frozen=True, slots=True)
class Signature:
    """Arrays are little-endian bytes, so that signatures compare, hash and pickle by value on any machine."""

    digest: bytes  # 16 bytes over the words in their order
    tokens: int  # words, or characters in scripts without spaces
    shingles: int  # distinct shingles of the whole text
    body: bytes  # uint32 ascending: shingle hashes, all or the smallest
    body_limit: int  # all shingle hashes below this are in body; 2**32: all
    lead: bytes  # bits in the order of body, most significant first: this shingle occurs in the lead
    bands: bytes  # uint32: BANDS keys of the body, BANDS of the lead; empty if not comparable
    numbers: bytes  # uint32 ascending: numbers
    numbers_limit: int
    particulars: bytes  # uint32 ascending: a number or capitalised word with the word before it
    particulars_limit: int

    @property
    def comparable(self) -> bool:
        return self.shingles >= COMPARABLE_SHINGLES

    def body_sketch(self) -> Sketch:
        return Sketch(_as_array(self.body), self.body_limit)

    def lead_sketch(self) -> Sketch:
        body = _as_array(self.body)
        marks = np.unpackbits(np.frombuffer(self.lead, np.uint8), count=len(body)).astype(np.bool_)
        return Sketch(body[marks], self.body_limit)

    def numbers_sketch(self) -> Sketch:
        return Sketch(_as_array(self.numbers), self.numbers_limit)

    def particulars_sketch(self) -> Sketch:
        return Sketch(_as_array(self.particulars), self.particulars_limit)

    def band_keys(self) -> list[int]:
        keys: list[int] = _hash_keys(_as_array(self.bands), _as_array(b"")).tolist()
        return keys

    def index_keys(self) -> list[int]:
        """Under which an index files the text."""
        keys: list[int] = self.keys(self.body_sketch()).tolist()
        return keys

    def keys(self, body: Sketch) -> NDArray[np.uint32]:
        """Under which a text is filed, or sought: then by a body without boilerplate, which would find its whole
        outlet. Of a longer text not under the bands of the body."""
        if not self.comparable:
            return _as_array(b"")
        keys = _hash_keys(_as_array(self.bands), _posting_shingles(body))
        return keys if self.shingles < BODY_BANDS_BELOW else keys[BANDS:]

    def to_bytes(self) -> bytes:
        """Header, body, lead, bands, numbers, particulars; a limit of 2**32 is written as 0."""
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
        """Raises SchemeMismatch for another scheme, ValueError for a signature cut short."""
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
    """A pure function: equal on every machine, fit for worker processes."""
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
    """One shingle in POSTING_SHARE, the same ones in every text: they find a text inside a longer one."""
    keys: list[int] = _hash_keys(_as_array(b""), _posting_shingles(body)).tolist()
    return keys


def is_band(key: int) -> int:
    """1 for the key of a band, 0 for a posting."""
    return key & 1


def _posting_shingles(body: Sketch) -> NDArray[np.uint32]:
    return body.below(HASH_RANGE // POSTING_SHARE)[:POSTINGS]


# a band's number is hashed with it, so that bands do not meet one another
_BAND_NUMBERS = np.arange(1, 2 * BANDS + 1, dtype=np.uint64) << np.uint64(32)


def _hash_keys(bands: NDArray[np.uint32], postings: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Evenly spread over 32 bits; the last tells the kind."""
    values = np.concatenate([bands, postings]).astype(np.uint64)
    values[: len(bands)] += _BAND_NUMBERS[: len(bands)]
    keys = (mix_bits(values) >> np.uint64(32)).astype(np.uint32)
    keys[: len(bands)] |= np.uint32(1)
    keys[len(bands) :] &= np.uint32(0xFFFFFFFE)
    return keys


def _particular_hashes(tokens: Tokens) -> NDArray[np.uint32]:
    """What a template page fills in: figures and names, each with the word before it.

    The word before tells one place of the template from another; the first word of a text has none. Where
    every noun has a capital (German), a capital tells no name, and figures alone are taken.
    """
    is_name, is_number = tokens.name_mask(), tokens.number_mask()
    capitals_mean_names = np.count_nonzero(is_name) <= MAX_NAMES_SHARE * len(tokens)
    places = np.flatnonzero((is_name | is_number if capitals_mean_names else is_number)[1:])
    return combine_hashes(tokens.hashes[places], tokens.hashes[places + 1])


@lru_cache(maxsize=1)
def _permutations() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Drawn once a process: factors and summands, in columns."""
    with defer_scipy_import():
        from datasketch import MinHash

    factors, summands = MinHash(num_perm=BANDS * ROWS_PER_BAND, seed=SEED, scheme="affine32").permutations
    return factors[:, np.newaxis], summands[:, np.newaxis]


def _minhash_values(
    hashes: NDArray[np.uint32], leading: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """datasketch's MinHash.update_batch, value for value, without its walk over every hash in Python: of all hashes,
    and of the first."""
    factors, summands = _permutations()
    minima = []
    for start in range(0, len(hashes), MINHASH_BATCH):
        values = _murmur3_finalizer(hashes[start : start + MINHASH_BATCH])
        permuted = values * factors  # a permutation in each row: its minimum lies side by side
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
    """Of all shingles, then of the first."""
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
