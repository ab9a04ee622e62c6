"""What extraction leaves out and the page shows as the story's own."""

import pytest

from .pages import STORY, cleaned, html

MORE = (
    "On the second day divers came back from the ninth pier with a sack of rusted bolts and rather bad news.",
    "The oldest plans lie in the archive of the bishop, who has lent them to the works office until Easter.",
    "A carpenter who had mended the handrail remembers how the deck sang whenever a lorry crossed over it.",
    "Nobody knows yet who will pay for the scaffold that a gale took into the water on Thursday night.",
)
TEASER = "The lighthouse keeper has found a new home for his eleven cats, and tells why he will miss them."


def _box(texts: tuple[str, ...]) -> str:
    return "<div class='text'>" + "".join(f"<p>{text}</p>" for text in texts) + "</div>"


def test_a_story_in_two_boxes_of_one_make_is_whole():
    page = html(
        f"<h1>Harbour bridge closes</h1><div class='grid'>{_box(STORY)}</div><aside><p>{TEASER}</p></aside>"
        f"<div class='grid'>{_box(MORE)}</div>"
    )
    lines = cleaned(page).text.splitlines()
    assert lines == [*STORY, *MORE]


def test_readers_comments_in_boxes_of_the_same_name_stay_out():
    quoting = (STORY[2], *MORE)
    comments = "".join(f"<li class='entry'><div class='text'><p>{text}</p></div></li>" for text in quoting)
    page = html(
        f"<article><h1>Harbour bridge closes</h1>{_box(STORY)}</article><ul class='thread'>{comments}</ul>"
    )
    assert cleaned(page).text.splitlines()[: len(STORY)] == [*STORY]
    assert MORE[1] not in cleaned(page).text


def test_key_points_between_headline_and_story_are_kept():
    points = "<ul><li>The bridge closes for a year from Monday.</li><li>A ferry will carry people on foot from the quay.</li></ul>"
    page = html(
        f"<main><h1>Harbour bridge closes</h1><div class='points'>{points}</div><div class='body'>{_box(STORY)}</div></main>"
    )
    assert "A ferry will carry people on foot from the quay." in cleaned(page).text.splitlines()


@pytest.mark.parametrize("name", ["paywall", "promo", "newsletter"])
def test_a_name_that_most_paragraphs_carry_is_no_furniture(name):
    page = html(
        f"<article><h1>Harbour bridge closes</h1><p>{STORY[0]}</p>"
        + "".join(f"<p class='{name}'>{text}</p>" for text in (*STORY[1:], *MORE))
        + "</article>"
    )
    assert cleaned(page).text.splitlines() == [*STORY, *MORE]
