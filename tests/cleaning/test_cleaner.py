from __future__ import annotations

import time
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cleaning import NoArticle, Rules, clean

from .pages import STORY, URL, cleaned, html, paragraphs, raw, story


def test_a_plain_story_comes_out_as_it_was_written():
    article = cleaned(story())
    assert article.text == "\n".join(STORY)
    assert article.title == "Harbour bridge closes"
    assert article.removed == () or all(cut.kind in ("headline", "masthead") for cut in article.removed)


def test_the_text_holds_neither_headline_nor_standfirst():
    article = cleaned(
        story(before='<p class="standfirst">Cracks in four piers leave no choice, says the council</p>')
    )
    assert article.summary == "Cracks in four piers leave no choice, says the council"
    assert article.text == "\n".join(STORY)


def test_white_space_around_inline_links_stays():
    text = (
        "The minister met the <a href='/alliance'>alliance</a>, <em>reporters</em> said, and left <b>at once</b>. "
        * 3
    )
    assert (
        "the alliance, reporters said, and left at once."
        in cleaned(html(f"<article><p>{text}</p>{paragraphs()}</article>")).text
    )


def test_list_items_stand_on_lines_of_their_own_without_bullets():
    items = (
        "<ul><li>Nine piers were looked at, four have cracks.</li><li>• The ferry costs two crowns.</li></ul>"
    )
    lines = cleaned(story(after=items)).text.split("\n")
    assert lines[-2:] == ["Nine piers were looked at, four have cracks.", "The ferry costs two crowns."]


def test_every_cut_is_on_record():
    article = cleaned(
        story(after="<p>Sign up for our newsletter and never miss a story</p><p>" + STORY[0] + "</p>")
    )
    assert [(cut.kind, cut.text) for cut in article.removed if cut.kind == "newsletter"] == [
        ("newsletter", "Sign up for our newsletter and never miss a story")
    ]


def test_the_same_page_gives_the_same_article():
    assert cleaned(story()) == cleaned(story())


def test_the_hash_tells_a_changed_word_and_is_blind_to_furniture():
    first = cleaned(story()).content_hash
    assert (
        cleaned(
            story(after="<p>Read more: <a href='/x'>Ferry timetable for the whole winter</a></p>")
        ).content_hash
        == first
    )
    assert cleaned(story().replace("eleven", "twelve")).content_hash != first


def test_wrong_rules_are_the_callers_mistake():
    with pytest.raises(ValueError, match="cut"):
        clean(raw(story()), Rules(cut=("div[",)))


def test_an_article_knows_where_and_when():
    head = '<meta property="article:published_time" content="2024-12-03T10:00"><link rel="canonical" href="/bridge">'
    article = cleaned(story(head=head), Rules(timezone="Europe/Budapest"))
    assert article.published_at == datetime(2024, 12, 3, 9, 0, tzinfo=UTC)
    assert (article.published_precision, article.published_source) == ("minute", "meta")
    assert article.canonical_url == "https://gazette.example/bridge"
    assert article.outlet == "gazette"
    assert article.language == "en"


# ---------------------------------------------------------------- any bytes


def _outcome(body: str | bytes) -> object:
    try:
        return cleaned(body)
    except NoArticle as none:
        return none.reason


def _soon(body: str | bytes) -> object:
    """In seconds of CPU, for a busy machine is no fault of the page."""
    began = time.process_time()
    outcome = _outcome(body)
    assert time.process_time() - began < 5
    return outcome


HOSTILE = {
    "no bytes": b"",
    "zeros": b"\0" * 1000,
    "not utf-8": b"<p>" + bytes(range(128, 256)) * 20,
    "deep": "<div>" * 3000 + paragraphs() + "</div>" * 3000,
    "deep with a word on every level": "<div>x " * 600 + paragraphs() + "</div>" * 600,
    "a stair of 100,000": "<div>" * 100_000 + paragraphs(),
    "deep inline": "<b>" * 3000 + paragraphs(),
    "wide": paragraphs() + "<div>x</div>" * 20_000,
    "links without end": paragraphs() + "<a href=/x>some link text here</a> " * 20_000,
    "one long word": "<p>" + "a" * 1_000_000,
    "unclosed comment": "<!-- " * 10_000 + paragraphs(),
    "quotes": "<p>" + '"' * 200_000 + paragraphs(),
    "separators in the title": "<title>" + " - " * 50_000 + "</title>" + paragraphs(),
    "linked data of brackets": "<script type='application/ld+json'>"
    + "[" * 100_000
    + "</script>"
    + paragraphs(),
    "linked data of comments": "<script type='application/ld+json'>/*"
    + '"a' * 50_000
    + "</script>"
    + paragraphs(),
    "digits for a date": "<time>" + "1" * 100_000 + "</time>" + paragraphs(),
    "a class of 100,000 words": "<div class='" + "a " * 100_000 + "'>" + paragraphs() + "</div>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages_end_in_an_article_or_a_reason(name: str):
    assert _outcome(HOSTILE[name]) is not None


@pytest.mark.parametrize(
    "name",
    ["deep", "deep with a word on every level", "a stair of 100,000", "deep inline", "unclosed comment"],
)
def test_a_story_at_any_depth_is_read(name: str):
    body = HOSTILE[name] if name != "unclosed comment" else paragraphs() + "<!-- "
    assert STORY[0] in cleaned(body).text


def test_hidden_characters_and_broken_ones_do_not_reach_the_text():
    dirty = "".join(f"<p>{t[:9]}\u200b\u202e\x07&#7;\ud800\0{t[9:]}</p>" for t in STORY)
    assert (
        cleaned(html(f"<article><h1>Harbour bridge closes</h1>{dirty}</article>"))
        .text.replace("\ufffd", "")
        .replace("?", "")
    )
    text = cleaned(html(dirty)).text
    assert not set(text) & set("\u200b\u202e\x07\0\ud800")
    text.encode("utf-8")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=3000))
def test_any_bytes_give_an_article_or_a_reason(body: bytes):
    _soon(body)
    _soon(b"<html><body><p>" + body)


_PIECES = st.sampled_from(
    [
        "<p>",
        "</p>",
        "<div class='related'>",
        "</div>",
        "<ul><li>",
        "<a href='x'>",
        "</a>",
        "<br>",
        "<h1>",
        "</h1>",
        "<script>",
        "<td>",
        "&#0;",
        "<script type='application/ld+json'>{",
        '"@type":"NewsArticle",',
        "</script>",
        "<time datetime='",
        "'>",
        "<!--",
        "]]>",
        *STORY,
    ]
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(_PIECES, st.text(max_size=20)), max_size=60))
def test_any_markup_gives_an_article_in_nfc_or_a_reason(pieces: list[str]):
    outcome = _soon("".join(pieces))
    if not isinstance(outcome, str):
        text = outcome.text  # type: ignore[attr-defined]
        assert text == unicodedata.normalize("NFC", text)
        assert "\0" not in text
        assert all(line == line.strip() != "" for line in text.split("\n"))


def test_the_reason_names_the_page_only_in_its_detail():
    with pytest.raises(NoArticle) as caught:
        clean(raw(b"%PDF-1.7", URL, "application/pdf"))
    assert caught.value.reason == "not_html"
