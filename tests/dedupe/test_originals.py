from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupe import Member, original
from demo.newsroom import GoldPage, gold

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
        ([member("a", 0, seen=1, visited=-1), member("thief", -24, seen=1.5, visited=-1)], ("a", "earliest")),
        ([member("a", 0, seen=1, visited=-1), member("thief", -24, seen=0.5, visited=-1)], ("a", "earliest")),
        # a feed may name a page late, and of an outlet that was never visited nothing is known
        ([member("late", 0, seen=2, visited=0.5), member("b", 1, seen=2, visited=0.5)], ("late", "earliest")),
        ([member("a", 0, seen=1, visited=-1), member("first", -24, seen=1)], ("first", "earliest")),
        # outlets are visited in turns: what was published first may be seen a little later
        ([member("copy", 1, seen=1.2), member("a", 0, seen=4)], ("a", "earliest")),
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


@cache
def _several() -> list[list[GoldPage]]:
    """The demonstration newsroom's stories of more than one page."""
    stories: dict[str, list[GoldPage]] = {}
    for page in gold(2, 80):
        if page.outcome in ("article", "copy") and page.published_at:
            stories.setdefault(page.story or page.url, []).append(page)
    return [pages for pages in stories.values() if len(pages) > 1]


@pytest.mark.parametrize("round_minutes", [60, 240, 360])
def test_the_originals_of_the_demonstration_newsroom_are_found(round_minutes):
    """Whenever in a round of visits each page was seen."""
    judged = []
    for seed in range(50):
        draw = random.Random(seed)
        for pages in _several():
            seen = {page.url: draw.uniform(1, round_minutes) for page in pages}
            chosen, _ = original([_seen(page, seen[page.url]) for page in pages])
            judged.append(chosen in {page.url for page in pages if page.outcome == "article"})
    assert len(judged) >= 300
    assert sum(judged) >= 0.95 * len(judged)


@pytest.mark.parametrize("hours", [3, 24, 24 * 5])
def test_a_copy_that_is_dated_back_is_not_the_original(hours):
    """Outlets visited every hour, each at a minute of its own; every copy claims to be older than it is."""
    judged, back = [], timedelta(hours=hours)
    for seed in range(50):
        draw = random.Random(seed)
        for pages in _several():
            members = []
            for page in pages:
                minutes = draw.uniform(1, 60)
                seen = replace(
                    _seen(page, minutes), visited_at=page.published_at + timedelta(minutes=minutes - 60)
                )
                is_copy = page.outcome == "copy"
                members.append(replace(seen, published_at=page.published_at - back) if is_copy else seen)
            chosen, _ = original(members)
            judged.append(chosen in {page.url for page in pages if page.outcome == "article"})
    assert len(judged) >= 300
    assert sum(judged) >= 0.95 * len(judged)


def _seen(page, minutes):
    words = len(" ".join(page.text_lines).split())
    return Member(page.url, page.published_at, page.published_at + timedelta(minutes=minutes), words)
