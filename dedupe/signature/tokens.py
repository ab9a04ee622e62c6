"""From a text to its tokens and their hashes."""

from __future__ import annotations

import re
import threading
import unicodedata
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from dedupe.signature.sketch import spread

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
KEPT = 1 << 17  # tokens: some 25 MB; at more, all chunks are forgotten before the next text
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
    chunks = text.split()
    known = _met.chunks
    if len(known.hashes) > KEPT:
        known = _met.chunks = _Chunks()
    which = np.fromiter(map(known.__getitem__, chunks), np.intp, len(chunks))
    places = spread(_array(known.firsts).take(which), _array(known.counts).take(which))
    letters = spread(_array(known.starts).take(which), _array(known.lengths).take(which))
    hashes, kinds = _array(known.hashes).take(places), _array(known.kinds).take(places)
    is_token = kinds < _IS_FIGURE
    return Tokens(
        hashes=hashes[is_token],
        digest=xxhash.xxh3_128_digest(_array(known.letters).take(letters)[1:].tobytes()),
        figures=hashes[~is_token],
        kinds=kinds[is_token],
    )


class _Chunks(dict[str, int]):
    """Numbers of the chunks that were met before. What is in them lies in arrays, chunk by chunk."""

    def __init__(self) -> None:
        super().__init__()
        self.firsts, self.counts = array("i"), array("i")  # of each chunk: where in the next two, how many
        self.hashes, self.kinds = array("Q"), array("B")  # of its tokens, and of its numbers
        self.starts, self.lengths = array("i"), array("i")  # of each chunk: where in the next, how many
        self.letters = array("B")  # a space and the letters of each token

    def __missing__(self, chunk: str) -> int:
        plain = unicodedata.normalize("NFKC", chunk)
        spelled: list[str] = (_TOKEN if _RARE.search(plain) else _WORD).findall(plain)
        folded = [token.casefold() for token in spelled]
        numbers = [_SEPARATOR.sub("", number) for number in _NUMBER.findall(plain)]
        self.firsts.append(len(self.hashes))
        self.counts.append(len(folded) + len(numbers))
        self.hashes.extend(map(_hash, folded + numbers))
        self.kinds.extend(map(_kind, spelled, folded))
        self.kinds.extend([_IS_FIGURE] * len(numbers))
        self.starts.append(len(self.letters))
        self.letters.frombytes(b"".join(b" " + token.encode("utf-8", "replace") for token in folded))
        self.lengths.append(len(self.letters) - self.starts[-1])
        self[chunk] = found = len(self)
        return found


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
