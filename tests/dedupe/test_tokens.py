from __future__ import annotations

import numpy as np
import pytest

from dedupe.signature.tokens import shingle_hashes, tokenize


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (" \n…—!", 0),
        ("harbour", 1),
        ("don't don’t", 4),
        ("snake_case", 2),
        ("九年前に", 4),
        ("ท่าเรือ", 7),
        ("항구의 문", 4),
        ("पानी गिरा", 2),  # vowel signs stay inside their word
        ("port 2031年", 3),
    ],
)
def test_a_text_has_this_many_tokens(text, count):
    assert len(tokenize(text)) == count


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Harbour", "the HARBOUR"),
        ("ﬁsh", "fish"),
        ("１２ boats", "12 boats"),
        ("gates, built; of oak", "gates built of oak"),
        ("Straße", "STRASSE"),
    ],
)
def test_house_style_does_not_change_the_words(one, other):
    assert tokenize(one).digest == tokenize(other).digest


def test_word_borders_change_the_words():
    assert tokenize("for ever").digest != tokenize("forever").digest


@pytest.mark.parametrize("spelling", ["1,000", "1.000", "1000"])
def test_the_separator_of_thousands_does_not_change_a_number(spelling):
    assert tokenize(f"about {spelling} eels").figures.tolist() == tokenize("1000").figures.tolist()


def test_a_lone_surrogate_is_a_word_like_any_other():
    assert len(tokenize("broken \ud800 page")) in {2, 3}


@pytest.mark.parametrize(
    ("length", "tokens", "count"), [(3, 0, 0), (3, 1, 1), (3, 2, 1), (3, 3, 1), (3, 10, 8)]
)
def test_a_text_of_n_tokens_has_this_many_runs(length, tokens, count):
    assert len(shingle_hashes(np.arange(tokens, dtype=np.uint64), length)) == count


def test_the_order_of_words_makes_the_run():
    forward, backward = np.array([1, 2, 3], np.uint64), np.array([3, 2, 1], np.uint64)
    assert shingle_hashes(forward, 3).tolist() != shingle_hashes(backward, 3).tolist()
