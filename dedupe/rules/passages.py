"""Finds the passages that two texts share, to show them to people. Verdicts need signatures only."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher

from dedupe.signature.tokens import COMBINING_MARKS, SPACELESS_SCRIPTS

MIN_WORDS = 8  # a shorter run is a set phrase
MAX_WORDS = 5_000  # of each text; SequenceMatcher's worst case is quadratic
_TOKEN = re.compile(rf"[{SPACELESS_SCRIPTS}]|(?:[^\W_{SPACELESS_SCRIPTS}]|[{COMBINING_MARKS}])++")


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of equal words as characters [start, end) of each text. Case and character width may differ."""

    start: int
    end: int
    other_start: int
    other_end: int
    words: int


def shared_passages(text: str, other: str, least_words: int = MIN_WORDS) -> list[Passage]:
    """The passages of at least `least_words` words that both texts have in the same order, in the order of the text.

    Only the first MAX_WORDS words of each text are compared.
    """
    text_tokens, other_tokens = (list(_TOKEN.finditer(tokens))[:MAX_WORDS] for tokens in (text, other))
    words, other_words = (
        [_fold(match.group()) for match in tokens] for tokens in (text_tokens, other_tokens)
    )
    matcher = SequenceMatcher(None, words, other_words, autojunk=False)
    return [
        Passage(
            start=text_tokens[block.a].start(),
            end=text_tokens[block.a + block.size - 1].end(),
            other_start=other_tokens[block.b].start(),
            other_end=other_tokens[block.b + block.size - 1].end(),
            words=block.size,
        )
        for block in matcher.get_matching_blocks()
        if block.size >= least_words
    ]


def _fold(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()
