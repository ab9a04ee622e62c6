"""The five example pages in markups of our own: every line of the story stays, nothing else does."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import pytest

from cleaning import Article, Rules, host_of
from tests import seeds_markup
from tests.seeds_markup import MARKUPS, Seed, faults, squash

from .pages import cleaned

OUTLETS = Path(__file__).parents[2] / "outlets"
SEEDS = seeds_markup.load()
pytestmark = [
    pytest.mark.floor("the example pages, in every markup"),
    pytest.mark.skipif(not SEEDS, reason=f"no example pages: {seeds_markup.SEEDS} is not there (set SHARED)"),
]
CASES = [pytest.param(seed, markup, id=f"{seed.name}-{markup}") for seed in SEEDS for markup in MARKUPS]


@cache
def _cleaned(seed: Seed, markup: str, with_rules: bool) -> Article:
    return cleaned(MARKUPS[markup](seed), _rules(seed.url) if with_rules else Rules(), seed.url)


def _rules(url: str) -> Rules:
    path = OUTLETS / f"{host_of(url).partition('.')[0]}.toml"
    clutter = tomllib.loads(path.read_text("utf-8")).get("clutter", {}) if path.is_file() else {}
    return Rules(**{key: tuple(values) for key, values in clutter.items()})


@pytest.mark.parametrize("with_rules", [True, False], ids=["outlet", "general"])
@pytest.mark.parametrize(("seed", "markup"), CASES)
def test_the_story_and_nothing_else(seed: Seed, markup: str, with_rules: bool):
    found = faults(seed, _cleaned(seed, markup, with_rules).text)
    assert found == []


@pytest.mark.parametrize(("seed", "markup"), CASES)
def test_notices_and_keywords_are_kept_in_their_fields(seed: Seed, markup: str):
    article = _cleaned(seed, markup, True)
    for line in seed.of("disclaimer"):
        assert squash(line) in squash(article.ai_disclosure or "")
    for line in [line for line in seed.of("rights") if "written permission" in line]:
        assert squash(line) in squash(article.rights or "")
    for line in seed.of("tags"):
        assert {squash(tag) for tag in line.split(",")} <= {squash(tag) for tag in article.tags}
