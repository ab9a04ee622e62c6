"""text_confidence: how sure cleaning is of what it gives."""

import pytest

from cleaning.text.extraction import Line
from cleaning.text.mojibake import mojibake_share
from cleaning.verdict.confidence import Signs, measure_signs, text_confidence

from .pages import STORY, cleaned, html, story

TEASERS = "".join(f"<div>{n} more stories from the harbour town</div>" for n in range(30))


def test_it_is_a_probability_and_repeats_itself():
    first, second = cleaned(story()), cleaned(story())
    assert 0 < first.text_confidence == second.text_confidence < 1


def test_a_clean_story_is_surer_than_scraps_of_a_page():
    told = '<script type="application/ld+json">{"@type": "NewsArticle", "author": "Ann Lee"}</script>'
    scraps = html("<p>" + "<br>".join(text[:40] for text in STORY * 3) + f"</p>{TEASERS}")
    assert cleaned(story(head=told)).text_confidence > cleaned(scraps).text_confidence + 0.1


def test_what_lowers_the_confidence():
    good = Signs(0.97, 0.0, 0.0, 0.0)
    assert text_confidence(good) == 0.97
    for bad in (Signs(0.97, 0.08, 0.0, 0.0), Signs(0.97, 0.0, 0.6, 0.0), Signs(0.97, 0.0, 0.0, 1.0)):
        assert text_confidence(bad) < 0.3


LINES = [
    "Pokład promu będzie zamknięty aż do wiosny, powiedziała rada portu we wtorek wieczorem po długiej naradzie.",
    "Die Fähre fährt ab Montag nicht mehr, sagte die Vorsitzende der Behörde nach der Sitzung am späten Abend.",
]


@pytest.mark.parametrize(
    ("encoded", "decoded"),
    [
        ("utf-8", "cp1252"),
        ("utf-8", "cp1250"),
        ("cp1251", "cp1252"),
        ("gb18030", "cp1252"),
        ("utf-8", "cp1251"),
    ],
)
def test_mojibake_is_seen(encoded: str, decoded: str):
    texts = [
        *LINES,
        "Паром перестанет ходить по будням, сообщил совет порта во вторник вечером.",
        "渡轮将从下月起取消工作日班次，港务委员会周二作出决定。",
    ]
    for text in texts:
        try:
            wrong = text.encode(encoded).decode(decoded, "replace")
        except UnicodeEncodeError:
            continue
        assert mojibake_share(text) == 0
        if (not text.isascii() and encoded != "cp1251") or any("а" <= char <= "я" for char in text):
            assert mojibake_share(wrong) > 0.05, wrong


@pytest.mark.parametrize(
    "text",
    [
        ["We and our partners store cookies on your device.", "You can withdraw your consent or opt out at any time in the privacy settings below."] * 3,
        ["Please enable JavaScript to use this site, which does not work without JavaScript enabled in your browser."],
        ["Home", "World news", "Local sport and weather", "Business", "Opinion", "Contact the desk"] * 4,
    ],
)  # fmt: skip
def test_dialogues_shells_and_menus_are_no_texts(text: list[str]):
    assert text_confidence(measure_signs([Line(line) for line in text], 0.98)) < 0.3


def test_a_story_about_cookies_is_a_story():
    lines = [Line(f"{line} The grandmother bakes cookies for the partners of the club.") for line in STORY]
    assert text_confidence(measure_signs(lines, 0.98)) == 0.98
