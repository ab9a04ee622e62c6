from __future__ import annotations

import pytest

from cleaning import Rules
from cleaning.clutter.outlet_rules import compile_rules
from cleaning.clutter.tree_cuts import cut_tree
from cleaning.text import document
from cleaning.text.shown_text import shown_text
from cleaning.text.text_density import measure_density

from .pages import STORY, cleaned, html, paragraphs, story

TEXT = "\n".join(STORY)
LINK = '<a href="/other">Council seeks a new ferry for the island</a>'


@pytest.mark.parametrize(
    ("furniture", "kind"),
    [
        (f"<p>{LINK}</p>", "related"),
        (f"<p><strong>Also Read | {LINK}</strong></p>", "related"),
        (f"<p>Siehe auch: {LINK}</p>", "related"),
        (f"<ul><li>{LINK}</li><li>{LINK}</li></ul>", "related"),
        (f"<div><div>{LINK}</div><div>{LINK}</div><div>{LINK}</div></div>", "related"),
        (
            "<div class='author-box'><p>Ann Lee has written about harbours since she was at school.</p></div>",
            "bio",
        ),
        ("<div class='newsletterSignup'><p>All the news of the island, once a week.</p></div>", "newsletter"),
        (
            "<figure><img src='a.jpg'><figcaption>The bridge on Tuesday night.</figcaption></figure>",
            "caption",
        ),
        (
            "<div><img src='a.jpg'></div><div>The bridge, seen from the island on Tuesday night</div>",
            "caption",
        ),
    ],
)
@pytest.mark.parametrize("place", ["before", "after"])
def test_furniture_goes_and_is_named(furniture: str, kind: str, place: str):
    article = cleaned(story(**{place: furniture}))
    assert article.text == TEXT
    assert kind in {cut.kind for cut in article.removed}


def test_a_name_that_lies_costs_no_story():
    assert (
        cleaned(
            html(f"<h1>Harbour bridge closes</h1><div class='related newsletter'>{paragraphs()}</div>")
        ).text
        == TEXT
    )


def test_an_outlets_cut_takes_what_it_names_and_keep_protects():
    box = "<div class='facts'><p>The bridge was built in nine years by four hundred men from the island.</p></div>"
    share = "<div class='share-of-voice'><p>Everybody on the island has a say in this, says the head of the council.</p></div>"
    assert "four hundred men" in cleaned(story(after=box + f"<p>{STORY[0]}</p>")).text
    assert "four hundred men" not in cleaned(story(after=box), Rules(cut=(".facts",))).text
    assert (
        "has a say"
        in cleaned(story(after=share + f"<p>{STORY[1]}</p>"), Rules(keep=(".share-of-voice",))).text
    )


def test_a_slip_in_an_outlets_cut_does_not_empty_its_articles():
    assert cleaned(story(), Rules(cut=("article",))).text == TEXT


def test_text_parted_by_line_breaks_becomes_paragraphs():
    loose = "<br><br>".join(STORY)
    assert cleaned(html(f"<h1>Harbour bridge closes</h1><div>{loose}</div>")).text == TEXT


def test_a_subhead_between_paragraphs_stays_in_markup_that_says_nothing():
    body = (
        f"<div><div>{paragraphs(STORY[:3])}<h3>A ferry for the island</h3>{paragraphs(STORY[3:])}</div></div>"
    )
    assert "A ferry for the island" in cleaned(html("<h1>Harbour bridge closes</h1>" + body)).text.split("\n")


def test_a_lying_name_on_half_of_the_story_cuts_nothing():
    more = paragraphs(tuple(text.replace("bridge", "ferry") for text in STORY))
    article = cleaned(
        html(f"<article><h1>The crossing</h1>{paragraphs()}<div class='promo'>{more}</div></article>")
    )
    assert article.text.count("\n") == 2 * len(STORY) - 1


def test_a_selector_that_takes_the_page_is_a_slip():
    tree = document.parse(story()).tree
    cut_tree(tree, measure_density(tree), compile_rules(Rules(cut=("article",))))
    assert STORY[0] in shown_text(tree)


def _teaser(headline: str) -> str:
    return f"<div class='card'><a href='/{len(headline)}'>{headline}</a><p>What is known so far.</p></div>"


def test_three_cards_of_linked_headlines_with_a_few_words_each_are_teasers():
    cards = "".join(
        map(
            _teaser,
            ("Council seeks a new ferry", "Harbour pilots want more pay", "A school for sailors opens"),
        )
    )
    article = cleaned(story(after=f"<div>{cards}</div>"))
    assert article.text == TEXT
    assert [cut.rule for cut in article.removed if "ferry" in cut.text] == ["tree.teasers"]


def test_three_parts_of_a_story_with_a_link_each_are_no_teasers():
    parts = "".join(
        f"<div class='part'><p>{text} It is what <a href='/report'>the report</a> says.</p></div>"
        for text in STORY[1:]
    )
    assert (
        "pier should be finished. It is what the report says."
        in cleaned(story(after=f"<div>{parts}</div>")).text
    )


def test_the_tag_of_a_custom_element_is_a_name():
    box = "<my-factbox><p>The bridge was built in nine years by four hundred men from the island.</p></my-factbox>"
    assert cleaned(story(after=box)).text == TEXT
