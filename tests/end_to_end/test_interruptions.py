"""Ctrl-C, a store that dies in mid-crawl, a state folder that cannot be written: nothing lost, nothing silent."""

import signal
import threading
import time

import pytest

from demo.newsroom import Newsroom
from demo.object_store import ObjectStore
from tests.end_to_end.newsroom_crawl import QUICK, newsroom_crawl
from tests.lake.test_workers import until

pytestmark = pytest.mark.xdist_group("interruptions")
PATIENT = ("-s", "DOWNLOAD_DELAY=0", "-s", "AUTOTHROTTLE_ENABLED=0", "-s", "CONCURRENT_REQUESTS=2",
           "-s", "DOWNLOAD_TIMEOUT=300")  # fmt: skip


class HoldingRoom(Newsroom):
    """Answers so many requests, and holds the others back until it may go on: a crawl is in its midst for as long as a
    test needs, on any machine."""

    def __init__(self):
        super().__init__(day=1)
        self._changed, self._left, self._held = threading.Condition(), None, 0

    def hold_after(self, count):
        with self._changed:
            self._left = count
            self._changed.notify_all()

    def go_on(self):
        self.hold_after(None)

    def wait_until_held(self):
        with self._changed:
            assert self._changed.wait_for(lambda: self._left == 0 and self._held, 60)

    def answer(self, host, target):
        with self._changed:
            self._held += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._left != 0, 300)
            self._held -= 1
            if self._left:
                self._left -= 1
        return super().answer(host, target)


@pytest.fixture(scope="module")
def the_room():
    with HoldingRoom() as room:
        yield room


@pytest.fixture
def room(the_room):
    yield the_room
    the_room.go_on()


def start(room, crawl, count, *more):
    """A crawl that was answered so many requests and waits for the next; to be let go on."""
    room.hold_after(count)
    process = crawl.place.start("danubecourier", *PATIENT, *more)
    room.wait_until_held()
    return process


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_crawl_that_is_asked_to_stop_lands_what_it_has(room, tmp_path, sign):
    crawl = newsroom_crawl(room, tmp_path, str(tmp_path / "lake"))
    process = start(room, crawl, 8)
    process.send_signal(sign)
    room.go_on()
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
def whole(the_room, tmp_path_factory):
    """What an unbroken crawl gives."""
    folder = tmp_path_factory.mktemp("whole")
    crawl = newsroom_crawl(the_room, folder, str(folder / "lake"))
    assert crawl.place.crawl("danubecourier", *QUICK).returncode == 0
    return crawl.stories()


def nothing_twice(crawl):
    ids = [r["id"] for t in ("articles", "copies", "revisions") for r in crawl.rows(t)]
    return len(ids) == len(set(ids))


def test_a_store_that_dies_in_mid_crawl_is_loud_and_costs_nothing(room, tmp_path, dying):
    """The crawl goes on into the spool; the next start of any crawl lands it before all else."""
    store, crawl = dying
    process = start(room, crawl, 9, "-s", "FLUSH_ROWS=3")
    store.kill()
    room.go_on()
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


def test_a_store_that_comes_back_in_mid_crawl_has_it_all_in_the_end(room, whole, dying, tmp_path):
    store, crawl = dying
    process = start(room, crawl, 7, "-s", "FLUSH_ROWS=2")
    store.kill()
    room.hold_after(4)
    until(lambda: any(path.is_file() for path in (tmp_path / "state" / "spool").rglob("*")))
    store.start()
    room.go_on()
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
    assert time.monotonic() - began < 90
    assert len(room.requests) == asked
    store.start()
    assert crawl.place.crawl("danubecourier", *QUICK).returncode == 0
    assert crawl.stories() == whole
    assert nothing_twice(crawl)


def test_a_full_spool_stops_the_fetching_and_loses_nothing(room, whole, dying):
    store, crawl = dying
    process = start(room, crawl, 7, "-s", "FLUSH_ROWS=2", "-s", "SPOOL_BYTES=1")
    store.kill()
    room.go_on()
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
    process = start(room, crawl, 2)
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
    process = start(room, crawl, 6, "-s", "FLUSH_ROWS=2")
    process.kill()
    process.communicate()
    room.go_on()
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
    process = start(room, crawl, 6, "-s", "FLUSH_ROWS=2", *short)
    process.send_signal(signal.SIGSTOP)
    room.go_on()
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
    process = start(room, crawl, 9, "-s", "FLUSH_AGE_S=0.2")
    for count in (1, 2, 3):
        until(lambda wanted=count: len(list((tmp_path / "lake" / "raw").rglob("*.parquet"))) >= wanted)
        room.hold_after(2)
    room.go_on()
    _, log = process.communicate(timeout=120)
    assert process.returncode == 0, log
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
