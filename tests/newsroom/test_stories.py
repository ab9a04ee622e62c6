"""The gold itself: stories differ, copies overlap, languages are what they say."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from langdetect import DetectorFactory, detect

from demo.newsroom import GoldPage, gold, write_outlets
from demo.newsroom.pages import quotes, read
from demo.newsroom.sites import SITES
from outlets import read as read_outlet
from tests.newsroom.visitor import shingles

if TYPE_CHECKING:
    from pathlib import Path

TODAY = gold(2, 8930)
LANDED = [page for page in TODAY if page.outcome in ("article", "copy")]
STORIES: dict[str, list[GoldPage]] = defaultdict(list)
for _page in LANDED:
    STORIES[_page.story or ""].append(_page)


def _own_lines(page: GoldPage) -> tuple[str, ...]:
    return tuple(line for line in page.text_lines if line not in quotes().values())


def test_there_are_about_forty_articles_in_four_outlets() -> None:
    first_day = [page for page in gold(1, 8930) if page.outcome in ("article", "copy")]
    assert 38 <= len(first_day) <= 44
    assert all(9 <= count <= 14 for count in Counter(page.outlet for page in first_day).values())


@pytest.mark.parametrize("page", LANDED, ids=lambda page: page.url.rpartition("8930")[2])
def test_an_article_has_a_realistic_length(page: GoldPage) -> None:
    assert 130 <= len(" ".join(page.text_lines).split()) <= 500


@pytest.mark.parametrize("page", LANDED, ids=lambda page: page.url.rpartition("8930")[2])
def test_the_language_is_what_the_gold_says(page: GoldPage) -> None:
    DetectorFactory.seed = 0
    assert detect("\n".join(page.text_lines)) == page.language


def test_different_stories_share_no_eight_words_but_a_declared_quote() -> None:
    seen = {page.url: shingles(_own_lines(page), 8) for page in LANDED}
    for one, other in combinations(LANDED, 2):
        same_template = one.template is not None and one.template == other.template
        if one.story != other.story and not same_template:
            assert not seen[one.url] & seen[other.url], (one.url, other.url)


def test_a_declared_quote_stands_in_two_different_stories() -> None:
    for quote in quotes().values():
        assert len({page.story for page in LANDED if quote in page.text_lines}) == 2


def test_copies_of_a_story_share_most_of_the_shorter_text() -> None:
    groups = [pages for pages in STORIES.values() if len(pages) > 1]
    assert len(groups) == 6
    for one, other in (pair for pages in groups for pair in combinations(pages, 2)):
        left, right = shingles(one.text_lines, 3), shingles(other.text_lines, 3)
        assert len(left & right) >= 0.6 * min(len(left), len(right)), (one.url, other.url)


def test_reports_of_one_template_are_stories_of_their_own() -> None:
    reports = [page for page in gold(1, 8930) if page.template]
    assert Counter(page.template for page in reports) == {"weather": 3, "market": 3}
    assert len({page.story for page in reports}) == 6


def test_no_clutter_stands_in_a_text() -> None:
    for page in LANDED:
        text = "\n".join(page.text_lines)
        assert not [line for line in page.clutter_lines if line in page.text_lines], page.url
        assert not [line for line in page.clutter_lines if len(line.split()) > 3 and line in text], page.url


def test_the_second_day_brings_copies_new_stories_and_one_correction() -> None:
    new = [page for page in LANDED if page.day == 2]
    assert Counter(page.outcome for page in new) == {"article": 4, "copy": 2}
    assert [page.story for page in LANDED if page.revised] == ["school-radio-telescope-hears-dead-satellite"]
    assert not [page for page in gold(1, 8930) if page.revised or page.day == 2]


def test_outlet_files_want_every_candidate_and_no_other_address(tmp_path: Path) -> None:
    outlets = {file.stem: read_outlet(file) for file in write_outlets(tmp_path, 8930)}
    for page in TODAY:
        assert outlets[page.outlet].wants(page.url) == (page.outcome != "not_a_candidate"), page.url


def test_wire_stories_are_all_used() -> None:
    used = {entry.get("wire") for site in SITES for entry in read(site.name)["page"]}
    assert set(read("wire")["story"]) == used - {None}


def test_addresses_beside_the_outlet_would_match_its_article_pattern() -> None:
    allow = re.compile(r"^/(amp/)?[a-z0-9]+(-[a-z0-9]+){3,}$")
    refused = [page.url for page in TODAY if page.reason == "refused"]
    assert len(refused) == 4
    assert sum(bool(allow.search("/" + url.rpartition("/")[2])) for url in refused) == 3
