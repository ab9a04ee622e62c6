"""Which passages two texts share, for people to read; verdicts rest on signatures and need no text."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher

from dedupe.signature.tokens import MARKS, SPACELESS

LEAST_WORDS = 8  # a shorter run is a formula
MOST_WORDS = 5_000  # of each text; SequenceMatcher's worst case is quadratic
_TOKEN = re.compile(rf"[{SPACELESS}]|(?:[^\W_{SPACELESS}]|[{MARKS}])+")


@dataclass(frozen=True, slots=True)
class Passage:
    """Characters [start, end) of either text; the words between are equal but for case and width."""

    start: int
    end: int
    other_start: int
    other_end: int
    words: int


def shared_passages(text: str, other: str, least_words: int = LEAST_WORDS) -> list[Passage]:
    """In the order of the text; only those that stand in the same order in both, of at least so many words. Beyond
    MOST_WORDS the texts are not compared."""
    mine, theirs = (list(_TOKEN.finditer(one))[:MOST_WORDS] for one in (text, other))
    words, others = ([_folded(match.group()) for match in one] for one in (mine, theirs))
    matcher = SequenceMatcher(None, words, others, autojunk=False)
    return [
        Passage(
            start=mine[block.a].start(),
            end=mine[block.a + block.size - 1].end(),
            other_start=theirs[block.b].start(),
            other_end=theirs[block.b + block.size - 1].end(),
            words=block.size,
        )
        for block in matcher.get_matching_blocks()
        if block.size >= least_words
    ]


def _folded(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()
