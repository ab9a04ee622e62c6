"""Cuts learned boilerplate: lines that recur in an outlet's stories, whatever the stories are about.

This module decides which line may be boilerplate and whether a line belongs to a topic, and it makes the cut.
lake/jobs/learn_boilerplate.py counts the lines. The cut is the very last step, after `content_hash` and the signature
were computed: those two do not change when new boilerplate is learned.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from cleaning.records import MAX_CUT_CHARS, record_cut, truncate_texts
from cleaning.text.characters import fold, unify_quotes, word_count

if TYPE_CHECKING:
    from cleaning.records import Article

KIND = "boilerplate"
_MIN_WORDS = 4  # of a boilerplate line; a shorter one may be a subhead that stories share
_MIN_QUOTATION_WORDS = 4  # in quotation marks: a statement that many stories may quote
_QUOTED = re.compile(r'"([^"]+)"?')
_TERM = re.compile(r"[^\W\d_]{5,}")
_MAX_CUT_SHARE = 0.5  # of an article's words; where more would be cut, nothing is
_MAX_LIFT = 0.2  # by how much the stories with a line may share more of its terms than the other stories do
_MIN_OTHERS = 5  # stories without the line; fewer are too few for a comparison
_MAX_OVERLAP = 0.5  # share of a line's terms that its stories may hold, where there is no comparison


@dataclass(frozen=True, slots=True)
class LearnedLines:
    """The learned boilerplate of one outlet."""

    version: str | None = None  # of the boilerplate file; None where nothing was learned
    stories: Mapping[str, int] = field(
        default_factory=dict
    )  # line_key -> number of stories that had the line


def line_key(line: str) -> str:
    """Return 16 hex digits of a hash of the line's letters and figures."""
    return hashlib.sha256(fold(line).encode("utf-8", "replace")).hexdigest()[:16]


def may_be_boilerplate(line: str) -> bool:
    """Return whether a line may be boilerplate: it is no short label, no quotation, and not too long to be stored."""
    if len(line) > MAX_CUT_CHARS or word_count(line) < _MIN_WORDS:
        return False
    quoted = _QUOTED.findall(unify_quotes(line))
    return not any(word_count(words) >= _MIN_QUOTATION_WORDS for words in quoted)


def is_topical(line: str, stories_with: Sequence[str], stories_without: Sequence[str]) -> bool:
    """Return whether a recurring line belongs to a topic: background that an outlet repeats, and no boilerplate.

    A topical line shares its terms with the stories that hold it, more than with the outlet's other stories.
    stories_with: texts of the stories that hold the line, without it; stories_without: texts of the others."""
    terms = _terms(line)
    if not terms or not stories_with:
        return False
    overlap = _mean_overlap(terms, stories_with)
    return (
        overlap - _mean_overlap(terms, stories_without) > _MAX_LIFT
        if len(stories_without) >= _MIN_OTHERS
        else overlap > _MAX_OVERLAP
    )


def _terms(line: str) -> frozenset[str]:
    """Return the words of five letters or more; where there is one at most (as in Chinese), all pairs of letters."""
    words = frozenset(fold(word) for word in _TERM.findall(line))
    letters = fold(line)
    return words if len(words) > 1 else frozenset(a + b for a, b in pairwise(letters))


def _mean_overlap(terms: frozenset[str], texts: Sequence[str]) -> float:
    """Return the share of the terms that a text holds, 0 to 1, as the mean of all texts."""
    folded = [fold(text) for text in texts]
    return sum(sum(term in text for term in terms) for text in folded) / (len(terms) * max(1, len(folded)))


def without_learned_lines(article: Article, learned: LearnedLines) -> Article:
    """Return the article without the learned boilerplate of its outlet. `content_hash` stays as it is.

    Nothing is cut where that would take half of the article's words or more."""
    if learned.version is None:
        return article
    lines = article.text.splitlines()
    recurring = [line for line in lines if may_be_boilerplate(line) and line_key(line) in learned.stories]
    remaining = [line for line in lines if line not in set(recurring)]
    if sum(map(word_count, recurring)) >= _MAX_CUT_SHARE * article.word_count:
        recurring, remaining = [], lines
    text = "\n".join(remaining)
    rule = f"{KIND}.{learned.version}"
    return replace(
        article,
        text=text,
        word_count=word_count(text) if recurring else article.word_count,
        removed=(
            *article.removed,
            *truncate_texts(record_cut(KIND, rule, "line", line) for line in recurring),
        ),
        boilerplate_version=learned.version,
    )


def without_removed_texts(article: Article) -> Article:
    """Return the article with the texts in `removed` emptied, except those of learned boilerplate.

    They are needed: the next learning job counts these lines again."""
    return replace(
        article,
        removed=tuple(cut if cut.kind == KIND else replace(cut, text="") for cut in article.removed),
    )
