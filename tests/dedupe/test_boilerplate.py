from __future__ import annotations

import sqlite3

import numpy as np
import pytest

from dedupe import Index, sign
from dedupe.online.boilerplate import RECURRING_STORIES, recurring_hashes

from .stories import HARBOUR, cut, document, invented

FOOTER = invented(99, 120)


@pytest.fixture
def index():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield Index(connection)
    connection.close()


def land(index, id, text, *, outlet="nordhaven-post", story=None):
    index.add(document(id, outlet), sign(text), story or id)


@pytest.mark.parametrize(
    ("stories", "expected"),
    [
        ([], []),
        ([[1, 2]] * (RECURRING_STORIES - 1), []),
        ([[1, 2]] * RECURRING_STORIES, [1, 2]),
        ([[1, 2], [1, 3], [1, 4], [1, 2], [2, 9], [2, 8]], [1, 2]),
    ],
)
def test_what_stands_in_four_stories_recurs(stories, expected):
    assert recurring_hashes([np.array(hashes, np.uint32) for hashes in stories]).tolist() == expected


def test_a_cut_copy_inside_two_outlets_clutter_is_found_once_the_clutter_is_known(index):
    there, here = invented(97, 320), invented(98, 320)

    def verdict():
        return index.judge(document("copy", "valley-news"), sign(cut(HARBOUR, 0.35) + here))

    land(index, "original", HARBOUR + there)
    assert verdict().relation is None
    for n in range(RECURRING_STORIES):
        land(index, f"there-{n}", invented(n, 100) + there)
        land(index, f"here-{n}", invented(n + 50, 100) + here, outlet="valley-news")
    assert verdict().copy_of == "original"


def test_pages_that_share_only_a_footer_are_not_linked(index):
    for n in range(8):
        land(index, f"page-{n}", invented(n, 60) + FOOTER)
    assert index.judge(document("new"), sign(invented(20, 60) + FOOTER)).links == ()


def test_boilerplate_belongs_to_its_outlet(index):
    for n in range(8):
        land(index, f"page-{n}", invented(n, 60) + FOOTER)
    assert index.judge(document("new", "valley-news"), sign(FOOTER)).links == ()
    land(index, "elsewhere", FOOTER, outlet="agency")
    assert index.judge(document("new", "valley-news"), sign(FOOTER)).copy_of == "elsewhere"


def test_one_story_under_many_addresses_is_no_boilerplate(index):
    for n in range(10):
        land(index, f"address-{n}", HARBOUR, story="address-0")
    assert index.judge(document("new", "valley-news"), sign(cut(HARBOUR, 0.5))).relation == "truncated"


def test_a_wrong_merge_does_not_keep_boilerplate_from_being_learned(index):
    for n in range(8):
        land(index, f"page-{n}", invented(n, 60) + FOOTER, story="page-0")
    assert index.judge(document("new"), sign(invented(20, 60) + FOOTER)).links == ()


def test_boilerplate_outlives_the_process(tmp_path):
    first = sqlite3.connect(tmp_path / "index.db", isolation_level=None)
    for n in range(8):
        land(Index(first), f"page-{n}", invented(n, 60) + FOOTER)
    first.close()
    second = sqlite3.connect(tmp_path / "index.db", isolation_level=None)
    assert Index(second).judge(document("new"), sign(invented(20, 60) + FOOTER)).links == ()
    second.close()
