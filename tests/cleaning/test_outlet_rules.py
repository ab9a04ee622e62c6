from __future__ import annotations

import pytest

from cleaning import Rules, check_rules, clean
from cleaning.trace import Trace

from .pages import cleaned, raw, story


@pytest.mark.parametrize(
    ("rules", "key"),
    [
        (Rules(cut=("div[",)), "cut"), (Rules(keep=("p:nope(",)), "keep"), (Rules(cut=("*",)), "cut"), (Rules(lines=("(",)), "lines"),
        (Rules(lines=(".*",)), "lines"), (Rules(lines=("(a+)+$",)), "lines"), (Rules(ends=("a",)), "ends"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_key(rules: Rules, key: str):
    assert [found for found, _ in check_rules(rules)] == [key]


def test_sound_rules_have_no_mistake():
    assert check_rules(Rules(cut=(".box > p",), lines=(r"^Also Read\s*\|",), ends=("AI Disclaimer:",))) == []


def test_fields_are_read_where_the_outlets_file_says():
    page = story(
        "<div id=d data-day='2024-12-01'><b>By Ann Lee</b><b>Bo Ek</b><i>Harbour</i></div><p id=s>A bridge is shut.</p>"
    )
    rules = Rules(
        fields=(
            ("authors", "#d b"), ("published_at", "#d::attr(data-day)"), ("section", "#d i"), ("summary", "#s"), ("title", "h1"),
            ("modified_at", "#nothing"),
        )
    )  # fmt: skip
    article = cleaned(page, rules)
    assert (article.authors, article.section, article.summary) == (
        ("Ann Lee", "Bo Ek"),
        "Harbour",
        "A bridge is shut.",
    )
    assert (article.published_source, article.published_raw) == ("outlet", "2024-12-01")
    assert "A bridge is shut." not in article.text
    trace = Trace()
    clean(raw(page), rules, trace)
    assert trace.placed_fields["authors"] == ["By Ann Lee", "Bo Ek"]
    assert trace.placed_fields["modified_at"] == []


def test_a_field_that_is_not_there_is_read_as_on_other_pages():
    head = '<meta name="author" content="Ann Lee">'
    assert cleaned(story(head=head), Rules(fields=(("authors", ".nobody"),))).authors == ("Ann Lee",)


@pytest.mark.parametrize(
    ("name", "place"), [("author", "p"), ("title", "h1["), ("summary", "*"), ("title", "::attr(x)")]
)
def test_a_wrong_place_of_a_field_is_told(name: str, place: str):
    assert [key for key, _ in check_rules(Rules(fields=((name, place),)))] == [f"fields.{name}"]
