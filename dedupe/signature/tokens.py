"""Splits a text into tokens and hashes them, singly and as shingles."""

from __future__ import annotations

import re
import threading
import unicodedata
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from dedupe.signature.sketch import concatenate_ranges

if TYPE_CHECKING:
    from numpy.typing import NDArray

# In scripts written without spaces between words every character is a token. If every run of letters were one,
# a whole Japanese sentence would be one token, and one changed character would hide a copy.
SPACELESS_SCRIPTS = (
    "\u0e00-\u0fff"  # Thai, Lao, Tibetan
    "\u1000-\u109f\u1780-\u17ff"  # Myanmar, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\uac00-\ud7af"  # Hangul: has spaces, but attaches particles to its words
)
# Vowel signs and combining accents do not match \w in Python. Without these ranges Hindi words would be split.
COMBINING_MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
_WORD = re.compile(r"[^\W_]+")  # enough for most texts, in half the time of _TOKEN
_SPECIAL_CHARACTER = re.compile(rf"[{SPACELESS_SCRIPTS}{COMBINING_MARKS}]")
_TOKEN = re.compile(rf"[{SPACELESS_SCRIPTS}]|(?:[^\W_{SPACELESS_SCRIPTS}]|[{COMBINING_MARKS}])++")
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_SEPARATOR = re.compile(r"[.,:]")
CHUNK_CACHE_TOKENS = 1 << 17  # some 25 MB; a larger cache is emptied before the next text
_IS_NUMBER, _IS_NAME, _IS_FIGURE = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Tokens:
    """The words of a text in order, as hashes."""

    hashes: NDArray[np.uint64]  # one for each casefolded token
    digest: bytes  # 16 bytes over all tokens: equal for equal words in equal order
    figures: NDArray[np.uint64]  # hashes of the numbers; "1,000", "1.000" and "1000" are equal
    kinds: NDArray[np.uint8]  # bits _IS_NUMBER and _IS_NAME of each token

    def __len__(self) -> int:
        return len(self.hashes)

    def name_mask(self) -> NDArray[np.bool_]:
        """A mask of the tokens that are capitalised."""
        mask: NDArray[np.bool_] = self.kinds & _IS_NAME != 0
        return mask

    def number_mask(self) -> NDArray[np.bool_]:
        """A mask of the tokens that hold a digit."""
        mask: NDArray[np.bool_] = self.kinds & _IS_NUMBER != 0
        return mask


def tokenize(text: str) -> Tokens:
    """Split a text into hashed tokens.

    NFKC comes first, so that full-width digits and ligatures equal plain ones. Case counts only to recognise names.
    The text is split at spaces into chunks, because no word, number or normal form crosses a space. Tokens are cached
    by chunk: nine chunks in ten have occurred before.
    """
    chunks = text.split()
    cache = _thread_state.chunks
    if len(cache.hashes) > CHUNK_CACHE_TOKENS:
        cache = _thread_state.chunks = _ChunkCache()
    chunk_numbers = np.fromiter(map(cache.__getitem__, chunks), np.intp, len(chunks))
    token_places = concatenate_ranges(
        _view(cache.token_starts).take(chunk_numbers), _view(cache.token_counts).take(chunk_numbers)
    )
    letter_places = concatenate_ranges(
        _view(cache.letter_starts).take(chunk_numbers), _view(cache.letter_counts).take(chunk_numbers)
    )
    hashes, kinds = _view(cache.hashes).take(token_places), _view(cache.kinds).take(token_places)
    is_token = kinds < _IS_FIGURE
    return Tokens(
        hashes=hashes[is_token],
        digest=xxhash.xxh3_128_digest(_view(cache.letters).take(letter_places)[1:].tobytes()),
        figures=hashes[~is_token],
        kinds=kinds[is_token],
    )


class _ChunkCache(dict[str, int]):
    """Maps each chunk of text seen so far to its number, and holds the chunks' tokens and letters in arrays.

    A new chunk is tokenised and appended when it is first looked up.
    """

    def __init__(self) -> None:
        super().__init__()
        # for each chunk, the range of its tokens and numbers in hashes and kinds
        self.token_starts, self.token_counts = array("i"), array("i")
        self.hashes, self.kinds = array("Q"), array("B")
        # for each chunk, the range of its bytes in letters
        self.letter_starts, self.letter_counts = array("i"), array("i")
        self.letters = array("B")  # a space and the UTF-8 bytes of each token

    def __missing__(self, chunk: str) -> int:
        normalized = unicodedata.normalize("NFKC", chunk)
        words: list[str] = (_TOKEN if _SPECIAL_CHARACTER.search(normalized) else _WORD).findall(normalized)
        folded = [token.casefold() for token in words]
        numbers = [_SEPARATOR.sub("", number) for number in _NUMBER.findall(normalized)]
        self.token_starts.append(len(self.hashes))
        self.token_counts.append(len(folded) + len(numbers))
        self.hashes.extend(map(_hash_word, folded + numbers))
        self.kinds.extend(map(_token_kind, words, folded))
        self.kinds.extend([_IS_FIGURE] * len(numbers))
        self.letter_starts.append(len(self.letters))
        self.letters.frombytes(b"".join(b" " + token.encode("utf-8", "replace") for token in folded))
        self.letter_counts.append(len(self.letters) - self.letter_starts[-1])
        self[chunk] = chunk_number = len(self)
        return chunk_number


class _ThreadState(threading.local):
    def __init__(self) -> None:
        self.chunks = _ChunkCache()


_thread_state = _ThreadState()


def _token_kind(word: str, folded: str) -> int:
    """The kind bits of a token: it holds a digit, it is capitalised."""
    is_number = not folded.isalpha() and _DIGIT.search(folded)
    return (_IS_NUMBER if is_number else 0) | (_IS_NAME if word[0].isupper() else 0)


def _view(values: array[int]) -> NDArray[Any]:
    """The array as numpy sees it, without a copy. Drop it at once: the array cannot grow while the view exists."""
    return np.frombuffer(values, values.typecode)


def _hash_word(word: str) -> int:
    """The 64-bit xxh3 hash of a word; a lone surrogate counts as a question mark."""
    return xxhash.xxh3_64_intdigest(word.encode("utf-8", "replace"))


_MIX_SHIFT = np.uint64(33)
_MIX_FACTORS = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)


def mix_bits(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The 64-bit finalizer of MurmurHash3, which maps similar inputs to unrelated outputs."""
    values = values ^ (values >> _MIX_SHIFT)
    values *= _MIX_FACTORS[0]  # in place, because allocation takes half of the time
    values ^= values >> _MIX_SHIFT
    values *= _MIX_FACTORS[1]
    values ^= values >> _MIX_SHIFT
    return values


def shingle_hashes(hashes: NDArray[np.uint64], length: int) -> NDArray[np.uint32]:
    """One hash for each run of `length` tokens, in order, with repetitions. A shorter text is a single run."""
    if len(hashes) == 0:
        return np.empty(0, np.uint32)
    length = min(length, len(hashes))
    count = len(hashes) - length + 1
    return combine_hashes(*(hashes[place : place + count] for place in range(length)))


def combine_hashes(*tokens: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """Combine arrays of token hashes, all of one length, element by element: the i-th result (32 bits) is a hash of the
    i-th elements in their order. Shifted views of one array give the hashes of its shingles."""
    value = np.full(len(tokens[0]), len(tokens), np.uint64)
    for hashes in tokens:
        value = mix_bits(value ^ hashes)
    return (value >> np.uint64(32)).astype(np.uint32)
