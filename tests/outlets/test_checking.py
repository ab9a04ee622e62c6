import re

import pytest

from outlets import Outlet, load
from outlets.checking import mistakes


def outlet(allow, **more):
    return Outlet(
        "mine", "Mine", "https://example.org/", ("example.org",), allow=(re.compile(allow),), **more
    )


def test_the_bundled_files_are_sound():
    assert [mistake for o in load().by_name.values() for mistake in mistakes(o)] == []


@pytest.mark.parametrize(
    ("mine", "told"),
    [
        (outlet("^/20", sections=("https://example.org/2026",)), "is a source (sections) and would be taken"),
        (outlet(r"(?:,|-|;)[^/?]*\d\.html$"), "on an address of 2000 characters made of"),
        (Outlet("mine", "Mine", "https://example.org/", ("example.com",)), "https://example.org/ is on none"),
    ],
)
def test_what_no_single_value_shows_is_told(mine, told):
    (first, *_) = mistakes(mine)
    assert first.startswith("mine.toml: ")
    assert told in first
