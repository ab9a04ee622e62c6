from __future__ import annotations

import pytest

from cleaning import Rules

from .pages import STORY, cleaned, paragraphs, story

TEXT = "\n".join(STORY)
DISCLOSURE = "AI Disclaimer: machines wrote this page, and people did not read it."


@pytest.mark.parametrize("glue", [" ", "\n", "<br>", "<br><br>", "</p><p>"])
def test_a_disclosure_leaves_the_text_for_its_field(glue: str):
    page = story().replace(STORY[-1], STORY[-1] + glue + DISCLOSURE)
    article = cleaned(page)
    assert (article.text, article.ai_disclosure) == (TEXT, DISCLOSURE)


def test_the_story_ends_before_an_outlets_phrase_even_in_mid_line():
    page = story(
        after="<p>Good night. WRITE TO US about the tides.</p><p>The harbour office is open from nine to five.</p>"
    )
    article = cleaned(page, Rules(ends=("Write to us",)))
    assert article.text == TEXT + "\nGood night."
    assert {cut.rule for cut in article.removed} >= {"outlet.ends"}


def test_an_ending_phrase_in_the_masthead_ends_nothing():
    assert (
        TEXT in cleaned(story(before="<p>News of the island</p>"), Rules(ends=("News of the island",))).text
    )


def test_a_biography_and_what_follows_it_go():
    bio = "<p>Ann Lee</p><p>Senior Reporter</p><p>Ann Lee is a reporter for the Gazette who has covered harbours for ten years.</p>"
    article = cleaned(
        story(after=bio + "<p>Company news</p><p>The Gazette opens a second office on the island.</p>")
    )
    assert article.text == TEXT
    assert "bio" in {cut.kind for cut in article.removed}


def test_headlines_under_a_heading_of_furniture_go():
    after = "<h3>Most read</h3><p>Ferry runs aground in fog</p><p>Ten mussels you should know</p>"
    assert cleaned(story(after=after)).text == TEXT


def test_prose_under_such_a_heading_stays_when_the_story_goes_on():
    page = story(after="<p>Newsletter</p>" + paragraphs(tuple(t.replace("bridge", "ferry") for t in STORY)))
    assert STORY[0].replace("bridge", "ferry") in cleaned(page).text


def test_a_keyword_line_at_the_end_becomes_tags():
    article = cleaned(
        story(after="<p>harbour bridge, island ferry, council vote, bridge repair, winter timetable</p>")
    )
    assert article.text == TEXT
    assert {"island ferry", "winter timetable"} <= set(article.tags)


def test_a_label_with_nothing_under_it_goes():
    assert cleaned(story(after="<h3>Related:</h3>")).text == TEXT
