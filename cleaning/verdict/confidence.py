"""Computes the text confidence: the probability, 0 to 1, that the text is right.

Right means an F1 of 0.9 or more against a text that a person took from the page. The probability is a logistic
function of signs that cleaning measures anyway. benchmarks/confidence.py fits the weights and measures
how well they separate right texts from wrong ones; docs/cleaning.md shows the table.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from cleaning.text.characters import fold, is_sentence, word_count
from cleaning.text.shown_text import shown_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lxml.html import HtmlElement

    from cleaning.text.extraction import Line
    from cleaning.text.text_density import TextDensity

_MIN_PARAGRAPH_WORDS = 12
_MIN_PARAGRAPH_CHARS = 60  # outside links
_KEY_CHARS = 80  # of a paragraph's folded beginning, by which it is recognised in the text
_LAST_LINES = 3


@dataclass(frozen=True, slots=True)
class Signs:
    """What the confidence is computed from, in the order of the weights. `scrapy explain` prints the field names."""

    kept: float  # share of the page's paragraphs that the text holds, by characters
    placed: float  # share of the text that is in the page's paragraphs
    prose: float  # share of the text in lines that are paragraphs
    loose_end: float  # share of the last three lines that are not paragraphs
    shown: float  # the text's characters divided by all that the page shows; at most 1
    told: float  # 1 where the page declares itself an article
    signed: float  # 1 where an author is known
    lines: float  # logarithm of 1 + the number of lines
    line_words: float  # mean number of words in a line


# bias, then one weight for each sign, in the order of the fields
_WEIGHTS = (0.595, 0.718, 0.604, -0.44, -0.911, 0.351, 0.82, 0.557, -0.132, 0.003)


def paragraph_lengths(tree: HtmlElement, densities: dict[HtmlElement, TextDensity]) -> dict[str, int]:
    """Return {folded beginning: characters} of the page's paragraphs of prose. Call it before anything is cut."""
    lengths: dict[str, int] = {}
    for element in tree.iter("p"):
        if (
            (density := densities.get(element))
            and density.prose > _MIN_PARAGRAPH_CHARS
            and is_paragraph(text := shown_text(element))
        ):
            lengths[fold(text)[:_KEY_CHARS]] = len(text)
    return lengths


def is_paragraph(text: str) -> bool:
    """Return whether a text is a sentence of twelve words or more."""
    return is_sentence(text) and word_count(text) >= _MIN_PARAGRAPH_WORDS


def measure_signs(
    lines: Sequence[Line],
    paragraphs: dict[str, int],
    page: TextDensity,
    *,
    is_declared_article: bool,
    has_author: bool,
) -> Signs:
    """Return the signs of a cleaned text.

    lines: of the story; paragraphs: as `paragraph_lengths` returns them; page: text density of the whole page."""
    texts = [line.text for line in lines]
    total = sum(map(len, texts)) or 1
    prose = [text for text in texts if is_paragraph(text)]
    folded_text = fold("".join(texts))
    kept = sum(length for key, length in paragraphs.items() if key in folded_text)
    last = texts[-_LAST_LINES:]
    return Signs(
        kept=kept / max(1, sum(paragraphs.values())),
        placed=sum(len(text) for text in texts if fold(text)[:_KEY_CHARS] in paragraphs) / total,
        prose=sum(map(len, prose)) / total,
        loose_end=1 - sum(map(is_paragraph, last)) / max(1, len(last)),
        shown=min(1.0, total / max(1, page.text)),
        told=float(is_declared_article),
        signed=float(has_author),
        lines=math.log1p(len(texts)),
        line_words=sum(map(word_count, texts)) / max(1, len(texts)),
    )


def text_confidence(signs: Signs) -> float:
    """Return the text confidence, 0 to 1: of texts with the value x, about the share x is right."""
    bias, *weights = _WEIGHTS
    score = bias + sum(weight * sign for weight, sign in zip(weights, astuple(signs), strict=True))
    return round(1 / (1 + math.exp(-max(-30.0, min(30.0, score)))), 4)
