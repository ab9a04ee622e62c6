"""A backfill of half a year: broken off by SIGKILL and resumed, in either direction, to the same lake.

KILLS sets how often it is killed."""

import os
import random
import signal
import time
from collections import Counter

import pytest

from lake.parquet.reading import table
from lake.schema.records import TABLES
from tests.end_to_end.archive_site import PAGES, archive_site, place, reports

pytestmark = pytest.mark.xdist_group("backfill")

KILLS = int(os.environ.get("KILLS", "3"))
FLUSH_ROWS, UNDER_WAY = 10, 32  # rows that wait for a flush; pages between the site and the lake
WINDOW = ("-a", "since=2021-03-01", "-a", "until=2021-08-31")
QUICK = (
    "-s", "DOWNLOAD_DELAY=0", "-s", "AUTOTHROTTLE_ENABLED=0", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=4",
    "-s", f"FLUSH_ROWS={FLUSH_ROWS}",
)  # fmt: skip


@pytest.fixture(scope="module")
def archive():
    with archive_site() as (home, asked):
        yield home, asked


def backfill(place, *more):
    done = place.crawl("archive", *WINDOW, *QUICK, *more)
    assert done.returncode == 0, done.stderr
    return done.stderr


def rows(place, *tables):
    return [row for name in tables for row in table(place.lake, name).to_pylist()]


def stories(place):
    """Story by story: its pages, and the earliest by time of publication as the newest of their rows tells it."""
    found = {}
    for row in sorted(rows(place, "articles", "copies"), key=lambda r: (r["run_id"], r["seq"])):
        found.setdefault(row["story_id"], []).append(row)
    return sorted(
        (sorted(r["id"] for r in group), min(group, key=lambda r: (r["published_at"], r["id"]))["id"])
        for group in found.values()
    )


def pages_of(asked):
    return [path for path in asked if "/report-" in path]


@pytest.fixture(scope="module")
def unbroken(archive, tmp_path_factory):
    home, asked = archive
    whole = place(home, tmp_path_factory.mktemp("unbroken") / "crawl")
    asked.clear()
    backfill(whole)
    assert len(pages_of(asked)) == PAGES
    return whole


def test_an_unbroken_backfill_lands_every_report_once(unbroken):
    assert Counter(r["id"] for r in rows(unbroken, "articles", "copies")) == dict.fromkeys(
        {r["id"] for r in rows(unbroken, "raw")}, 1
    )
    assert len(rows(unbroken, "articles")) == sum(report.of is None for report in reports())
    assert rows(unbroken, "rejects", "revisions") == []


def test_a_backfill_again_asks_neither_for_pages_nor_for_months_that_are_done(unbroken, archive):
    _, asked = archive
    asked.clear()
    backfill(unbroken)
    assert asked == ["/sitemap.xml"]  # robots.txt is kept for a day
    for file in unbroken.state.glob("index-*"):
        file.unlink()
    asked.clear()
    backfill(unbroken)
    assert asked == ["/sitemap.xml"]  # robots.txt is kept for a day


def test_a_backfill_that_is_killed_again_and_again_becomes_whole(unbroken, archive, tmp_path):
    home, asked = archive
    broken, chance = place(home, tmp_path / "crawl"), random.Random(20261122)
    asked.clear()
    for _ in range(KILLS):
        before, wanted = len(pages_of(asked)), chance.randint(5, PAGES // (KILLS + 1))
        process = broken.start("archive", *WINDOW, *QUICK)
        until = time.monotonic() + 60
        while len(pages_of(asked)) < before + wanted and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    backfill(broken)
    assert stories(broken) == stories(unbroken)
    for name in TABLES:
        assert max(Counter(r["id"] for r in rows(broken, name)).values(), default=1) == 1, name
    assert len(rows(broken, "articles", "copies")) == PAGES
    assert len(pages_of(asked)) <= PAGES + KILLS * (FLUSH_ROWS + UNDER_WAY)


def test_the_oldest_first_gives_the_same_originals_as_the_newest_first(unbroken, archive, tmp_path):
    home, _ = archive
    other = place(home, tmp_path / "crawl")
    backfill(other, "-a", "order=oldest")
    assert [r["url"] for r in rows(other, "raw")] != [r["url"] for r in rows(unbroken, "raw")]
    assert stories(other) == stories(unbroken)
    for crawled in (other, unbroken):
        firsts = dict.fromkeys(r["id"] for r in rows(crawled, "articles", "copies"))
        told = {r["id"]: r for r in rows(crawled, "articles", "copies")}
        last_word = {}  # of each story: the original as its last row tells it
        for row in sorted(told.values(), key=lambda r: (r["run_id"], r["seq"], r["fetched_at"])):
            last_word[row["story_id"]] = row["original_id"]
        for original in last_word.values():
            assert original in firsts
        assert sorted(last_word.values()) == sorted(first for _, first in stories(crawled))
