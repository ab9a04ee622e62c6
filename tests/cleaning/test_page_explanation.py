"""Story and cuts in the page's order, and where each field stands."""

import pytest

from cleaning import NoArticle, Rules, Trace, clean
from cleaning.records import record_cut
from cleaning.rule_authoring.page_explanation import field_places, page_pieces
from tests.cleaning.pages import STORY, raw, story

HEAD = (
    '<meta property="og:title" content="Harbour bridge closes"><meta name="author" content="Ann Quay">'
    '<script type="application/ld+json">{"@type": "NewsArticle", "headline": "Harbour bridge closes",'
    ' "author": {"name": "Ann Quay"}, "datePublished": "2024-12-03T10:00:00Z", "keywords": "bridges, ferries"}</script>'
)
SHARE = '<div class="share">Share this story with friends of yours</div>'
PLEA = "<p>The Gazette is printed on paper. Much more from the quay every day of the week.</p>"


def traced(body, rules=None):
    trace = Trace()
    return clean(raw(body), rules or Rules(), trace), trace


def test_cuts_stand_where_they_stood():
    article, trace = traced(
        story(before=SHARE, after=PLEA, head=HEAD), Rules(ends=("The Gazette is printed",))
    )
    found = page_pieces(trace.blocks, trace.lines, trace.removed)
    at = {piece.cut.kind: n for n, piece in enumerate(found) if piece.cut}
    assert [piece.text for piece in found if not piece.cut] == article.text.splitlines()
    first, last = (next(n for n, p in enumerate(found) if p.text == text) for text in (STORY[0], STORY[-1]))
    assert at["share"] < first
    assert at["outlet"] > last
    assert found[at["outlet"]].cut.rule == "outlet.ends"


def test_every_cut_is_shown_once():
    _, trace = traced(story(before=SHARE, after=PLEA + SHARE, head=HEAD))
    found = page_pieces(trace.blocks, trace.lines, trace.removed)
    assert sorted(id(p.cut) for p in found if p.cut) == sorted(id(c) for c in trace.removed if c.text)


def test_a_line_cut_in_its_middle_is_followed_by_its_cut():
    line, notice, last = "The council meets in March.", "AI notice: a machine wrote this.", "Ferries sail on."
    found = page_pieces(
        [f"{line} {notice}", last], [line, last], [record_cut("ai-disclaimer", "x.y", "line", notice)]
    )
    assert [(piece.text, bool(piece.cut)) for piece in found] == [
        (line, False),
        (notice, True),
        (last, False),
    ]


def test_lines_that_no_block_shows_are_not_lost():
    found = page_pieces(
        ["The second line of the story."],
        ["From a script alone, the first.", "The second line of the story."],
        [],
    )
    assert [piece.text for piece in found] == [
        "From a script alone, the first.",
        "The second line of the story.",
    ]


def test_a_field_says_where_it_stands():
    article, trace = traced(story(head=HEAD))
    where = field_places(article, trace)
    assert where["title"] == "json-ld headline, meta og:title, shown"
    assert where["authors"] == "json-ld author, meta author"
    assert where["published_at"] == "json-ld"
    assert where["tags"] == "json-ld keywords"
    assert where["section"] == ""


def test_a_trace_tells_of_a_page_that_is_no_article():
    trace = Trace()
    with pytest.raises(NoArticle):
        clean(raw("<html><body><p>Too short.</p></body></html>"), trace=trace)
    assert trace.lines == ["Too short."]
    assert next(stage for stage, _ in trace.stages).startswith("parse")


def test_a_trace_holds_what_the_row_holds():
    article, trace = traced(story(before=SHARE, head=HEAD))
    assert [(c.kind, c.rule) for c in trace.removed] == [(c.kind, c.rule) for c in article.removed]
    assert trace.signs
    assert all(seconds >= 0 for _, seconds in trace.stages)
