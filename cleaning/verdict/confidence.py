"""Computes the text confidence: the F1, 0 to 1, that the text is expected to have against one taken by hand.

The block model gives it (block_model.py). It is lowered for what no block tells: mojibake, the words of a consent dialogue,
and a text without a sentence, as a menu is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cleaning.text.characters import is_sentence, word_count
from cleaning.text.mojibake import mojibake_share
from cleaning.vocabulary import wall_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleaning.text.extraction import Line

_MIN_PARAGRAPH_WORDS = 12
_BROKEN_WORDS_OF_A_RUIN = 0.1  # share of words with mojibake; with as many a text is worth nothing
# one of these is in every such dialogue; looking for them costs nothing
_TRACES_OF_DIALOGUE = ("cookie", "consent", "javascript", "gdpr", "ccpa", "partner", "datenschutz", "einwillig", "privacy", "zgod", "soglas", "согласи", "згод", "samtyck", "hozzájár", "persoonsgeg", "dati personali", "datos personales", "dados pessoais", "données personnelles")  # fmt: skip
_DIALOGUE_SHARE = 0.4  # of the words in lines about consent; with as many the text is a dialogue
_LOW = 0.25  # the confidence of a dialogue or a menu is this part of what it would be
_MAX_MENU_LINE_WORDS = 9  # in the mean, of lines of which none is a sentence
# a line that holds two of these is about consent; the words are the same in most languages' dialogues
_CONSENT = re.compile(
    r"cookies?\b|consent\b|\bgdpr\b|\bccpa\b|\bopt(?:ing)?[ -]out|legitimate interests?|\bvendors?\b|\bour partners?\b|third part(?:y|ies)"
    r"|your (?:browser|device|privacy|preferences|choices)|personali[sz]ed (?:ads|advertis)|privacy (?:policy|settings|preferences)"
    r"|einwilligung|berechtigte[sn]? interesse|datenschutz|personenbezogen|tracking|unsere partner|consentement|intérêt légitime"
    r"|données personnelles|nos partenaires|consentimiento|interés legítimo|datos personales|nuestros socios|consenso|interesse legittimo"
    r"|dati personali|consentimento|interesse legítimo|dados pessoais|toestemming|persoonsgegevens|zgod[aęy]\b|dane osobowe|danych osobowych"
    r"|файлы cookie|согласи[ея]|персональные данн|згод[ау]\b|samtycke|personuppgifter|hozzájárul",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Signs:
    """What the confidence is computed from.

    `scrapy explain` prints the field names."""

    expected_f1: float  # by the probabilities of the page's blocks
    mojibake: float  # share of the words that were decoded wrongly
    dialogue: float  # share of the words in lines about consent or a script that is missing
    menu: float  # 1 where no line is a sentence and lines are short


def measure_signs(lines: Sequence[Line], expected_f1: float) -> Signs:
    """Return the signs of a cleaned text. lines: of the story. expected_f1: as `block_model.judge` returns it."""
    counts = [word_count(line.text) for line in lines]
    total = sum(counts) or 1
    whole = "\n".join(line.text for line in lines)
    lower = whole.casefold()
    told = 0
    if any(trace in lower for trace in _TRACES_OF_DIALOGUE):
        told = sum(count for line, count in zip(lines, counts, strict=True) if _is_dialogue(line.text))
    sentences = any(
        is_sentence(line.text) and count >= _MIN_PARAGRAPH_WORDS
        for line, count in zip(lines, counts, strict=True)
    )
    is_menu = not sentences and total / max(1, len(counts)) <= _MAX_MENU_LINE_WORDS
    return Signs(
        round(expected_f1, 4),
        round(mojibake_share(whole), 4),
        round(told / total, 4),
        float(is_menu),
    )


def _is_dialogue(text: str) -> bool:
    """Whether a line is about consent, or says that the page needs JavaScript."""
    found = {match[0].casefold() for match in _CONSENT.finditer(text)}
    return (
        len(found) > 1
        or wall_words.has_wall_words("needs_javascript", text)
        or wall_words.has_wall_words("consent_wall", text)
    )


def text_confidence(signs: Signs) -> float:
    """Return the text confidence, 0 to 1."""
    confidence = signs.expected_f1 * max(0.0, 1 - signs.mojibake / _BROKEN_WORDS_OF_A_RUIN)
    if signs.dialogue >= _DIALOGUE_SHARE or signs.menu:
        confidence *= _LOW
    return round(min(1.0, confidence), 4)
