"""A lake that an earlier version wrote, opened and crawled again by this one. README.md tells what each lake holds."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cleaning import page_id
from crawler.reports.monitors import carried_facts, outlet_histories
from lake.schema.records import STORY_TABLES
from lake.storage.open_store import open_store
from tests.end_to_end.newsroom_crawl import QUICK
from tests.frozen.freeze import crawl_of, lake
from tests.frozen.weekly import HOUSE_LINE, NAME, LargerNewsroom

HERE = Path(__file__).parent
LAKES = sorted(path.name.removesuffix(".tar.xz") for path in HERE.glob("*.tar.xz"))
pytestmark = pytest.mark.xdist_group("frozen")


@pytest.fixture(scope="module", params=LAKES)
def told(request):
    """What stood in the lake when it was frozen."""
    return {"name": request.param, **json.loads((HERE / f"{request.param}.json").read_text("utf-8"))}


@pytest.fixture(scope="module")
def newsroom():
    with LargerNewsroom(day=2) as room:
        yield room


@pytest.fixture(scope="module")
def unpacked(told, newsroom, tmp_path_factory):
    folder = tmp_path_factory.mktemp(told["name"])
    crawl = crawl_of(newsroom, folder)
    with tarfile.open(HERE / f"{told['name']}.tar.xz") as packed:
        packed.extractall(crawl.place.lake, filter="data")
    return crawl


@pytest.fixture(scope="module")
def crawled(told, unpacked):
    """(crawl, the records of its runs, when it began): each outlet once, on a machine that has no index."""
    before, began = len(unpacked.records()), datetime.now(UTC)
    codes = unpacked.run()
    assert set(codes.values()) == {0}, unpacked.errors
    return unpacked, [r for r in unpacked.records()[before:] if r["run_id"] != told["died"]], began


def versions(crawl):
    return sorted([t, r["id"], r["content_hash"]] for t in STORY_TABLES for r in crawl.rows(t))


def sound(crawl):
    return lake(crawl, "verify").rstrip().endswith("sound")


def test_it_is_sound_and_reads_as_it_was_written(told, unpacked):
    assert sound(unpacked)
    assert unpacked.counts() == told["rows"]
    assert versions(unpacked) == told["versions"]


def test_a_crawl_lands_what_the_dead_run_had_fetched_and_nothing_twice(told, crawled):
    crawl, _, _ = crawled
    assert crawl.counts() | {"raw": 0, "rejects": 0} == told["rows_once_recovered"] | {"raw": 0, "rejects": 0}
    old = {tuple(one) for one in told["versions"]}
    new = [one for one in versions(crawl) if tuple(one) not in old]
    run_ids = {r["id"]: r["run_id"] for t in STORY_TABLES for r in crawl.rows(t)}
    assert {run_ids[id_] for _, id_, _ in new} == {told["died"]}
    assert max(Counter(id_ for table, id_, _ in versions(crawl) if table != "revisions").values()) == 1


def test_only_rejects_whose_time_has_come_are_tried_again(told, crawled):
    crawl, _, began = crawled
    due = {
        id_ for id_, _, retry_at in told["rejects"] if retry_at and datetime.fromisoformat(retry_at) <= began
    }
    waits = {
        id_ for id_, _, retry_at in told["rejects"] if retry_at and datetime.fromisoformat(retry_at) > began
    }
    rows = Counter(r["id"] for r in crawl.rows("rejects"))
    assert rows == Counter([id_ for id_, *_ in told["rejects"]]) + Counter(due)
    assert due or waits


def test_known_pages_are_not_asked_for(told, crawled):
    crawl, records, _ = crawled
    due = sum(count == 2 for count in Counter(r["id"] for r in crawl.rows("rejects")).values())
    assert sum(record["candidates"] for record in records) == due


def test_a_page_that_was_taken_down_stays_away(told, crawled):
    crawl, _, _ = crawled
    gone = page_id(told["taken_down"])
    assert gone not in {r["id"] for t in ("raw", *STORY_TABLES) for r in crawl.rows(t)}
    assert not any(told["taken_down"].endswith(r.path) for r in crawl.room.requests)


def test_the_monitors_read_the_history(told, unpacked):
    """As of the day after it was frozen: they look back thirty days, and the lake grows older than that."""
    latest = max(
        datetime.fromisoformat(r["finished_at"]) for r in unpacked.records() if r["run_id"] < told["died"]
    )
    history = outlet_histories(
        open_store(unpacked.place.lake), list(told["monitors"]), latest + timedelta(days=1)
    )
    for name, before in told["monitors"].items():
        assert len(history[name]) >= 5
        newest = next(facts for facts in history[name] if "last_article_at" in facts)
        assert carried_facts({}, newest, latest + timedelta(days=1)) == before


def test_everything_fetched_again_gives_no_revision(told, crawled):
    crawl, _, _ = crawled
    before, asked = versions(crawl), len(crawl.room.requests)
    assert set(crawl.run("-a", "fresh=1").values()) == {0}, crawl.errors
    assert versions(crawl) == before
    assert len(crawl.room.requests) - asked > len(before)
    assert sound(crawl)


def test_what_comes_out_otherwise_by_the_rules_alone_gives_no_revision(told, crawled):
    """A rule stands in for what later cleaners do: all pages of an outlet get another text, and none has changed."""
    crawl, _, _ = crawled
    outlet = Path(crawl.place.outlets) / f"{NAME}.toml"
    before, written = versions(crawl), outlet.read_text("utf-8")
    outlet.write_text(f'{written}[clutter]\nlines = ["^{HOUSE_LINE[:30]}"]\n', "utf-8")
    try:
        done = crawl.place.crawl(NAME, *QUICK, "-a", "fresh=1")
    finally:
        outlet.write_text(written, "utf-8")
    assert done.returncode == 0, done.stderr
    assert versions(crawl) == before


def test_learned_boilerplate_stays_cut_and_is_learned_again(told, crawled):
    """The second learning counts the lines that the first one cut."""
    crawl, _, _ = crawled
    lines = [r["text"] for r in crawl.rows("articles") if r["boilerplate_version"]]
    assert len(lines) == told["rows_with_learned_cuts"] > 0
    assert not any(told["learned_line"] in text for text in lines)
    assert f"{told['learned_outlet']}: 1 lines" in lake(crawl, "boilerplate", "--dry-run")


def test_the_index_is_the_same_without_a_checkpoint(told, crawled):
    crawl, _, _ = crawled
    before = versions(crawl)
    shutil.rmtree(Path(crawl.place.lake) / "checkpoints")
    shutil.rmtree(crawl.place.state)
    for spider in crawl.spiders:
        done = crawl.place.crawl(spider, *QUICK)
        assert done.returncode == 0, done.stderr
        assert " new" not in done.stderr.splitlines()[-1].replace("nothing new", "")
    assert versions(crawl) == before
