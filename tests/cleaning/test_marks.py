"""Marks of a page: how a marks file is read, and how a page that comes out otherwise is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cleaning import Rules
from cleaning.rule_authoring.marks import MarksError, departures, read_marks
from cleaning.text.characters import fold

from .pages import STORY, URL, raw, story

PLEA = "Readers like you keep our harbour desk alive, so think of us when you next renew your ferry pass."


def marks_file(**changes: Any) -> str:
    blocks: list[dict[str, Any]] = [{"is": "story", "text": text} for text in STORY]
    blocks.append({"is": "furniture", "by_hand": True, "text": PLEA})
    content = {"pressline_marks": 1, "url": URL, "outlet": "gazette", "blocks": blocks, "fields": {}}
    return json.dumps({**content, **changes})


def test_each_line_of_a_marked_cut_is_a_block():
    marks = read_marks(
        marks_file(blocks=[{"is": "story", "by_hand": True, "text": "One line.\n\nAnother line."}])
    )
    assert marks.story == marks.by_hand == {fold("One line."), fold("Another line.")}


def test_what_was_chosen_by_hand_decides_where_a_text_stands_twice():
    def read(*blocks):
        return read_marks(marks_file(blocks=[{"text": "The same words.", **block} for block in blocks]))

    kept, cut, chosen = {"is": "story"}, {"is": "furniture"}, {"is": "furniture", "by_hand": True}
    assert read(kept, cut).story
    assert not read(kept, cut).furniture
    assert read(kept, chosen).furniture
    assert not read(kept, chosen).story


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", 'expected an object with "pressline_marks": 1'),
        (marks_file(pressline_marks=2), "not a marks file"),
        (marks_file(url=""), "url: expected a text, found ''"),
        (marks_file(blocks={}), "blocks: expected a list"),
        (
            marks_file(blocks=[{"is": "advert", "text": "x"}]),
            'blocks: item 1: expected {"is": "story" or "furniture"',
        ),
        (marks_file(blocks=["x"]), "blocks: item 1"),
        (marks_file(fields=[]), "fields: expected an object"),
        (marks_file(fields={"headline": ["x"]}), "unknown field 'headline'; known are title"),
        (marks_file(fields={"title": "x"}), "fields.title: expected a list of texts"),
        (marks_file(fields={"published_at": ["3 May"]}), "expected a day as 2026-03-04"),
        (marks_file(fields={"published_at": ["2026-03-04T10:00:00"]}), "a time with its zone"),
        (marks_file(fetched_at="yesterday"), "fetched_at: expected a time"),
        (marks_file(fetched_at="2026-03-04T10:00:00"), "with its zone"),
    ],
)
def test_a_file_with_a_mistake_says_what_was_expected(source, message):
    with pytest.raises(MarksError) as error:
        read_marks(source)
    assert message in str(error.value)


def told(body: str, rules: Rules | None = None, **changes: Any) -> list[str]:
    return list(departures(raw(body), read_marks(marks_file(**changes)), rules or Rules()))


def test_a_page_that_comes_out_as_marked_departs_in_nothing():
    assert told(story()) == []


def test_furniture_in_the_text_is_told():
    assert told(story(after=f"<p>{PLEA}</p>")) == [f"furniture is in the text: {PLEA[:80]} …"]


def test_a_lost_paragraph_is_told_with_the_rule_that_took_it():
    assert told(story(), Rules(lines=("^Engineers",))) == [
        f"story is missing (cut by outlet.lines): {STORY[1][:80]} …"
    ]


def test_a_page_that_is_no_article_any_more_is_told():
    assert told("<html><body><p>Gone.</p></body></html>") == ["no article (too_short)"]


def test_a_field_that_comes_out_otherwise_is_told():
    body = story(
        head='<meta name="author" content="Anna Weber"><meta property="article:published_time" content="2024-12-03T10:20:30Z">'
    )
    right = {
        "title": ["Harbour bridge closes"],
        "authors": ["Anna Weber"],
        "published_at": ["2024-12-03T11:20:00+01:00"],
        "section": [],
    }
    assert told(body, fields=right) == []
    assert told(body, fields={"published_at": ["2024-12-03"]}) == []
    wrong = {
        "title": ["Bridge"],
        "authors": ["Anna Weber", "B"],
        "published_at": ["2024-12-02"],
        "section": ["World"],
    }
    assert told(body, fields=wrong) == [
        "title: Harbour bridge closes, marked as Bridge",
        "authors: Anna Weber, marked as Anna Weber | B",
        "published_at: 2024-12-03T10:20:30+00:00, marked as 2024-12-02",
        "section: none, marked as World",
    ]
