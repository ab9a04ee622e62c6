"""Single lines that repeat what stands elsewhere, or sign a picture."""

import pytest

from .pages import STORY, cleaned, html, paragraphs, story

TEXT = "\n".join(STORY)


def test_a_pull_quote_goes_and_the_paragraph_stays():
    pulled = "A ferry will carry people on foot between the two quays."
    page = html(
        f"<article><h1>Harbour bridge closes</h1>{paragraphs(STORY[:2])}<blockquote><p>{pulled}</p></blockquote>"
        f"{paragraphs(STORY[2:])}</article>"
    )
    article = cleaned(page)
    assert article.text == TEXT
    assert ("line.repeated", pulled) in [(cut.rule, cut.text) for cut in article.removed]


def test_paragraphs_that_a_summary_repeats_all_stay():
    summary = f"<p>{' '.join(STORY)}</p>"
    article = cleaned(html(f"<article><h1>Harbour bridge closes</h1>{summary}{paragraphs()}</article>"))
    assert [line for line in article.text.splitlines() if line in STORY] == [*STORY]


@pytest.mark.parametrize(
    "line",
    ["Workers on the deck on Tuesday. (AP Photo/Ann Lee)", "The bridge, seen from the island (Foto: Bo Ek)"],
)
def test_a_caption_that_its_credit_closes_goes(line: str):
    assert cleaned(story(after=f"<p>{line}</p>{paragraphs()[:0]}")).text == TEXT


def test_an_agency_signs_a_story_and_no_picture():
    signed = "The council of the island has agreed to the timetable of the ferry, a spokeswoman said on Friday. (dpa)"
    assert signed in cleaned(story(after=f"<p>{signed}</p>")).text


def test_a_label_before_the_headline_in_one_line_is_the_headline():
    article = cleaned(
        html(
            f"<article><h1>Harbour bridge closes for a year</h1><p>Island traffic Harbour bridge closes for a year</p>{paragraphs()}</article>"
        )
    )
    assert article.text == TEXT


@pytest.mark.parametrize(
    "line", ["Monday, 22 January 2018 at 0:13", "2025年1月14日 01時28分 (1月14日 01時40分更新)"]
)
def test_a_line_that_is_only_a_date_goes(line: str):
    assert cleaned(story(before=f"<p>{line}</p>")).text == TEXT


def test_a_subhead_with_a_year_stays():
    page = html(
        f"<article><h1>Harbour bridge closes</h1>{paragraphs(STORY[:2])}<h2>Calendar of the 2018 repair</h2>{paragraphs(STORY[2:])}</article>"
    )
    assert "Calendar of the 2018 repair" in cleaned(page).text.splitlines()


def test_a_first_paragraph_that_the_description_repeats_is_text():
    head = f'<meta name="description" content="{STORY[0]}">'
    article = cleaned(
        html(
            f"<article><h1>Harbour bridge closes</h1><div><p><strong>{STORY[0]}</strong></p>{paragraphs(STORY[1:])}</div></article>",
            head,
        )
    )
    assert (article.text, article.summary) == (TEXT, None)
