"""From a text to its tokens and their hashes."""

from __future__ import annotations

import re
import threading
import unicodedata
from array import array
from dataclasses import dataclass
from os import urandom
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from dedupe.sketch import spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Scripts written without spaces between words: one token per character. With one token per run of
# letters a whole Japanese sentence would be one token, and one changed character would hide a copy.
SPACELESS = (
    "\u0e00-\u0fff"  # Thai, Lao, Tibetan
    "\u1000-\u109f\u1780-\u17ff"  # Myanmar, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\uac00-\ud7af"  # Hangul: has spaces, but glues particles to its words
)
# Vowel signs and accents are no \w in Python: without these ranges Hindi words would fall to pieces.
MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
_WORD = re.compile(r"[^\W_]+")  # all that most texts need, in half the time
_RARE = re.compile(rf"[{SPACELESS}{MARKS}]")
_TOKEN = re.compile(rf"[{SPACELESS}]|(?:[^\W_{SPACELESS}]|[{MARKS}])+")
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_SEPARATOR = re.compile(r"[.,:]")
KEPT = 1 << 17  # tokens: some 10 MB; at more, all chunks are forgotten before the next text
SLOTS = 1 << 18  # for as many chunks, half of them free at least
_IS_NUMBER, _IS_NAME, _IS_FIGURE = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Tokens:
    """The words of a text in order."""

    hashes: NDArray[np.uint64]  # of the casefolded token
    digest: bytes  # 16 bytes over all tokens: equal words in equal order
    figures: NDArray[np.uint64]  # hashes of the numbers, "1,000", "1.000" and "1000" being equal
    kinds: NDArray[np.uint8]  # of each token

    def __len__(self) -> int:
        return len(self.hashes)

    def names(self) -> NDArray[np.bool_]:
        """Which tokens are capitalised."""
        found: NDArray[np.bool_] = self.kinds & _IS_NAME != 0
        return found

    def numbers(self) -> NDArray[np.bool_]:
        """Which tokens hold a digit."""
        found: NDArray[np.bool_] = self.kinds & _IS_NUMBER != 0
        return found


def tokens_of(text: str) -> Tokens:
    """NFKC first, so that full-width digits and ligatures equal plain ones; case counts for names only.

    Chunk by chunk of what stands between spaces, for no word, number or normal form reaches across one: nine chunks
    in ten were met before.
    """
    known = _met.chunks
    if len(known.hashes) > KEPT:
        known = _met.chunks = _Chunks()
    firsts, counts, starts, lengths = known.places(text)
    places, letters = spread(firsts, counts), spread(starts, lengths)
    hashes, kinds = _array(known.hashes).take(places), _array(known.kinds).take(places)
    is_token = kinds < _IS_FIGURE
    return Tokens(
        hashes=hashes[is_token],
        digest=xxhash.xxh3_128_digest(_array(known.letters).take(letters)[1:].tobytes()),
        figures=hashes[~is_token],
        kinds=kinds[is_token],
    )


class _Chunks:
    """The chunks that were met before, by a hash of 64 bits: no string is made of them, and none is looked up. What is
    in them lies in arrays, chunk by chunk."""

    def __init__(self) -> None:
        self._table = np.zeros(SLOTS, np.uint64)  # hashes, each in the first free slot after its own
        self._places = np.zeros((SLOTS, 4), np.int32)  # by slot: where in the next two, and in the letters
        self._count = 0
        self.hashes, self.kinds = array("Q"), array("B")  # of a chunk's tokens, and of its numbers
        self.letters = array("B")  # a space and the letters of each token

    def places(self, text: str) -> NDArray[np.int32]:
        """In columns, of each chunk of a text: its first token, how many; its first letter, how many."""
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        solid = np.zeros(len(points) + 2, np.bool_)
        solid[1:-1] = _SOLID.take(points, mode="clip")
        edges = (solid[1:] != solid[:-1]).nonzero()[0]
        hashes = _hashes(points, edges)
        slots = self._slots(hashes)
        new = (self._table.take(slots) == 0).nonzero()[0]
        if 2 * (self._count + len(new)) > len(self._table):
            self._grow(len(new))
            slots = self._slots(hashes)
        for which in new.tolist():
            slots[which] = slot = self._free(int(slots[which]), int(hashes[which]))
            if not self._table[slot]:
                self._table[slot] = hashes[which]
                self._places[slot] = self._enter(text[edges[2 * which] : edges[2 * which + 1]])
                self._count += 1
        return self._places.take(slots, axis=0).T

    def _slots(self, hashes: NDArray[np.uint64]) -> NDArray[np.intp]:
        """Where each is, or is to be."""
        slots = (hashes >> np.uint64(65 - len(self._table).bit_length())).astype(np.intp)
        left = (self._table.take(slots) != hashes).nonzero()[0]
        while len(left):
            there = self._table.take(slots[left])
            left = left[(there != hashes[left]) & (there != 0)]
            slots[left] = (slots[left] + 1) % len(self._table)
        return slots

    def _free(self, slot: int, hash: int) -> int:
        """The first from there on that holds the hash, or nothing."""
        while int(self._table[slot]) not in (0, hash):
            slot = (slot + 1) % len(self._table)
        return slot

    def _grow(self, more: int) -> None:
        """For a text of so many new chunks: half of the table stays free."""
        hashes, places = self._table, self._places
        size = 1 << (2 * (self._count + more)).bit_length()
        self._table, self._places = np.zeros(size, np.uint64), np.zeros((size, 4), np.int32)
        known = hashes.nonzero()[0]
        for first, at in zip(self._slots(hashes[known]).tolist(), known.tolist(), strict=True):
            slot = self._free(first, int(hashes[at]))
            self._table[slot], self._places[slot] = hashes[at], places[at]

    def _enter(self, chunk: str) -> tuple[int, int, int, int]:
        plain = unicodedata.normalize("NFKC", chunk)
        spelled: list[str] = (_TOKEN if _RARE.search(plain) else _WORD).findall(plain)
        folded = [token.casefold() for token in spelled]
        numbers = [_SEPARATOR.sub("", number) for number in _NUMBER.findall(plain)]
        first, start = len(self.hashes), len(self.letters)
        self.hashes.extend(map(_hash, folded + numbers))
        self.kinds.extend(map(_kind, spelled, folded))
        self.kinds.extend([_IS_FIGURE] * len(numbers))
        self.letters.frombytes(b"".join(b" " + token.encode("utf-8", "replace") for token in folded))
        return first, len(self.hashes) - first, start, len(self.letters) - start


