"""Ctrl-C, a store that dies in mid-crawl, a state folder that cannot be written: nothing lost, nothing silent."""

import signal
import time

import pytest

from demo.newsroom import Newsroom
from demo.object_store import ObjectStore
from tests.end_to_end.newsroom_crawl import QUICK, newsroom_crawl

pytestmark = pytest.mark.xdist_group("interruptions")
SLOW = ("-s", "DOWNLOAD_DELAY=0.3", "-s", "AUTOTHROTTLE_ENABLED=0", "-s", "CONCURRENT_REQUESTS=2")


@pytest.fixture(scope="module")
def room():
    with Newsroom(day=1) as room:
        yield room


def wait_for_pages(room, count):
    began, until = len(room.requests), time.monotonic() + 60
    while len(room.requests) < began + count:
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_crawl_that_is_asked_to_stop_lands_what_it_has(room, tmp_path, sign):
    crawl = newsroom_crawl(room, tmp_path, str(tmp_path / "lake"))
    process = crawl.place.start("danubecourier", *SLOW)
    wait_for_pages(room, 8)
    process.send_signal(sign)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    (record,) = crawl.records()
    assert record["outcome"] == "shutdown"
    landed = sum(crawl.counts()[t] for t in ("articles", "copies", "rejects"))
    assert 0 < landed < record["candidates"]
    assert crawl.place.crawl("danubecourier", *QUICK).returncode == 0
    whole = newsroom_crawl(room, tmp_path / "whole", str(tmp_path / "whole" / "lake"))
    assert whole.place.crawl("danubecourier", *QUICK).returncode == 0
    assert crawl.stories() == whole.stories()


@pytest.fixture
def dying(room, tmp_path, monkeypatch):
    """An object store of one's own, and a crawl into it."""
    (tmp_path / "store").mkdir()
    with ObjectStore(folder=tmp_path / "store") as store:
        for name, value in store.environ.items():
            monkeypatch.setenv(name, value)
        yield store, newsroom_crawl(room, tmp_path, store.bucket("dies") + "/lake", store.environ)


@pytest.fixture(scope="module")
def whole(room, tmp_path_factory):
    """What an unbroken crawl gives."""
    folder = tmp_path_factory.mktemp("whole")
    crawl = newsroom_crawl(room, folder, str(folder / "lake"))
    assert crawl.place.crawl("danubecourier", *QUICK).returncode == 0
    return crawl.stories()


def nothing_twice(crawl):
    ids = [r["id"] for t in ("articles", "copies", "revisions") for r in crawl.rows(t)]
    return len(ids) == len(set(ids))


def test_a_store_that_dies_in_mid_crawl_is_loud_and_costs_nothing(room, tmp_path, dying):
    """The crawl goes on into the spool; the next start of any crawl lands it before all else."""
    store, crawl = dying
    process = crawl.place.start("danubecourier", *SLOW, "-s", "FLUSH_ROWS=3")
    wait_for_pages(room, 9)
    store.kill()
    _, log = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "the store is away" in log
    assert "Spider closed (finished)" in log
    assert f"candidates wait in {tmp_path / 'state' / 'spool'}" in log
    assert "'lost/" not in log

    store.start()
    again = crawl.place.crawl("ambercoastherald", *QUICK)
    assert again.returncode == 0, again.stderr
    assert "had spooled are in the lake now" in again.stderr
    theirs, _ = crawl.records()
    assert (theirs["spider"], theirs["outcome"]) == ("danubecourier", "finished")
    before = crawl.counts()
    again = crawl.place.crawl("danubecourier", *QUICK)
    assert again.returncode == 0, again.stderr
    assert crawl.counts() == before


def test_a_store_that_comes_back_in_mid_crawl_has_it_all_in_the_end(room, whole, dying):
    store, crawl = dying
    process = crawl.place.start("danubecourier", *SLOW, "-s", "FLUSH_ROWS=2", "-s", "DOWNLOAD_DELAY=0.5")
    wait_for_pages(room, 7)
    store.kill()
    time.sleep(2)
    store.start()
    _, log = process.communicate(timeout=120)
    assert process.returncode == 0, log
    assert crawl.stories() == whole
    assert nothing_twice(crawl)


def test_a_store_that_is_away_for_a_whole_run_fails_it_at_once_and_the_next_gets_it_all(room, whole, dying):
    store, crawl = dying
    store.kill()
    asked, began = len(room.requests), time.monotonic()
    done = crawl.place.crawl("danubecourier", *QUICK)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "cannot be reached" in done.stderr
    assert time.monotonic() - began < 45
    assert len(room.requests) == asked
    store.start()
    assert crawl.place.crawl("danubecourier", *QUICK).returncode == 0
    assert crawl.stories() == whole
    assert nothing_twice(crawl)


