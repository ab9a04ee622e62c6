"""From a text to its tokens and their hashes."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
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
    """NFKC first, so that full-width digits and ligatures equal plain ones; case counts for names only."""
    plain = unicodedata.normalize("NFKC", text)
    spelled: list[str] = (_TOKEN if _RARE.search(plain) else _WORD).findall(plain)
    joined = " ".join(spelled).casefold()
    folded = joined.split(" ") if joined else []
    return Tokens(
        hashes=_hashes(folded),
        digest=xxhash.xxh3_128_digest(joined.encode("utf-8", "replace")),
        figures=_hashes([_SEPARATOR.sub("", number) for number in _NUMBER.findall(plain)]),
        numbers=np.array(
            [i for i, t in enumerate(folded) if not t.isalpha() and _DIGIT.search(t)], dtype=np.intp
        ),
        names=np.array([i for i, t in enumerate(spelled) if t[0].isupper()], dtype=np.intp),
    )


@lru_cache(maxsize=1 << 16)
def _hash(word: str) -> int:
    """Cached, as nine words in ten of a text were met before. A lone surrogate counts as a question mark."""
    return xxhash.xxh3_64_intdigest(word.encode("utf-8", "replace"))


def _hashes(words: list[str]) -> NDArray[np.uint64]:
    return np.fromiter(map(_hash, words), np.uint64, len(words))


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The 64-bit finalizer of MurmurHash3: neighbouring inputs come out unrelated."""
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    values = (values ^ (values >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return values ^ (values >> np.uint64(33))


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
