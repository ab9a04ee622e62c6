from __future__ import annotations

import pytest

from cleaning import Rules, check_rules


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
