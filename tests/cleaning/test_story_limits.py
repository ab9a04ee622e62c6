"""What rules must not take: the story's own box, and more than a small share of the story."""

from __future__ import annotations

import pytest

from .pages import STORY, cleaned, html, paragraphs, story

TITLE = "<h1>Harbour bridge closes</h1>"
CONSENT = paragraphs(
    [
        f"{n} of our partners store and read cookies on your device, and you may object to each of them at any time."
        for n in range(20)
    ]
)


@pytest.mark.parametrize(
    "name",
    ["paywall", "paywall-article", "promo-body", "related-story", "newsletter", "share-text", "modal-story"],
)
def test_the_box_behind_the_headline_is_the_story(name: str):
    page = html(
        f"<main><article>{TITLE}<div class='{name}'>{paragraphs()}</div></article><div id='onetrust-pc'>{CONSENT}</div></main>"
    )
    article = cleaned(page)
    assert STORY[0] in article.text
    assert STORY[-1] in article.text
    assert "partners store" not in article.text


@pytest.mark.parametrize(
    "attributes",
    ["id='comments-by-the-chair'", "id='donations-fell'", "class='bio-waste'", "class='share-prices'", "id='tags-of-the-sea'", "class='paywall'", "class='social-housing'"],
)  # fmt: skip
def test_a_name_made_from_a_topic_is_no_furniture(attributes: str):
    middle = f"<section {attributes}><p {attributes}>{STORY[2]}</p></section>"
    page = html(f"<article>{TITLE}{paragraphs(STORY[:2])}{middle}{paragraphs(STORY[3:])}</article>")
    assert STORY[2] in cleaned(page).text


def test_an_id_made_from_the_heading_is_an_anchor():
    box = f"<h2>Share prices fell</h2><section id='share-prices-fell'><p>{STORY[2]}</p></section>"
    assert (
        STORY[2]
        in cleaned(
            html(f"<article>{TITLE}{paragraphs(STORY[:2])}{box}{paragraphs(STORY[3:])}</article>")
        ).text
    )


@pytest.mark.parametrize(
    "inline",
    [
        "<a class='newsletter-link' href='/n'>weekly letter</a>",
        "<span class='caption'>weekly letter</span>",
        "<a class='share' href='/n'>weekly letter</a>",
    ],
)
def test_a_part_of_a_sentence_stays(inline: str):
    line = f"In its {inline} the board said that the chair will step down after the vote in March."
    assert (
        "In its weekly letter the board said"
        in cleaned(story(after=f"<p>{line}</p>{paragraphs(STORY[:1])}")).text
    )


def test_a_linked_sentence_between_paragraphs_stays():
    linked = (
        "<p><a href='/live'>The two deputies denied before the board that they had known of the loss.</a></p>"
    )
    page = html(f"<article>{TITLE}{paragraphs(STORY[:2])}{linked}{paragraphs(STORY[2:])}</article>")
    assert "The two deputies denied" in cleaned(page).text


def test_subheads_in_h1_stay_and_the_next_story_goes():
    parts = f"{TITLE}{paragraphs(STORY[:2])}<h1>The winter losses</h1>{paragraphs(STORY[2:])}"
    assert "The winter losses" in cleaned(html(f"<article>{parts}</article>")).text
    other = "".join(
        f"<p>A gust lifted the tin roof of market hall number {n} and laid it across two parked lorries.</p>"
        for n in range(4)
    )
    page = html(
        f"<div class=story>{TITLE}<div class=b>{paragraphs()}</div></div><div class=story><h1>Storm tears roof off</h1><div class=b>{other}</div></div>"
    )
    assert "tin roof" not in cleaned(page).text
    assert STORY[-1] in cleaned(page).text


def test_a_round_up_of_persons_stays():
    persons = "".join(
        f"<h2>{name}</h2><p>{name} is a candidate and has worked at the harbour for many years now.</p><p>{STORY[n]}</p>"
        for n, name in enumerate(["Ada Brack", "Tom Ferris", "Lena Orth"])
    )
    text = cleaned(html(f"<article>{TITLE}{paragraphs()}{persons}</article>")).text
    assert all(f"{name} is a candidate" in text for name in ("Ada Brack", "Tom Ferris", "Lena Orth"))


def test_a_transcript_stays():
    spoken = "".join(
        f"<p>Chair and now we come to the point number {n} of this very long evening here</p>"
        for n in range(12)
    )
    assert (
        "point number 11"
        in cleaned(html(f"<article>{TITLE}{paragraphs()}{paragraphs()}{spoken}</article>")).text
    )


def test_a_list_of_ingredients_at_the_end_stays_whole():
    items = "".join(
        f"<p>{item}</p>"
        for item in (
            "2 pounds of potatoes",
            "1 pound of parsnips",
            "1/2 cup milk",
            "1 tea spoon salt",
            "1 bay leaf",
        )
    )
    assert (
        "1 bay leaf"
        in cleaned(story(after=f"<p>For the soup that the ferrymen cook you will need:</p>{items}")).text
    )


@pytest.mark.parametrize(
    "box",
    [
        "<h3>4 responses</h3><ol>" + "".join(f"<li><cite>Reader {n}</cite> says:<br><small>September 19th, 2024 at 7:3{n} pm</small><p>I have waited for this bridge for {n} years and will cross it first, whatever it costs.</p></li>" for n in range(4)) + "</ol>",
        "<div class='s_dialog'><p>Do you want to add another user to your subscription for this account?</p><p>If you read on here, it will not be possible to read on the other device.</p></div>",
        "<div class=pics><h3>In pictures</h3>" + "".join(f"<div><h4>{n}/5 Harbour {n}</h4><p>The owner of harbour {n} sold it to a group of fishermen, who want to open it next summer.</p></div>" for n in range(1, 6)) + "</div>",
        "<blockquote class='instagram-media'><a href='https://instagram.com/p/x'>View this post on Instagram</a></blockquote>",
        "<p>View this post on Instagram</p>",
    ],
)  # fmt: skip
def test_discussions_dialogues_slides_and_embeds_go(box: str):
    text = cleaned(html(f"<article>{TITLE}{paragraphs()}{box}</article>")).text
    assert text.splitlines() == [line for line in text.splitlines() if line in STORY]
    assert STORY[-1] in text
