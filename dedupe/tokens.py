"""From a text to its tokens and their hashes."""

from __future__ import annotations

import re
import sys
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xxhash

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
CHUNKS, LONGEST_CHUNK = 1 << 16, 32  # kept between texts: some 20 MB; characters
_IS_NUMBER, _IS_NAME = 1, 2


@dataclass(frozen=True, slots=True)
class Tokens:
    """The words of a text in order."""

    hashes: NDArray[np.uint64]  # of the casefolded token
    digest: bytes  # 16 bytes over all tokens: equal words in equal order
    figures: NDArray[np.uint64]  # hashes of the numbers, "1,000", "1.000" and "1000" being equal
    numbers: NDArray[np.intp]  # positions of tokens that hold a digit
    names: NDArray[np.intp]  # positions of capitalised tokens

    def __len__(self) -> int:
        return len(self.hashes)


def tokens_of(text: str) -> Tokens:
    """NFKC first, so that full-width digits and ligatures equal plain ones; case counts for names only.

    Chunk by chunk of what stands between spaces, for no word, number or normal form reaches across one: nine chunks
    in ten were met before.
    """
    hashes, marks, folded, figures = zip(*map(_chunks.__getitem__, text.split() or [""]), strict=True)
    kinds = np.frombuffer(b"".join(marks), np.uint8)
    return Tokens(
        hashes=np.frombuffer(b"".join(hashes), np.uint64),
        digest=xxhash.xxh3_128_digest(b"".join(folded)[1:]),
        figures=np.frombuffer(b"".join(figures), np.uint64),
        numbers=np.flatnonzero(kinds & _IS_NUMBER),
        names=np.flatnonzero(kinds & _IS_NAME),
    )


_Chunk = tuple[bytes, bytes, bytes, bytes]  # per token: hash, kind, a space and its letters; per number: hash


class _Chunks(dict[str, _Chunk]):
    """Chunks that were met before; emptied when full. A sentence of a script without spaces is a chunk that will
    hardly come again, and is not kept."""

    def __missing__(self, chunk: str) -> _Chunk:
        found = _chunk(chunk)
        if len(chunk) <= LONGEST_CHUNK:
            if len(self) >= CHUNKS:
                self.clear()
            self[chunk] = found
        return found


_chunks = _Chunks()


def _chunk(chunk: str) -> _Chunk:
    plain = unicodedata.normalize("NFKC", chunk)
    spelled: list[str] = (_TOKEN if _RARE.search(plain) else _WORD).findall(plain)
    folded = [token.casefold() for token in spelled]
    return (
        b"".join(map(_hash, folded)),
        bytes(
            (_IS_NUMBER if not f.isalpha() and _DIGIT.search(f) else 0) | (_IS_NAME if s[0].isupper() else 0)
            for s, f in zip(spelled, folded, strict=True)
        ),
        b"".join(b" " + token.encode("utf-8", "replace") for token in folded),
        b"".join(_hash(_SEPARATOR.sub("", number)) for number in _NUMBER.findall(plain)),
    )


def _hash(word: str) -> bytes:
    """8 bytes in the machine's order. A lone surrogate counts as a question mark."""
    return xxhash.xxh3_64_intdigest(word.encode("utf-8", "replace")).to_bytes(8, sys.byteorder)


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
    value = np.full(count, length, np.uint64)
    for place in range(length):
        value = mixed(value ^ hashes[place : place + count])
    return (value >> np.uint64(32)).astype(np.uint32)
