from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.originals import judged
from dedupe import Member, original

NOON = datetime(2031, 3, 1, 12, tzinfo=UTC)


def member(id, published=0.0, seen=None, words=300, credits=(), visited=None):
    """Hours after noon; seen an hour after publication unless told otherwise. visited: the outlet, before that."""
    return Member(
        id=id,
        published_at=None if published is None else NOON + timedelta(hours=published),
        seen_at=NOON + timedelta(hours=(published or 0) + 1 if seen is None else seen),
        words=words,
        credits=frozenset(credits),
        visited_at=None if visited is None else NOON + timedelta(hours=visited),
    )


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([member("a")], ("a", "only")),
        ([member("a", 2), member("b", 1)], ("b", "earliest")),
        # published together: the fuller text, unless it has only a line more
        ([member("a"), member("b", 0.1, words=400)], ("b", "fullest")),
        ([member("a"), member("b", 0.1, words=310)], ("a", "earliest")),
        ([member("a"), member("b", 1, words=900)], ("a", "earliest")),
        # the credited source, though it was seen last and is shorter
        ([member("a", credits="c"), member("b", credits="c"), member("c", 5, words=100)], ("c", "credited")),
        ([member("a", credits="b"), member("b", credits="c"), member("c", 5)], ("c", "credited")),
        ([member("a", credits="b"), member("b", credits="a")], ("a", "credited")),
        ([member("a", credits=["not crawled"]), member("b", 1)], ("a", "earliest")),
        # an earlier date that nobody could see when the story was fresh is a claim and no more
        ([member("a", 0, seen=1), member("thief", -24, seen=20)], ("a", "earliest")),
        ([member("a", 0, seen=1), member("thief", -24 * 20, seen=20)], ("a", "earliest")),
        # nor one that the visit before should have seen, though both were new in the same round
        (
            [member("a", 0, seen=1, visited=-1), member("thief", -24, seen=1.5, visited=-1)],
            ("a", "earliest"),
        ),
        (
            [member("a", 0, seen=1, visited=-1), member("thief", -24, seen=0.5, visited=-1)],
            ("a", "earliest"),
        ),
        # a feed may name a page late, and of an outlet that was never visited nothing is known
        (
            [member("late", 0, seen=2, visited=0.5), member("b", 1, seen=2, visited=0.5)],
            ("late", "earliest"),
        ),
        ([member("a", 0, seen=1, visited=-1), member("first", -24, seen=1)], ("first", "earliest")),
        # outlets are visited in turns: what was published first may be seen a little later
        ([member("copy", 1, seen=1.2), member("a", 0, seen=4)], ("a", "earliest")),
        # or much later, where its outlet was not visited in between
        ([member("copy", 1, seen=1.2), member("a", 0, seen=11, visited=-1)], ("a", "earliest")),
        ([member("a", 1, seen=1.2), member("thief", 0, seen=11, visited=2)], ("a", "earliest")),
        # a backfill saw none of them fresh
        ([member("late", 2, seen=9000), member("a", 0, seen=9900)], ("a", "earliest")),
        ([member("a", None), member("b", None)], ("a", "earliest")),
    ],
)
def test_the_original_is(members, expected):
    assert original(members) == original(members[::-1]) == expected


@given(st.permutations([member(id, n % 3, words=300 + 40 * n) for n, id in enumerate("abcdef")]))
def test_the_order_of_the_pages_does_not_matter(members):
    assert original(members) == ("d", "fullest")


@pytest.mark.parametrize("hours", [1, 4, 6, 12])
def test_the_originals_of_the_demonstration_newsroom_are_found(hours):
    """Whenever in a round of visits each page was seen."""
    assert_found(judged(hours, visits_known=True))


@pytest.mark.parametrize("back", [3, 24, 24 * 5])
def test_a_copy_that_is_dated_back_is_not_the_original(back):
    assert_found(judged(1, timedelta(hours=back), visits_known=True))


def assert_found(right):
    assert len(right) >= 300
    assert sum(right) >= 0.95 * len(right)
