"""Boilerplate learned of an outlet: lines that recur in its stories, whatever they are about.

What is here is pure: which line may be boilerplate, whether it belongs to a subject, and the cut. lake/jobs/learn_boilerplate.py
counts. The cut is the last step of all, behind `content_hash` and the signature, which therefore never change with what
was learned.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from cleaning.records import MAX_CUT, cut, shortened
from cleaning.text.characters import fold, one_quote, word_count

if TYPE_CHECKING:
    from cleaning.records import Article

KIND = "boilerplate"
_FEWEST_WORDS = 4  # a shorter line may be a subhead that stories share
_QUOTED_WORDS = 4  # in quotation marks: somebody's words, which many stories may quote
_QUOTED = re.compile(r'"([^"]+)"?')
_TERM = re.compile(r"[^\W\d_]{5,}")
_MOST_SHARE = 0.5  # of the words of an article that may be cut
_LIFT = 0.2  # how much more of a line's words the stories with it may share with it than the others do
_FEW = 5  # stories; with fewer without the line there is nothing to compare with
_TOPICAL = 0.5  # share of the line's words that its stories use, where there is nothing to compare with


@dataclass(frozen=True, slots=True)
class LearnedLines:
    """The lines of one outlet."""

    version: str | None = None  # of the artefact that holds them; None where nothing was learned
    stories: Mapping[str, int] = field(default_factory=dict)  # line_key -> how many stories had the line


def line_key(line: str) -> str:
    """16 hex digits of the line's letters and figures."""
    return hashlib.sha256(fold(line).encode("utf-8", "replace")).hexdigest()[:16]


def may_be_boilerplate(line: str) -> bool:
    """No label, no quotation."""
    if len(line) > MAX_CUT or word_count(line) < _FEWEST_WORDS:
        return False
    quoted = _QUOTED.findall(one_quote(line))
    return not any(word_count(words) >= _QUOTED_WORDS for words in quoted)


def is_topical(line: str, hosts: Sequence[str], others: Sequence[str]) -> bool:
    """The stories that have the line (hosts, their texts without it) speak of what it speaks of, and the outlet's other
    stories do so less: it is background that an outlet repeats, and no furniture."""
    terms = _terms(line)
    if not terms or not hosts:
        return False
    here = _overlap(terms, hosts)
    return here - _overlap(terms, others) > _LIFT if len(others) >= _FEW else here > _TOPICAL


def _terms(line: str) -> frozenset[str]:
    """Words of five letters or more; in scripts without spaces or with short words, pairs of letters."""
    words = frozenset(fold(word) for word in _TERM.findall(line))
    letters = fold(line)
    return words if len(words) > 1 else frozenset(a + b for a, b in pairwise(letters))


def _overlap(terms: frozenset[str], texts: Sequence[str]) -> float:
    """Share of the terms that a text holds, in the mean."""
    folded = [fold(text) for text in texts]
    return sum(sum(term in text for term in terms) for text in folded) / (len(terms) * max(1, len(folded)))


def without_learned_lines(article: Article, learned: LearnedLines) -> Article:
    """The article without the lines that were learned of its outlet; `content_hash` stays. An article of which they are
    half or more stays whole."""
    if learned.version is None:
        return article
    lines = article.text.splitlines()
    gone = [line for line in lines if may_be_boilerplate(line) and line_key(line) in learned.stories]
    kept = [line for line in lines if line not in set(gone)]
    if sum(map(word_count, gone)) >= _MOST_SHARE * article.word_count:
        gone, kept = [], lines
    text = "\n".join(kept)
    rule = f"{KIND}.{learned.version}"
    return replace(
        article,
        text=text,
        word_count=word_count(text) if gone else article.word_count,
        removed=(*article.removed, *shortened(cut(KIND, rule, "line", line) for line in gone)),
        boilerplate_version=learned.version,
    )


def without_removed_texts(article: Article) -> Article:
    """`removed` without texts, but for learned boilerplate: it has to be counted again when the next is learned."""
    return replace(
        article,
        removed=tuple(one if one.kind == KIND else replace(one, text="") for one in article.removed),
    )