def test_a_full_spool_stops_the_fetching_and_loses_nothing(room, whole, dying):
    store, crawl = dying
    process = crawl.place.start("danubecourier", *SLOW, "-s", "FLUSH_ROWS=2", "-s", "SPOOL_BYTES=1")
    wait_for_pages(room, 7)
    store.kill()
    _, log = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "is full (SPOOL_BYTES)" in log
    assert "'lost/" not in log
    store.start()
    again = crawl.place.crawl("danubecourier", *QUICK)
    assert again.returncode == 0, again.stderr
    assert crawl.stories() == whole
    assert nothing_twice(crawl)


def test_an_outlet_is_crawled_by_one_process_at_a_time(room, tmp_path):
    """On one machine and on two; the loser names the holder and fetches nothing."""
    crawl = newsroom_crawl(room, tmp_path, str(tmp_path / "lake"))
    other = newsroom_crawl(room, tmp_path / "other", str(tmp_path / "lake"))
    process = crawl.place.start("danubecourier", *SLOW, "-s", "DOWNLOAD_DELAY=4")
    wait_for_pages(room, 2)
    try:
        for loser in (crawl, other):
            done = loser.place.crawl("danubecourier", *QUICK)
            assert done.returncode == 3, done.stderr
            assert f"danubecourier is being crawled by process {process.pid} on" in done.stderr
            assert "downloader/request_count" not in done.stderr
    finally:
        process.kill()
        process.communicate()


def test_a_killed_crawl_s_outlet_is_its_machine_s_again_at_once(room, whole, tmp_path):
    crawl = newsroom_crawl(room, tmp_path, str(tmp_path / "lake"))
    process = crawl.place.start("danubecourier", *SLOW, "-s", "FLUSH_ROWS=2")
    wait_for_pages(room, 6)
    process.kill()
    process.communicate()
    other = newsroom_crawl(room, tmp_path / "other", str(tmp_path / "lake"))
    held = other.place.crawl("danubecourier", *QUICK)
    assert held.returncode == 3, held.stderr
    again = crawl.place.crawl("danubecourier", *QUICK)
    assert again.returncode == 0, again.stderr
    assert crawl.stories() == whole
    assert nothing_twice(crawl)


def test_a_crawl_that_was_stopped_for_too_long_lands_nothing_more(room, whole, tmp_path):
    """SIGSTOP, as a paused virtual machine: another machine takes the outlet over, and finishes the run."""
    short = ("-s", "LEASE_S=2")
    crawl = newsroom_crawl(room, tmp_path, str(tmp_path / "lake"))
    other = newsroom_crawl(room, tmp_path / "other", str(tmp_path / "lake"))
    process = crawl.place.start("danubecourier", *SLOW, "-s", "FLUSH_ROWS=2", *short)
    wait_for_pages(room, 6)
    process.send_signal(signal.SIGSTOP)
    time.sleep(3)
    taken = other.place.crawl("danubecourier", *QUICK, *short)
    process.send_signal(signal.SIGCONT)
    _, log = process.communicate(timeout=120)
    assert taken.returncode == 0, taken.stderr
    assert process.returncode == 3, log
    assert "another machine has taken the lease of danubecourier" in log
    assert crawl.stories() == whole
    assert nothing_twice(crawl)


def test_rows_land_when_they_have_waited_long_enough_and_every_part_is_in_the_record(room, tmp_path):
    crawl = newsroom_crawl(room, tmp_path, str(tmp_path / "lake"))
    assert crawl.place.crawl("danubecourier", *SLOW, "-s", "FLUSH_AGE_S=0.2").returncode == 0
    (record,) = crawl.records()
    landed = {p.relative_to(tmp_path / "lake").as_posix() for p in (tmp_path / "lake").rglob("*.parquet")}
    assert {part["key"] for part in record["parts"]} == landed
    assert len({part["seq"] for part in record["parts"]}) > 3


def test_a_state_folder_that_cannot_be_written_is_told(room, tmp_path):
    (tmp_path / "state").write_text("a file")
    crawl = newsroom_crawl(room, tmp_path, str(tmp_path / "lake"))
    done = crawl.place.crawl("danubecourier", *QUICK)
    assert done.returncode == 2
    assert str(tmp_path / "state") in done.stderr
    assert "Traceback" not in done.stderr
