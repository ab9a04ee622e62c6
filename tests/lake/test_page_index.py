"""What the index knows of a page after runs, and after it was deleted and rebuilt from the lake."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from cleaning import Rules, page_id
from lake.parquet.reading import table
from lake.runs.catch_up import catch_up
from lake.runs.session import Lake
from lake.schema.records import retry_at
from tests.lake.stories import page, processed, raw

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
A = page("https://one.example/bridge", "bridge")
B = page("https://two.example/library", "library")
CHANGED = page(
    "https://one.example/bridge", "bridge", extra="The vote was repeated on Tuesday after a count went wrong."
)
WALL = raw(
    "https://one.example/walled", "<html><body><p>Prove that you are human.</p></body></html>", status=403
)
GONE = raw("https://one.example/bridge", "", status=404)
FOR_GOOD = raw("https://one.example/bridge", "", status=410)
BUSY = raw("https://one.example/walled", "", status=503)
_RUNS = count()


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"), tmp_path / "state")


def at(one, days=0.0, asked=None):
    """The page as fetched so many days after the start."""
    return replace(one, fetched_at=START + timedelta(days=days), requested_url=asked or one.url)


def crawl(lake, *pages, **facts):
    name = f"test{next(_RUNS):03d}"  # run ids of one second sort by name
    with lake.run(name, lambda outlet: Rules(), {}) as (run, _):
        results = [run.add(processed(one)) for one in pages]
        run.flush()
        run.finish("finished", facts)
    return results


def known(lake, url):
    index = catch_up(lake.store, lake.index_path)
    try:
        return index.page_state(index.answering_page(page_id(url)))
    finally:
        index.close()


def everything(lake):
    """All that the index knows, by table."""
    index = catch_up(lake.store, lake.index_path)
    try:
        return {
            name: index._db.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall()
            for name in ("pages", "pending", "asked", "sources", "runs")
        }
    finally:
        index.close()


def test_a_page_is_known_by_the_address_asked_for_and_by_the_one_that_answered(lake):
    crawl(lake, at(A, asked="https://one.example/b?id=7"))
    assert known(lake, "https://one.example/b?id=7") == known(lake, A.url)
    assert known(lake, A.url).content_hash
    assert known(lake, "https://one.example/other") is None


def test_an_address_that_led_to_a_known_page_is_known_though_it_gave_no_row(lake):
    crawl(lake, at(A))
    crawl(lake, at(A, 1, asked="https://one.example/short"))
    assert known(lake, "https://one.example/short").id == A.id


def test_an_address_that_answers_itself_again_is_its_own_page(lake):
    crawl(lake, at(A, asked=B.url))
    crawl(lake, at(B, 1))
    assert known(lake, B.url).id == B.id


def test_a_fetch_that_finds_nothing_new_is_remembered(lake):
    crawl(lake, at(A))
    crawl(lake, at(A, 1))
    found = known(lake, A.url)
    assert (found.fetched_at, found.checks, found.first_at) == (START + timedelta(days=1), 1, START)


def test_a_revision_begins_the_count_of_vain_fetches_anew(lake):
    for one in (at(A), at(A, 1), at(CHANGED, 2)):
        crawl(lake, one)
    found = known(lake, A.url)
    assert (found.fetched_at, found.checks, found.first_at) == (START + timedelta(days=2), 0, START)


def test_a_wall_is_tried_again_after_1_3_and_7_days_and_then_never(lake):
    days, waits = 0, []
    for _ in range(4):
        (result,) = crawl(lake, at(WALL, days))
        assert result.outcome == "rejects"
        retry_at = known(lake, WALL.url).retry_at
        waits.append(retry_at and (retry_at - START).days - days)
        days += waits[-1] or 0
    assert waits == [1, 3, 7, None]
    assert [row["retry_at"] is None for row in table(lake.store.uri, "rejects").to_pylist()].count(True) == 1


def test_a_reject_before_its_time_gives_no_row_and_is_not_counted_as_a_try(lake):
    crawl(lake, at(WALL))
    assert crawl(lake, at(WALL, 0.5))[0].outcome == "unchanged"
    assert (known(lake, WALL.url).tries, known(lake, WALL.url).retry_at) == (1, START + timedelta(days=1))


def test_a_busy_server_is_asked_again_within_the_hour(lake):
    crawl(lake, at(BUSY))
    assert known(lake, BUSY.url).retry_at == START + timedelta(hours=1)


@pytest.mark.parametrize("tries", [6, 7, 50])
def test_a_server_s_trouble_is_asked_about_every_week_for_as_long_as_a_source_names_the_page(tries):
    """An outage of eleven days must not cost the pages that came out in it."""
    week = START + timedelta(weeks=1)
    assert retry_at("unreachable", START, None, tries) == retry_at("http_error", START, 503, tries) == week
    assert retry_at("broken_http", START, 200, tries) == week
    assert retry_at("paywall", START, 200, tries) is None


def test_a_server_that_was_long_in_trouble_loses_no_article(lake):
    days = 0.0
    for _ in range(7):
        (result,) = crawl(lake, at(BUSY, days))
        assert (result.outcome, result.settled) == ("rejects", False)
        days = (known(lake, BUSY.url).retry_at - START) / timedelta(days=1)
    back = page(BUSY.url, "library")
    assert [r.outcome for r in crawl(lake, at(back, days))] == ["articles"]


def test_an_article_that_is_gone_is_told_and_kept_in_mind(lake):
    crawl(lake, at(A))
    (result,) = crawl(lake, at(GONE, 1))
    assert (result.outcome, result.gone) == ("rejects", True)
    found = known(lake, A.url)
    assert (found.content_hash is not None, found.reason) == (True, "http_error")
    assert found.retry_at == START + timedelta(days=2)


def test_a_page_that_never_held_an_article_is_not_gone(lake):
    assert not crawl(lake, at(GONE))[0].gone


def test_an_article_gone_for_good_is_never_asked_for_again(lake):
    crawl(lake, at(A))
    crawl(lake, at(FOR_GOOD, 1))
    assert known(lake, A.url).retry_at is None
    assert known(lake, A.url).reason == "http_error"


def test_an_article_that_came_back_as_it_was_is_an_article_again(lake):
    for one in (at(A), at(GONE, 1), at(A, 2)):
        crawl(lake, one)
    found = known(lake, A.url)
    assert (found.reason, found.tries, found.fetched_at) == (None, 0, START + timedelta(days=2))


def test_a_rebuilt_index_knows_the_same(lake):
    crawl(lake, at(A, asked="https://one.example/short"), at(B), at(WALL), sources={"s": {"complete": True}})
    crawl(lake, at(A, 1), at(WALL, 0.5), at(B, 1, asked="https://two.example/old"))
    crawl(lake, at(CHANGED, 2), at(WALL, 2), at(replace(GONE, id=B.id, url=B.url, requested_url=B.url), 2))
    crawl(lake, at(CHANGED, 3), at(B, 5), sources={"t": {"complete": False}})
    before = everything(lake)
    assert all(before[name] for name in ("pages", "asked", "sources", "runs"))
    for file in lake.index_path.parent.glob("index-*"):
        file.unlink()
    assert everything(lake) == before


def test_what_a_dead_run_had_judged_is_not_known(lake):
    with pytest.raises(KeyboardInterrupt), lake.run("dies", lambda outlet: Rules(), {}) as (run, _):
        run.add(processed(at(A, asked="https://one.example/short")))
        raise KeyboardInterrupt
    crawl(lake)
    assert known(lake, A.url) is None
    assert known(lake, "https://one.example/short") is None


def test_a_source_is_done_when_a_run_has_read_it_to_its_end(lake):
    crawl(lake, sources={"x": {"complete": True}, "y": {"complete": False}, "z": {}})
    index = catch_up(lake.store, lake.index_path)
    assert datetime.now(UTC) - index.source_read_at("x") < timedelta(minutes=1)
    assert index.source_read_at("y") is index.source_read_at("z") is None
    index.close()


def test_a_run_record_without_what_this_version_tells_is_read(lake):
    crawl(lake, at(A))
    (key,) = (k for k in lake.store.keys("runs/") if not k.endswith("started.json"))
    record = json.loads(lake.store.get(key))
    del record["checked"]
    (lake.index_path.parent.parent / "lake" / key).write_text(json.dumps(record))
    for file in lake.index_path.parent.glob("index-*"):
        file.unlink()
    assert known(lake, A.url)
