"""How sure the text is: the probability that it is right (F1 of 0.9 or more against a text taken by hand), 0 to 1.

A logistic function of signs that cleaning sees anyway. benchmarks/confidence.py fits the weights and tells how well
they part right texts from wrong ones; docs/cleaning.md shows the table.
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

_PROSE_WORDS = 12  # of a line that is a paragraph
_PARAGRAPH = 60  # characters outside links, at least
_BEGINNING = 80  # folded characters by which a paragraph is known again
_LAST = 3  # lines


@dataclass(frozen=True, slots=True)
class Signs:
    kept: float  # share of the page's paragraphs (characters) that the text holds
    placed: float  # share of the text that stands in the page's paragraphs
    prose: float  # share of the text in lines that are paragraphs
    loose_end: float  # share of the last three lines that are no paragraphs
    shown: float  # the text's characters by all that the page shows, at most 1
    told: float  # 1 where the page calls itself an article
    signed: float  # 1 where an author is known
    lines: float  # log of their number
    line_words: float  # words a line


# bias, then a weight for each sign, in order
_WEIGHTS = (0.595, 0.718, 0.604, -0.44, -0.911, 0.351, 0.82, 0.557, -0.132, 0.003)


def paragraphs_of(tree: HtmlElement, sizes: dict[HtmlElement, TextDensity]) -> dict[str, int]:
    """Beginning -> characters of the page's paragraphs of prose; to be asked before anything is cut."""
    found: dict[str, int] = {}
    for element in tree.iter("p"):
        if (
            (size := sizes.get(element))
            and size.prose > _PARAGRAPH
            and is_paragraph(text := shown_text(element))
        ):
            found[fold(text)[:_BEGINNING]] = len(text)
    return found


def is_paragraph(text: str) -> bool:
    return is_sentence(text) and word_count(text) >= _PROSE_WORDS


def signs_of(
    lines: Sequence[Line], paragraphs: dict[str, int], page: TextDensity, *, told: bool, signed: bool
) -> Signs:
    """lines: the story; paragraphs and page: what the whole page shows."""
    texts = [line.text for line in lines]
    total = sum(map(len, texts)) or 1
    prose = [text for text in texts if is_paragraph(text)]
    whole = fold("".join(texts))
    kept = sum(length for key, length in paragraphs.items() if key in whole)
    last = texts[-_LAST:]
    return Signs(
        kept=kept / max(1, sum(paragraphs.values())),
        placed=sum(len(text) for text in texts if fold(text)[:_BEGINNING] in paragraphs) / total,
        prose=sum(map(len, prose)) / total,
        loose_end=1 - sum(map(is_paragraph, last)) / max(1, len(last)),
        shown=min(1.0, total / max(1, page.text)),
        told=float(told),
        signed=float(signed),
        lines=math.log1p(len(texts)),
        line_words=sum(map(word_count, texts)) / max(1, len(texts)),
    )


def text_confidence(signs: Signs) -> float:
    """0 to 1; the share of texts with this figure that are right."""
    bias, *weights = _WEIGHTS
    score = bias + sum(weight * sign for weight, sign in zip(weights, astuple(signs), strict=True))
    return round(1 / (1 + math.exp(-max(-30.0, min(30.0, score)))), 4)
