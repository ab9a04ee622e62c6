"""Nothing is cut in silence: an article whose text may go on says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cleaning import NoArticle, clean
from tests.cleaning.pages import html, raw, story

LIMIT = 500_000
SENTENCE = "The clerk read item {} of the list aloud, and the hall listened to every word of it. "


def paragraphs(count: int, words: int = 1) -> str:
    return "".join(f"<p>{(SENTENCE.format(n)) * words}</p>" for n in range(count))


def article(body: str):
    return clean(raw(html(f"<article><h1>The whole list</h1>{body}</article>")))


@pytest.mark.parametrize(("count", "is_partial"), [(400, False), (700, True)])
def test_text_beyond_the_limit_is_told(count: int, is_partial: bool):
    found = article(paragraphs(count, words=10))
    assert found.text_is_partial is is_partial
    assert len(found.text) <= LIMIT + count  # line ends
    if is_partial:
        assert len(found.text) > 0.9 * LIMIT


def test_one_paragraph_beyond_the_limit_is_told():
    assert article(f"<p>{SENTENCE * 9000}</p>").text_is_partial


@pytest.mark.parametrize(
    ("body", "is_partial"),
    [
        ("".join(f"<p>Item {n} was read.</p>" for n in range(21_000)), True),  # elements that no tree holds
        (paragraphs(30) + "</article><div id=comments>" + "<div><b>Ed</b><i>1 May</i><p>Well said, all of you, and good night</p></div>" * 7000 + "</div>", False),
        (f"<!-- {'x' * (6 << 20)} -->{paragraphs(30)}", None),  # the story lies behind what is read
        (paragraphs(30) + f"<!-- {'x' * (6 << 20)} -->", True),  # nobody knows
    ],
)  # fmt: skip
def test_a_page_beyond_the_limits_is_told_where_its_story_reaches_them(body: str, is_partial: bool | None):
    if is_partial is None:
        with pytest.raises(NoArticle):
            article(body)
    else:
        assert article(body).text_is_partial is is_partial


def test_a_whole_page_is_not_partial():
    assert not clean(raw(story())).text_is_partial


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(24, "Too many open files"), "quarantined"),
        (MemoryError(), "quarantined"),
        (KeyError("x"), "broken"),
    ],
)
def test_what_the_machine_could_not_do_is_no_final_verdict_on_the_page(monkeypatch, error, reason):
    def fail(*_):
        raise error

    monkeypatch.setattr("cleaning.cleaner.cut_tree", fail)
    with pytest.raises(NoArticle) as refused:
        clean(raw(story()))
    assert refused.value.reason == reason


@pytest.mark.parametrize("why", ["disconnect", "length", "time", "unspecified"])
def test_a_page_that_is_not_whole_gives_a_partial_article(why: str):
    assert clean(replace(raw(story()), truncated=why)).text_is_partial


@pytest.mark.parametrize(
    "body", ["<html><body><p>Too", "<html><body><h1>404 not found</h1></body></html>", ""]
)
def test_half_a_page_without_an_article_is_no_final_verdict(body: str):
    with pytest.raises(NoArticle) as whole:
        clean(raw(body))
    with pytest.raises(NoArticle) as torn:
        clean(replace(raw(body), truncated="disconnect"))
    assert torn.value.reason == "broken_http"
    assert whole.value.reason in torn.value.detail
    with pytest.raises(NoArticle) as cut:  # what an archive keeps of a page is much
        clean(replace(raw(body), truncated="length"))
    assert cut.value.reason == whole.value.reason
