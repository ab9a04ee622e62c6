"""Rules that marks of a page teach."""

from __future__ import annotations

from cleaning import Rules, clean
from cleaning.rule_authoring.rules_from_marks import MarkedPage, marks_of_gold, suggest_from_marks

from .pages import STORY, html, paragraphs, raw

PLEA = "Readers like you keep our harbour desk alive, so think of us when you next renew your ferry pass this autumn."


def page(number: int, box: str = "plea") -> str:
    """A page with a plea in a named box, its own story before it and a second paragraph behind it."""
    own = [f"{text} It was report {number} of the harbour desk." for text in STORY]
    plea = f"<div class='{box}'><p>{PLEA}</p></div>"
    return html(
        f"<article><h1>Harbour bridge closes {number}</h1><div class='story'>{paragraphs(own[:3])}{plea}{paragraphs(own[3:])}</div></article>"
    )


def gold(number: int) -> str:
    return "\n".join(f"{text} It was report {number} of the harbour desk." for text in STORY)


def test_gold_texts_teach_a_cut_that_holds_on_another_page():
    taught = suggest_from_marks([marks_of_gold(raw(page(n)), gold(n)) for n in (1, 2)])
    assert taught.rules.cut
    before, after = clean(raw(page(3))), clean(raw(page(3)), taught.rules)
    assert PLEA in before.text
    assert PLEA not in after.text
    assert all(f"{text} It was report 3" in after.text for text in STORY)


def test_no_rule_takes_a_marked_block_of_the_story_anywhere():
    first, second = marks_of_gold(raw(page(1)), gold(1)), marks_of_gold(raw(page(2)), f"{gold(2)}\n{PLEA}")
    taught = suggest_from_marks([first, second])
    assert PLEA in clean(raw(page(2)), taught.rules).text


def test_pages_that_come_out_right_teach_nothing():
    sound = page(1).replace(PLEA, "")
    assert suggest_from_marks([marks_of_gold(raw(sound), gold(1))]).proposals == ()
    assert (
        suggest_from_marks([MarkedPage(raw("<p>x</p>"), frozenset(), frozenset())], Rules()).proposals == ()
    )
