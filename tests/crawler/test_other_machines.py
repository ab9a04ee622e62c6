"""A crawl looks at what other machines land, and goes on where it cannot."""

import asyncio
from types import SimpleNamespace

import pytest

from crawler.pipeline.land import Land
from lake.runs.other_runs import OtherRuns
from lake.runs.session import Lake
from lake.storage.store import StoreAway
from tests.lake.stories import page, processed
from tests.lake.test_run import no_rules


def looks_until(others, enough):
    """The looks of a crawl until it closes, which it does when `enough` says so."""

    async def crawl():
        land = object.__new__(Land)
        land.others, land._closing = others, asyncio.Event()
        land.report = SimpleNamespace(looked=lambda others: enough(others) and land._closing.set())
        await asyncio.wait_for(land._look_at_others(), 30)

    asyncio.run(crawl())


@pytest.mark.parametrize("error", [StoreAway("away"), RuntimeError("what nobody expects")])
def test_a_look_that_fails_ends_no_crawl_and_the_next_finds_what_it_missed(tmp_path, error):
    uri = str(tmp_path / "lake")
    with (
        Lake(uri, tmp_path / "one").run("one", no_rules, {}) as (one, _),
        Lake(uri, tmp_path / "two").run("two", no_rules, {}) as (two, _),
    ):
        others = OtherRuns(two.store, two.index, tmp_path / "two" / "locks", 0.01)
        keys, left = two.store.keys, [3]

        def fails(*arguments, **named):
            left[0] -= 1
            if left[0] >= 0:
                raise error
            return keys(*arguments, **named)

        two.store.keys = fails
        one.add(processed(page("https://one.example/bridge", "bridge")))
        one.flush()
        looks_until(others, lambda others: others.counts["rows"])
        assert (others.counts["missed"], others.counts["looks"]) == (3, 4)
        for run in (one, two):
            run.finish("finished", {})


def test_a_crawl_that_closes_does_not_wait_for_the_next_look(tmp_path):
    with Lake(str(tmp_path / "lake"), tmp_path / "one").run("one", no_rules, {}) as (run, opening):
        others = opening.others
        others._next_look = 0.0
        looks_until(others, lambda others: True)  # the next is due in half a minute
        assert others.counts["looks"] == 2
        run.finish("finished", {})