_TILE = 1 << 14


def _powers(base: int) -> NDArray[np.uint64]:
    found = np.full(_TILE, base, np.uint64)
    found[0] = 1
    return np.multiply.accumulate(found)


_SOLID = np.array([not chr(point).isspace() for point in range(0x3002)])  # no space has a higher number
_BASE = int.from_bytes(urandom(8), "little") | 1  # drawn, so that no text can aim at another's word
_POWERS = _powers(_BASE)
_INVERSES = _powers(pow(_BASE, -1, 1 << 64))


def _hashes(points: NDArray[np.uint32], edges: NDArray[np.intp]) -> NDArray[np.uint64]:
    """Polynomials of 64 bits, not 0, of what lies between each even edge and the next (Karp and Rabin, 1987). Where a
    chunk reaches across a tile it has another hash than elsewhere, and is met anew."""
    sums = np.zeros(len(points) + 1, np.uint64)
    powers = _POWERS if len(points) <= _TILE else np.resize(_POWERS, len(points))
    np.multiply(points + np.uint64(1), powers[: len(points)], out=sums[1:])
    sums = sums.cumsum()
    starts = edges[::2]
    found = (sums.take(edges[1::2]) - sums.take(starts)) * _INVERSES.take(starts, mode="wrap")
    return mixed(found) | np.uint64(1)


class _Met(threading.local):
    def __init__(self) -> None:
        self.chunks = _Chunks()


_met = _Met()


def _kind(spelled: str, folded: str) -> int:
    is_number = not folded.isalpha() and _DIGIT.search(folded)
    return (_IS_NUMBER if is_number else 0) | (_IS_NAME if spelled[0].isupper() else 0)


def _array(values: array[int]) -> NDArray[Any]:
    """Not to be kept: the values can not grow as long as it is there."""
    return np.frombuffer(values, values.typecode)


def _hash(word: str) -> int:
    """A lone surrogate counts as a question mark."""
    return xxhash.xxh3_64_intdigest(word.encode("utf-8", "replace"))


_SHIFT = np.uint64(33)
_FACTORS = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The 64-bit finalizer of MurmurHash3: neighbouring inputs come out unrelated."""
    values = values ^ (values >> _SHIFT)
    values *= _FACTORS[0]  # in place: half the time is that of taking memory
    values ^= values >> _SHIFT
    values *= _FACTORS[1]
    values ^= values >> _SHIFT
    return values


def runs(hashes: NDArray[np.uint64], length: int) -> NDArray[np.uint32]:
    """One hash per run of `length` tokens, in order, repeated runs kept; a shorter text is one run."""
    if len(hashes) == 0:
        return np.empty(0, np.uint32)
    length = min(length, len(hashes))
    count = len(hashes) - length + 1
    return joined(*(hashes[place : place + count] for place in range(length)))


def joined(*tokens: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """One hash for each first, second, ... token."""
    value = np.full(len(tokens[0]), len(tokens), np.uint64)
    for hashes in tokens:
        value = mixed(value ^ hashes)
    return (value >> np.uint64(32)).astype(np.uint32)
