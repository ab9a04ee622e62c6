"""What was learned of an outlet is cut last of all, and changes nothing by which pages are compared."""

from __future__ import annotations

import pytest

from cleaning import (
    LearnedLines,
    clean,
    is_topical,
    line_key,
    may_be_boilerplate,
    without_learned_lines,
    without_removed_texts,
)

from .pages import STORY, raw, story

HOUSE = "The Gazette is printed on paper from the island's own mill"


def learned(*lines: str) -> LearnedLines:
    return LearnedLines("v1", {line_key(line): 37 for line in lines})


def test_a_learned_line_goes_and_says_why():
    before = clean(raw(story(after=f"<p>{HOUSE}.</p>")))
    after = without_learned_lines(before, learned(HOUSE + "."))
    assert HOUSE in before.text
    assert after.text.splitlines() == list(STORY)
    cut = after.removed[-1]
    assert (cut.kind, cut.rule, cut.stage, cut.text) == ("boilerplate", "boilerplate.v1", "line", HOUSE + ".")
    assert after.boilerplate_version == "v1"
    assert after.word_count < before.word_count
    assert after.content_hash == before.content_hash


def test_a_page_without_such_a_line_stays_as_it_is():
    before = clean(raw(story()))
    assert without_learned_lines(before, learned(HOUSE)).text == before.text
    assert without_learned_lines(before, LearnedLines()) is before


def test_an_article_is_never_emptied():
    before = clean(raw(story()))
    after = without_learned_lines(before, learned(*STORY))
    assert after.text == before.text
    assert [cut for cut in after.removed if cut.kind == "boilerplate"] == []


@pytest.mark.parametrize(
    "line",
    [
        "“We could not wait for another winter,” said the head of the works office.",
        'The mayor said on Monday: "Nobody will have to pay a toll, whatever they decide."',
        "«Мы не можем ждать ещё одну зиму», — сказал глава управления.",
        "Background", "What we know", "word " * 1000,
    ],
)  # fmt: skip
def test_quotations_labels_and_whole_pages_are_never_learned(line: str):
    assert not may_be_boilerplate(line)


def test_case_and_marks_make_no_other_line():
    assert line_key("Printed on paper – from the mill!") == line_key("printed on Paper from the mill")


def test_background_is_told_from_furniture_by_what_its_stories_speak_of():
    line = "The harbour bridge was built after the great flood and carries the island railway."
    about = [f"Council number {n} wants the harbour bridge and the island railway repaired after the flood." for n in range(8)]  # fmt: skip
    other = [f"Bakers of village number {n} sell rye bread to summer guests." for n in range(8)]
    assert is_topical(line, about, other)
    assert not is_topical("Write to our newsroom with pictures of your own summer", about, other)
    assert is_topical(line, about, [])  # nothing to compare with: its own stories decide


def test_background_in_a_script_without_spaces():
    about, other = (
        ["橋の修理は来年の春に始まると市長が述べた。"] * 8,
        ["村のパン屋は夏の客にライ麦パンを売る。"] * 8,
    )
    assert is_topical("橋の修理は市長が来年の春に始める。", about, other)
    assert not is_topical("写真や動画を編集部までお寄せください。", about, other)


def test_texts_of_cuts_can_be_left_out_but_for_what_has_to_be_counted_again():
    page = raw(story(before="<p>Read more: the ferry in winter</p>", after=f"<p>{HOUSE}.</p>"))
    article = without_removed_texts(without_learned_lines(clean(page), learned(HOUSE)))
    assert [cut.text for cut in article.removed if cut.kind != "boilerplate"] == [""] * (
        len(article.removed) - 1
    )
    assert [cut.text for cut in article.removed if cut.kind == "boilerplate"] == [HOUSE + "."]
    assert all(cut.chars for cut in article.removed)
