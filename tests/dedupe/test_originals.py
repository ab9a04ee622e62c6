from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupe import Member, original
from demo.newsroom import GoldPage, gold

NOON = datetime(2031, 3, 1, 12, tzinfo=UTC)


def member(id, published=0.0, seen=None, words=300, credits=()):
    """Hours after noon; seen an hour after publication unless told otherwise."""
    return Member(
        id=id,
        published_at=None if published is None else NOON + timedelta(hours=published),
        seen_at=NOON + timedelta(hours=(published or 0) + 1 if seen is None else seen),
        words=words,
        credits=frozenset(credits),
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


@pytest.mark.parametrize("round_minutes", [60, 240, 360])
def test_the_originals_of_the_demonstration_newsroom_are_found(round_minutes):
    """Whenever in a round of visits each page was seen."""
    stories: dict[str, list[GoldPage]] = {}
    for page in gold(2, 80):
        if page.outcome in ("article", "copy") and page.published_at:
            stories.setdefault(page.story or page.url, []).append(page)
    several = [pages for pages in stories.values() if len(pages) > 1]
    judged = []
    for seed in range(50):
        draw = random.Random(seed)
        for pages in several:
            seen = {page.url: draw.uniform(1, round_minutes) for page in pages}
            chosen, _ = original([_seen(page, seen[page.url]) for page in pages])
            judged.append(chosen in {page.url for page in pages if page.outcome == "article"})
    assert len(judged) >= 300
    assert sum(judged) >= 0.95 * len(judged)


def _seen(page, minutes):
    words = len(" ".join(page.text_lines).split())
    return Member(page.url, page.published_at, page.published_at + timedelta(minutes=minutes), words)
