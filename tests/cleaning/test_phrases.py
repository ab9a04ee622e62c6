"""The vocabulary: languages, and what it must leave alone."""

from __future__ import annotations

import pytest

from cleaning.vocabulary import markup_names, phrases


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Read more: the ferry in winter", "related"), ("Lesen Sie auch: Die Fähre im Winter", "related"), ("Lire aussi : le bac en hiver", "related"),
        ("Lea también: el ferry en invierno", "related"), ("Leggi anche: il traghetto", "related"), ("Leia também: a balsa", "related"),
        ("Lees ook: de veerpont", "related"), ("Czytaj też: prom zimą", "related"), ("Читайте також: пором узимку", "related"),
        ("Читайте также: паром зимой", "related"), ("Olvassa el: a komp télen", "related"), ("Läs också: färjan i vinter", "related"),
        ("Foto: Anna Berg", "caption"), ("Follow us on every network", "share"), ("Tags: bridge, ferry", "tags"),
    ],
)  # fmt: skip
def test_a_line_that_opens_with_a_word_of_the_trade(line: str, kind: str):
    match = phrases.opens(line)
    assert match is not None
    assert match.kind == kind


@pytest.mark.parametrize(
    "line",
    [
        "Readmore is a village.",
        "More than nine piers have cracks.",
        "Photographs of the bridge were sold.",
        "Closer to the island",
    ],
)
def test_a_sentence_is_no_word_of_the_trade(line: str):
    assert phrases.opens(line) is None
    assert phrases.whole(line) is None
    assert phrases.holds(line) is None


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("RelatedArticles", "related"),
        ("c-author-bio", "bio"),
        ("post__newsletter", "newsletter"),
        ("shareholder", None),
        ("stags", None),
        ("", None),
    ],
)
def test_names_are_read_by_whole_parts(label: str, kind: str | None):
    assert markup_names.markup_kind(label) == kind


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (
            "The bridge (AP Photo/Ann Lee)",
            "caption",
        ),  # a phrase may end in a mark with a word right behind it
        ("会員限定の記事です", "membership"),
        ("関連記事：橋の修理", "related"),
    ],
)
def test_a_phrase_ends_where_its_script_ends_words(line: str, kind: str):
    match = phrases.opens(line) or phrases.holds(line)
    assert match is not None
    assert match.kind == kind


@pytest.mark.parametrize(
    "line", ["Die Provision beträgt drei Prozent.", "Receba o troco antes de sair.", "Reklama i sztuka"]
)
def test_a_word_that_stories_use_too_is_none_of_the_trade(line: str):
    assert phrases.opens(line) is None
    assert phrases.holds(line) is None
