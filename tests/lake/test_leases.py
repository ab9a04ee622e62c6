"""One outlet, one crawl: on one machine (one working folder) and on two."""

import json
import multiprocessing
import os
import signal
import threading
import time

import pytest

from lake.storage.folder_store import FolderStore
from lake.storage.leases import LeaseHeld, Leases
from lake.storage.open_store import open_store
from lake.storage.store import LakeError, StoreAway

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(params=["folder", "s3"])
def uri(request, tmp_path):
    return (
        str(tmp_path / "lake") if request.param == "folder" else request.getfixturevalue("bucket") + "/lake"
    )


@pytest.fixture
def short_s(uri):
    """An object store tells the time in whole seconds."""
    return 2.0 if uri.startswith("s3:") else 0.6


@pytest.fixture
def machine(uri, tmp_path):
    """Leases of a run on a machine: a working folder."""

    def machine(name, run="run", ttl_s=120.0):
        return Leases(open_store(uri), tmp_path / name, run, ttl_s)

    return machine


def record(uri, name="herald"):
    return json.loads(open_store(uri).look(f"leases/{name}.json").data)


def test_a_second_machine_is_told_who_has_the_outlet(machine):
    with machine("one", run="first") as one, machine("two") as two:
        one.take("herald")
        with pytest.raises(
            LeaseHeld, match=rf"process {os.getpid()} on .*, run first, since .* ends in 1\d\d s"
        ):
            two.take("herald")
        two.take("courier")


def test_a_lease_that_was_given_back_is_free_at_once(machine, uri):
    with machine("one") as one:
        one.take("herald")
    assert record(uri)["released"]
    with machine("two") as two:
        two.take("herald")
        assert two.lost(["herald"]) == set()


def test_the_processes_of_one_working_folder_share_a_lease(machine, uri):
    with machine("one", run="crawl") as crawl:
        crawl.take("herald", alone="herald")
        with machine("one", run="urls") as urls:
            urls.take("herald")
            assert crawl.lost(["herald"]) == urls.lost(["herald"]) == set()
        assert not record(uri)["released"]
        with machine("two") as two, pytest.raises(LeaseHeld):
            two.take("herald")
    assert record(uri)["released"]


def test_one_working_folder_has_one_crawl_of_a_kind(machine):
    with machine("one", run="first") as first, machine("one") as second:
        first.take("herald", alone="herald")
        with pytest.raises(LeaseHeld, match="run first"):
            second.take("herald", alone="herald")
        second.take("herald", alone="herald.archive")


def test_a_lease_lives_as_long_as_it_is_renewed(machine, short_s):
    ttl_s = short_s + 2  # a busy machine is late with a renewal
    with machine("one", ttl_s=ttl_s) as one, machine("two") as two:
        one.take("herald")
        until = time.monotonic() + 1.5 * ttl_s
        while time.monotonic() < until:
            with pytest.raises(LeaseHeld):
                two.take("herald")
            time.sleep(0.1)


def hold(uri, state, ttl_s, taken):
    leases = Leases(open_store(uri), state, "theirs", ttl_s)
    leases.take("herald", alone="herald")
    taken.set()
    time.sleep(300)


@pytest.fixture
def other_process(request, uri, tmp_path, short_s):
    """A process that holds the herald's lease."""
    taken, ttl_s = SPAWN.Event(), getattr(request, "param", short_s)
    process = SPAWN.Process(target=hold, args=(uri, tmp_path / "one", ttl_s, taken), daemon=True)
    process.start()
    assert taken.wait(60)
    yield process
    process.kill()
    process.join()


@pytest.mark.parametrize("other_process", [120.0], indirect=True)
def test_a_crash_s_lease_is_its_own_folder_s_again_at_once(other_process, machine):
    with machine("one") as mine, pytest.raises(LeaseHeld, match="run theirs"):
        mine.take("herald", alone="herald")
    other_process.kill()
    other_process.join()
    with machine("two") as two, pytest.raises(LeaseHeld):
        two.take("herald")
    with machine("one") as mine:
        mine.take("herald", alone="herald")


def test_a_crash_s_lease_is_another_machine_s_after_its_time(other_process, machine, short_s):
    other_process.kill()
    began = time.monotonic()
    with machine("two") as two:
        while True:
            try:
                two.take("herald")
                break
            except LeaseHeld:
                time.sleep(0.1)
    assert short_s - 1.5 < time.monotonic() - began < 60  # an object store tells whole seconds


def test_a_holder_that_was_paused_beyond_its_time_is_told_that_it_lost(machine, uri, short_s):
    one = machine("one", ttl_s=short_s)
    one._renew_all = lambda: None  # a paused process renews nothing
    one.take("herald")
    one.take("courier")
    time.sleep(short_s + 1.1)
    with machine("two") as two:
        two.take("herald")
        assert one.lost(["herald", "courier", "never taken"]) == {"herald"}
    assert one.lost(["herald"]) == {"herald"}
    with one:
        pass
    assert record(uri)["folder"] == two.folder  # nothing is given back that is another's


def test_a_lease_that_was_lost_and_is_its_folder_s_again_was_lost(machine, short_s):
    """In between another machine has landed pages that the one who was paused knows nothing of."""
    one = machine("one", ttl_s=short_s)
    one._renew_all = lambda: None
    one.take("herald")
    time.sleep(short_s + 1.1)
    with machine("two") as two:
        two.take("herald")
    with machine("one") as again, one:
        again.take("herald")
        assert one.lost(["herald"]) == {"herald"}
        assert again.lost(["herald"]) == set()


