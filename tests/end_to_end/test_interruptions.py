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


def test_a_store_that_dies_in_mid_crawl_is_loud_and_costs_nothing(room, tmp_path, monkeypatch):
    (tmp_path / "store").mkdir()
    with ObjectStore(folder=tmp_path / "store") as store:
        for name, value in store.environ.items():
            monkeypatch.setenv(name, value)
        crawl = newsroom_crawl(room, tmp_path, store.bucket("dies") + "/lake", store.environ)
        process = crawl.place.start("danubecourier", *SLOW, "-s", "FLUSH_ROWS=3")
        wait_for_pages(room, 9)
        store.kill()
        _, log = process.communicate(timeout=120)
        assert process.returncode == 1
        assert "landing failed: s3://dies/lake" in log
        assert "candidates did not land" in log
        assert "'lost/not_landed'" in log

        store.start()
        again = crawl.place.crawl("danubecourier", *QUICK)
        assert again.returncode == 0, again.stderr
        whole = newsroom_crawl(room, tmp_path / "whole", str(tmp_path / "whole" / "lake"))
        assert whole.place.crawl("danubecourier", *QUICK).returncode == 0
        assert crawl.stories() == whole.stories()
        ids = [r["id"] for t in ("articles", "copies", "revisions") for r in crawl.rows(t)]
        assert len(ids) == len(set(ids))


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