def test_a_wrong_clock_on_a_host_makes_nothing_run_out(machine, uri, monkeypatch):
    """What a lease says of its own time is for people."""
    monkeypatch.setattr("lake.storage.leases._now", lambda: "1999-01-01T00:00:00+00:00")
    with machine("one") as one, machine("two") as two:
        one.take("herald")
        with pytest.raises(LeaseHeld, match="since 1999"):
            two.take("herald")


def take_at(uri, state, gate, won):
    with Leases(open_store(uri), state, "racer") as leases:
        gate.wait()
        try:
            leases.take("herald")
            won.append(state.name)
        except LeaseHeld:
            pass
        finally:
            gate.wait(60)  # the winner gives it back only when everybody has tried


def test_of_many_machines_one_wins(uri, tmp_path):
    gate, won = threading.Barrier(6), []
    racers = [threading.Thread(target=take_at, args=(uri, tmp_path / f"m{n}", gate, won)) for n in range(6)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len(won) == 1


def test_a_damaged_lease_is_nobody_s_once_it_is_old(machine, uri, monkeypatch):
    open_store(uri).swap("leases/herald.json", b"{", None)
    with machine("one") as one:
        with pytest.raises(LeaseHeld):
            one.take("herald")
        monkeypatch.setattr("lake.storage.leases.LEASE_S", -1.0)
        one.take("herald")


def test_leases_that_somebody_deleted_are_written_again(tmp_path):
    uri = str(tmp_path / "lake")
    with Leases(open_store(uri), tmp_path / "one", "run") as one:
        one.take("herald")
        (tmp_path / "lake" / "leases" / "herald.json").unlink()
        assert one.lost(["herald"]) == set()
        assert record(uri)["run_id"] == "run"


def test_a_store_that_is_away_tells_nothing_of_leases(bucket, object_store, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with Leases(open_store(bucket), tmp_path, "run") as one, pytest.raises(StoreAway):
        one.take("herald")
    assert issubclass(StoreAway, LakeError)


def test_a_store_that_is_away_at_the_end_is_asked_once(tmp_path, monkeypatch):
    """Each request has its own retries and timeouts: a crawl of many outlets would not end for an hour."""
    asked = []

    def away(*given):
        asked.append(given)
        raise StoreAway("away")

    with Leases(open_store(str(tmp_path / "lake")), tmp_path / "one", "run") as one:
        for n in range(20):
            one.take(f"outlet{n}")
        monkeypatch.setattr(one.store, "swap", away)
    assert len(asked) == 1


def test_a_stopped_process_loses_its_lease_and_learns_it(other_process, machine, uri, short_s):
    os.kill(other_process.pid, signal.SIGSTOP)
    time.sleep(short_s + 1.1)
    with machine("two") as two:
        two.take("herald")
        os.kill(other_process.pid, signal.SIGCONT)
        time.sleep(short_s)
        assert record(uri)["folder"] == two.folder
        assert two.lost(["herald"]) == set()


class Unsteady(FolderStore):
    """Its writes fail in the ways that are told."""

    def __init__(self, root):
        super().__init__(root)
        self.failures, self.is_through = [], threading.Event()

    def swap(self, key, data, tag):
        if self.failures:
            raise self.failures.pop(0)
        tag = super().swap(key, data, tag)
        self.is_through.set()
        return tag


def test_nothing_that_a_renewal_meets_ends_the_renewing(tmp_path, caplog):
    store = Unsteady(tmp_path / "lake")
    with Leases(store, tmp_path / "state", "run", ttl_s=0.1) as leases:
        leases.take("herald")
        store.failures = [StoreAway("away"), KeyError("ETag"), OSError(24, "Too many open files"), RuntimeError("odd"),
                          ConnectionResetError(104, "reset")]  # fmt: skip
        store.is_through.clear()
        assert store.is_through.wait(20)
        assert leases.lost(["herald"]) == set()
    assert [m.partition("tried again: ")[2] for m in caplog.messages] == [
        "away", "KeyError: 'ETag'", "OSError: [Errno 24] Too many open files", "RuntimeError: odd",
        "ConnectionResetError: [Errno 104] reset"
    ]  # fmt: skip


def test_leases_are_given_back_whatever_one_of_them_meets(tmp_path, caplog):
    store = Unsteady(tmp_path / "lake")
    with Leases(store, tmp_path / "state", "run") as leases:
        leases.take("courier")
        leases.take("herald")
        store.failures = [RuntimeError("odd")]
    assert (
        "the lease of courier could not be given back and runs out by itself: RuntimeError: odd"
        in caplog.text
    )
    assert json.loads(store.get("leases/herald.json"))["released"]


@pytest.mark.parametrize(
    "damage", [b"[]", b"null", b"{", b"", b'{"ttl_s": "long", "term": "one"}', b"<html>log in</html>"]
)
def test_a_lease_that_became_nonsense_is_lost(tmp_path, damage):
    store = FolderStore(tmp_path / "lake")
    with Leases(store, tmp_path / "state", "run") as leases:
        leases.take("herald")
        store.swap("leases/herald.json", damage, store.look("leases/herald.json").tag)
        assert leases.lost(["herald"]) == {"herald"}
        assert leases.lost(["herald"]) == {"herald"}
