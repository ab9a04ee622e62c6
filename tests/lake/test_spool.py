"""The store goes away in mid-run: nothing lost, nothing doubled, nothing out of order."""

import json
import threading
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from botocore.client import Config

from cleaning import Rules
from lake.parquet.part_files import read_rows
from lake.runs.session import Claim, Lake
from lake.schema.records import TABLES
from lake.storage import s3_store
from lake.storage.folder_store import FolderStore
from lake.storage.leases import LeaseHeld, LeaseLost
from lake.storage.open_store import open_store
from lake.storage.spool import Outbox, Spool, SpoolFailed, spool_folder
from lake.storage.store import LakeError, PartExists, StoreAway
from tests.lake.faults import faulty_way, times
from tests.lake.stories import page, processed, raw

A = page("https://one.example/bridge", "bridge")
A_COPY = page("https://two.example/bridge-copy", "bridge", title="Bridge decided", cut=6)
B = page("https://two.example/library", "library")
GONE = raw("https://one.example/gone", "", status=404)
ALL = [A, B, A_COPY, GONE]
CLAIMS = [Claim("one.example", "one.example"), Claim("two.example", "two.example")]


def no_rules(outlet):
    return Rules()


class Killed(Exception):
    pass


@pytest.fixture
def way(bucket, object_store, monkeypatch):
    """The way to the object store, on which anything may happen."""
    monkeypatch.setattr(s3_store, "_CONFIG", impatient(tries=1))
    with faulty_way(object_store.port) as way:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{way.port}")
        way.uri = f"{bucket}/lake"
        yield way


def impatient(tries, read_s=30):
    retries = {"mode": "standard", "total_max_attempts": tries}
    return Config(connect_timeout=5, read_timeout=read_s, retries=retries)


def away(request):
    return "reset"


def back(request):
    return None


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


def rows(uri, table):
    store = open_store(uri)
    return [row for key in store.keys(f"{table}/") for row in read_rows(store, key)]


def landed(uri):
    """Ids by table; none twice."""
    found = {table: [row["id"] for row in rows(uri, table)] for table in TABLES}
    assert max((n for ids in found.values() for n in Counter(ids).values()), default=1) == 1, found
    outcomes = Counter(i for table in TABLES[1:] for i in found[table])
    assert max(outcomes.values(), default=1) == 1, found
    return {table: set(ids) for table, ids in found.items()}


def records(uri):
    store = open_store(uri)
    return [json.loads(store.get(k)) for k in store.keys("runs/") if not k.endswith(".started.json")]


def crawl(uri, state, *pages, claims=(), lease_s=120.0):
    with Lake(uri, state, lease_s).run("test", no_rules, {}, claims) as (run, opening):
        results = [run.add(processed(one)) for one in pages]
        run.flush()
        run.finish("finished", {})
    return opening, [r.outcome for r in results]


def crawl_in_an_outage(way, state, *pages, lease_s=120.0, claims=(), lands=0):
    """A run whose store goes away after so many of its pages have landed, and comes back when it ends."""
    with Lake(way.uri, state, lease_s).run("outage", no_rules, {}, claims) as (run, _):
        for place, one in enumerate(pages):
            way.fault = back if place < lands else away
            run.add(processed(one))
            if place < lands:
                run.flush()
            else:
                with pytest.raises(StoreAway):
                    run.flush()
        with pytest.raises(StoreAway):
            run.finish("finished", {})
        way.fault = back
    return run


# ---------------------------------------------------------------- on disk


def test_objects_land_in_the_order_of_their_flushes_and_tables_and_the_record_last(tmp_path):
    spool = Spool(tmp_path / "spool" / "run")
    keys = [
        "raw/day=2026-01-02/run-00001.parquet", "articles/day=2026-01-02/run-00001.parquet",
        "raw/day=2026-01-01/run-00002.parquet", "copies/day=2026-01-01/run-00002.parquet", "runs/run.json",
    ]  # fmt: skip
    for key in reversed(keys):
        spool.add(key, key.encode())
    again = Spool(tmp_path / "spool" / "run")
    assert (again.keys, again.bytes) == (keys, sum(map(len, keys)))
    lake = FolderStore(tmp_path / "lake")
    assert list(again.land(lake)) == keys
    assert [lake.get(key).decode() for key in keys] == keys
    assert not (tmp_path / "spool" / "run").exists()


def test_what_waits_is_landed_before_anything_else(tmp_path):
    asked = []

    class Store(FolderStore):
        def put_new(self, key, data):
            asked.append(key)
            if len(asked) == 1:
                raise StoreAway("away")
            super().put_new(key, data)

    outbox = Outbox(Store(tmp_path / "lake"), Spool(tmp_path / "spool"))
    with pytest.raises(StoreAway):
        outbox.send([("raw/x-00000.parquet", b"1"), ("articles/x-00000.parquet", b"2")])
    assert outbox.waiting == ["raw/x-00000.parquet", "articles/x-00000.parquet"]
    outbox.send([("raw/x-00001.parquet", b"3")])
    assert asked[1:] == ["raw/x-00000.parquet", "articles/x-00000.parquet", "raw/x-00001.parquet"]
    assert outbox.waiting == []


def test_a_spool_that_fails_too_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    outbox = Outbox(FolderStore(tmp_path / "file" / "lake"), Spool(tmp_path / "file" / "spool"))
    with pytest.raises(SpoolFailed, match=r"lake.*spool"):
        outbox.send([("raw/x-00000.parquet", b"1")])


# ---------------------------------------------------------------- faults that cost nothing


@pytest.mark.parametrize(
    ("fault", "each"), [("reset", 2), ("lose the reply", 2), ("slow down", 2), ("stall 1.3", 7)]
)
def test_failing_requests_are_made_again_and_nothing_lands_twice(way, state, fault, each, monkeypatch):
    monkeypatch.setattr(s3_store, "_CONFIG", impatient(tries=4, read_s=1))
    puts = [0]

    def now_and_then(request):
        puts[0] += request.startswith(b"PUT")
        return fault if request.startswith(b"PUT") and puts[0] % each == 1 else None

    way.fault = now_and_then
    assert crawl(way.uri, state, *ALL[:3], claims=CLAIMS)[1] == ["articles", "articles", "copies"]
    assert len(way.done) > 1
    assert landed(way.uri)["raw"] == {A.id, B.id, A_COPY.id}
    assert len(records(way.uri)) == 1


def test_a_torn_answer_is_read_again(way):
    """boto3 does not try again by itself: the body comes after its part of the work."""
    store = open_store(way.uri)
    store.put_new("articles/x", b"0123456789")
    way.fault = times(1, "tear the reply", b"GET")
    assert store.get("articles/x") == b"0123456789"
    assert way.done == ["tear the reply"]


# ---------------------------------------------------------------- outages


def test_an_outage_inside_a_run_costs_nothing(way, state):
    with Lake(way.uri, state).run("test", no_rules, {}) as (run, _):
        for one, fault in zip(ALL, (back, away, away, back), strict=True):
            way.fault = fault
            run.add(processed(one))
            if fault is away:
                with pytest.raises(StoreAway):
                    run.flush()
                assert run.index.is_pending(one.id)
            else:
                run.flush()
        assert not any(run.index.is_pending(one.id) for one in ALL)
        run.finish("finished", {})
    assert {table: len(ids) for table, ids in landed(way.uri).items()} == {
        "raw": 4, "articles": 2, "copies": 1, "revisions": 0, "rejects": 1,
    }  # fmt: skip
    (record,) = records(way.uri)
    assert {part["key"] for part in record["parts"]} == {
        key for table in TABLES for key in open_store(way.uri).keys(f"{table}/")
    }
    assert not spool_folder(state, way.uri).exists() or not list(spool_folder(state, way.uri).iterdir())


@pytest.mark.parametrize("lands", [0, 2])
def test_what_an_outage_left_behind_lands_at_the_next_start(way, state, lands):
    """With its own record and its own figures; no page is asked for again."""
    run = crawl_in_an_outage(way, state, *ALL, lands=lands)
    assert records(way.uri) == []
    opening, outcomes = crawl(way.uri, state, *ALL)
    assert opening.unspooled > 0
    assert opening.recovered == []
    assert outcomes == ["unchanged"] * 4
    assert landed(way.uri)["rejects"] == {GONE.id}
    theirs, _ = records(way.uri)
    assert (theirs["run_id"], theirs["outcome"]) == (run.run_id, "finished")
    assert theirs["counts"]["articles"] == 2


def test_another_process_of_the_machine_takes_no_page_that_waits(way, state):
    with Lake(way.uri, state).run("one", no_rules, {}) as (one, _):
        one.add(processed(A))
        way.fault = away
        with pytest.raises(StoreAway):
            one.flush()
        way.fault = back
        assert crawl(way.uri, state, A)[1] == ["unchanged"]
        one.flush()
        one.finish("finished", {})
    assert landed(way.uri)["articles"] == {A.id}


def test_a_death_in_an_outage_loses_nothing_that_was_spooled(way, state):
    with pytest.raises(Killed), Lake(way.uri, state).run("dies", no_rules, {}) as (run, _):
        way.fault = away
        for one in ALL[:3]:
            run.add(processed(one))
            with pytest.raises(StoreAway):
                run.flush()
        (spool,) = spool_folder(state, way.uri).iterdir()
        last = next(iter(spool.glob("copies/*/*")))
        last.unlink()  # it died between two files of a flush
        raise Killed
    way.fault = back
    opening, outcomes = crawl(way.uri, state, *ALL)
    assert len(opening.recovered) == 1
    assert outcomes == ["unchanged"] * 3 + ["rejects"]
    assert landed(way.uri)["copies"] == {A_COPY.id}


def test_a_start_that_dies_while_it_lands_a_spool_is_followed_by_another(way, state):
    crawl_in_an_outage(way, state, *ALL)
    way.fault = times(99, "reset")
    left = [9]  # the probe, the leases, and some of the spool

    def dies(request):
        if request.startswith(b"PUT"):
            left[0] -= 1
        return "reset" if left[0] < 0 else None

    way.fault = dies
    with pytest.raises(StoreAway):
        crawl(way.uri, state, *ALL)
    way.fault = back
    assert crawl(way.uri, state, *ALL)[1] == ["unchanged"] * 4
    assert len(landed(way.uri)["raw"]) == 4


def test_two_starts_at_once_land_a_spool_once(way, state):
    crawl_in_an_outage(way, state, *ALL)
    found = []
    starts = [threading.Thread(target=lambda: found.append(crawl(way.uri, state, *ALL)[1])) for _ in range(3)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert found == [["unchanged"] * 4] * 3
    assert len(landed(way.uri)["raw"]) == 4


def test_a_deleted_index_does_not_matter(way, state):
    crawl_in_an_outage(way, state, *ALL)
    for file in state.glob("index-*"):
        file.unlink()
    assert crawl(way.uri, state, *ALL)[1] == ["unchanged"] * 4
    assert len(landed(way.uri)["raw"]) == 4


# ---------------------------------------------------------------- a second machine meanwhile


def test_pages_that_another_machine_landed_meanwhile_are_not_landed_twice(way, state, tmp_path):
    crawl_in_an_outage(way, state, A, B, claims=CLAIMS, lands=0)
    assert crawl(way.uri, tmp_path / "other", A, A_COPY, claims=CLAIMS)[1] == ["articles", "copies"]
    crawl(way.uri, state, claims=CLAIMS)
    found = landed(way.uri)
    assert found["articles"] == {A.id, B.id}
    assert found["copies"] == {A_COPY.id}


def test_a_run_that_another_machine_finished_meanwhile_is_judged_anew(way, state, tmp_path):
    """Its part names are taken; what only the spool has lands under another run's name."""
    run = crawl_in_an_outage(way, state, A, B, A_COPY, claims=CLAIMS, lands=1)
    opening, _ = crawl(way.uri, tmp_path / "other", B, claims=CLAIMS)
    assert [r.run_id for r in opening.recovered] == [run.run_id]
    opening, outcomes = crawl(way.uri, state, A, B, A_COPY, claims=CLAIMS)
    assert outcomes == ["unchanged"] * 3
    found = landed(way.uri)
    assert found["articles"] == {A.id, B.id}
    assert found["copies"] == {A_COPY.id}


class Mortal(FolderStore):
    """Away after so many writes."""

    def __init__(self, root, writes):
        super().__init__(root)
        self.left = writes

    def _write(self, path, data):
        self._count()
        super()._write(path, data)

    def swap(self, key, data, tag):
        self._count()
        return super().swap(key, data, tag)

    def _count(self):
        self.left -= 1
        if self.left < 0:
            raise StoreAway("away")


def test_starts_that_die_at_each_of_their_writes_lose_nothing_that_was_spooled(tmp_path, state):
    """While they judge it anew: what they had entered as pending, and half a flush, must not stand in its way."""
    uri = str(tmp_path / "lake")
    lake = Lake(uri, state)
    lake.store = Mortal(tmp_path / "lake", 99)
    with lake.run("outage", no_rules, {}, CLAIMS) as (run, _):
        lake.store.left = 0
        for one in (A, B, A_COPY):
            run.add(processed(one))
        with pytest.raises(StoreAway):
            run.flush()
        with pytest.raises(StoreAway):
            run.finish("finished", {})
    for claim in CLAIMS:
        end_lease(uri, claim.outlet)
    crawl(uri, tmp_path / "other", claims=CLAIMS)  # finishes the run, and takes its names
    for writes in count():
        lake.store.left = writes
        with suppress(StoreAway), lake.run("test", no_rules, {}) as (run, _):
            run.finish("finished", {})
            break
    assert writes > 5
    assert not list(spool_folder(state, uri).iterdir())
    assert crawl(uri, state, A, B, A_COPY)[1] == ["unchanged"] * 3
    found = landed(uri)
    assert (found["articles"], found["copies"]) == ({A.id, B.id}, {A_COPY.id})


class Meanwhile(FolderStore):
    """Something happens in the lake just before a lease is looked at for the first time."""

    def __init__(self, root, outlet, then):
        super().__init__(root)
        self.key, self.then = f"leases/{outlet}.json", then

    def look(self, key):
        if key == self.key and self.then:
            then, self.then = self.then, None
            then()
        return super().look(key)


def test_what_another_machine_lands_before_a_start_has_a_spool_s_leases_is_not_landed_twice(tmp_path, state):
    uri, lake = str(tmp_path / "lake"), Lake(str(tmp_path / "lake"), state)
    lake.store = Mortal(tmp_path / "lake", 99)
    with lake.run("outage", no_rules, {}, CLAIMS) as (run, _):
        lake.store.left = 0
        run.add(processed(A))
        for step in (run.flush, lambda: run.finish("finished", {})):
            with pytest.raises(StoreAway):
                step()
        lake.store.left = 99
    lake.store = Meanwhile(
        tmp_path / "lake", "one.example", lambda: crawl(uri, tmp_path / "other", A, claims=CLAIMS)
    )
    with lake.run("test", no_rules, {}) as (run, _):
        run.finish("finished", {})
    assert lake.store.then is None
    assert landed(uri)["articles"] == {A.id}


def test_a_story_that_another_machine_lands_before_a_dead_run_is_finished_is_its_original(tmp_path, state):
    uri, lake = str(tmp_path / "lake"), Lake(str(tmp_path / "lake"), state)
    with Lake(uri, tmp_path / "other").run("other", no_rules, {}, CLAIMS[1:]) as (other, _):
        with lake.run("dies", no_rules, {}, CLAIMS[:1]) as (run, _):
            run.add(processed(A))
            batch = run.cut()
            batch.tables = {"raw": batch.tables["raw"]}
            run.write(batch)
            run.abandon()

        def end():
            other.add(processed(A_COPY))
            other.flush()
            other.finish("finished", {})

        lake.store = Meanwhile(tmp_path / "lake", "one.example", end)
        with lake.run("test", no_rules, {}) as (run, _):
            run.finish("finished", {})
    assert lake.store.then is None
    found = landed(uri)
    assert (found["articles"], found["copies"]) == ({A_COPY.id}, {A.id})


def test_pages_that_a_run_without_a_lease_landed_meanwhile_are_not_landed_twice(way, state, tmp_path):
    crawl_in_an_outage(way, state, A, B)
    assert crawl(way.uri, tmp_path / "other", A)[1] == ["articles"]
    crawl(way.uri, state)
    assert landed(way.uri)["articles"] == {A.id, B.id}


def test_an_outage_of_yesterday_leaves_no_part_that_no_record_names(way, state, tmp_path):
    """The names that the other machine takes have another day in them."""
    with Lake(way.uri, state).run("outage", no_rules, {}, CLAIMS) as (run, _):
        way.fault = away
        run.add(processed(A))
        with pytest.raises(StoreAway):
            run.write(run.cut(datetime.now(UTC) - timedelta(days=1)))
        with pytest.raises(StoreAway):
            run.finish("finished", {})
        way.fault = back
    crawl(way.uri, tmp_path / "other", A, claims=CLAIMS)
    crawl(way.uri, state)
    assert landed(way.uri)["articles"] == {A.id}
    named = {part["key"] for record in records(way.uri) for part in record["parts"]}
    assert named == {key for name in TABLES for key in open_store(way.uri).keys(f"{name}/")}


def test_a_spool_waits_while_another_machine_crawls_its_outlet(way, state, tmp_path):
    crawl_in_an_outage(way, state, A, claims=CLAIMS[:1])
    with Lake(way.uri, tmp_path / "other").run("two", no_rules, {}, CLAIMS[:1]) as (two, _):
        two.add(processed(A))
        assert crawl(way.uri, state, B)[1] == ["articles"]
        assert spool_folder(state, way.uri).exists()
        two.flush()
        two.finish("finished", {})
    crawl(way.uri, state)
    assert landed(way.uri)["articles"] == {A.id, B.id}
    assert not list(spool_folder(state, way.uri).iterdir())


@pytest.mark.parametrize("way_to", ["folder", "s3"])
def test_a_dead_run_of_another_machine_is_finished_as_soon_as_its_lease_has_run_out(way, way_to, tmp_path):
    """And not after a day: its pages would be asked for, and land, a second time."""
    uri = way.uri if way_to == "s3" else str(tmp_path / "lake")
    with pytest.raises(Killed), Lake(uri, tmp_path / "one").run("dies", no_rules, {}, CLAIMS[:1]) as (run, _):
        run.add(processed(A))
        run.flush()
        run.leases._give_back = lambda name, is_away: True
        raise Killed
    with pytest.raises(LeaseHeld, match=run.run_id):
        crawl(uri, tmp_path / "two", A, claims=CLAIMS[:1])
    opening, outcomes = crawl(uri, tmp_path / "two", B)
    assert opening.recovered == []
    end_lease(uri, "one.example")
    opening, outcomes = crawl(uri, tmp_path / "two", A, claims=CLAIMS[:1])
    assert [r.run_id for r in opening.recovered] == [run.run_id]
    assert outcomes == ["unchanged"]
    assert landed(uri)["articles"] == {A.id, B.id}


def end_lease(uri, name):
    """As time would."""
    store = open_store(uri)
    seen = store.look(f"leases/{name}.json")
    store.swap(f"leases/{name}.json", json.dumps({**json.loads(seen.data), "ttl_s": -9.0}).encode(), seen.tag)


def test_a_holder_that_was_paused_too_long_lands_nothing_more(tmp_path):
    uri = str(tmp_path / "lake")
    with Lake(uri, tmp_path / "one").run("paused", no_rules, {}, CLAIMS) as (run, _):
        run.add(processed(A))
        run.flush()
        run.add(processed(B))
        for claim in CLAIMS:
            end_lease(uri, claim.outlet)
        opening, outcomes = crawl(uri, tmp_path / "two", A, B, claims=CLAIMS)
        assert [r.run_id for r in opening.recovered] == [run.run_id]
        assert outcomes == ["unchanged", "articles"]
        run.flush()
        run.finish("finished", {})
    assert run.forfeited == {"two.example": 1}
    assert landed(uri)["articles"] == {A.id, B.id}
    assert crawl(uri, tmp_path / "one", A, B)[1] == ["unchanged"] * 2


def test_a_holder_that_is_paused_between_its_check_and_its_write_finds_the_name_taken(tmp_path):
    uri = str(tmp_path / "lake")
    with Lake(uri, tmp_path / "one").run("paused", no_rules, {}, CLAIMS) as (run, _):
        run.add(processed(A))
        lost = run.leases.lost

        def paused(names):
            found = lost(names)
            for claim in CLAIMS:
                end_lease(uri, claim.outlet)
            crawl(uri, tmp_path / "two", A, claims=CLAIMS)
            return found

        run.leases.lost = paused
        with pytest.raises(PartExists):
            run.flush()
        run.leases.lost = lost
        with pytest.raises(LakeError):
            run.finish("landing_failed", {})
    assert crawl(uri, tmp_path / "one", A)[1] == ["unchanged"]
    assert landed(uri)["articles"] == {A.id}


def test_an_outage_in_which_another_machine_took_the_outlet_leaves_the_rest_in_the_spool(
    way, state, tmp_path
):
    with Lake(way.uri, state).run("one", no_rules, {}, CLAIMS) as (run, _):
        run.add(processed(A))
        way.fault = away
        with pytest.raises(StoreAway):
            run.flush()
        way.fault = back
        for claim in CLAIMS:
            end_lease(way.uri, claim.outlet)
        crawl(way.uri, tmp_path / "two", A, claims=CLAIMS)
        run.add(processed(B))
        with pytest.raises(LeaseLost):
            run.flush()
        with pytest.raises(LakeError):
            run.finish("lease_lost", {})
    assert crawl(way.uri, state, A)[1] == ["unchanged"]
    assert landed(way.uri)["articles"] == {A.id}
    assert not list(spool_folder(state, way.uri).iterdir())


def test_a_lake_folder_that_is_full_leaves_the_rows_in_the_spool(tmp_path, state):
    """Whatever keeps them from landing: the crawl stops, and the rows are there at the next start."""
    lake = tmp_path / "lake"
    with Lake(str(lake), state).run("full", no_rules, {}) as (run, _):
        run.add(processed(A))
        (lake / "raw").write_text("in the way")
        with pytest.raises(LakeError, match="cannot be written") as caught:
            run.flush()
        assert not isinstance(caught.value, StoreAway | PartExists)
        with pytest.raises(LakeError):
            run.finish("landing_failed", {})
    (lake / "raw").unlink()
    assert crawl(str(lake), state, A)[1] == ["unchanged"]
    assert landed(str(lake))["articles"] == {A.id}


def test_a_spool_that_dies_half_way_to_being_discarded_lands_nothing_any_more(tmp_path, monkeypatch):
    """Its run record would name parts that are gone."""
    spool = Spool(tmp_path / "spools/run")
    spool.add("raw/day=2026-01-01/run-00000.parquet", b"1")
    spool.add("runs/run.json", b"{}")
    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", lambda *given, **named: None)  # died before the first file
        spool.discard()
    assert Spool(tmp_path / "spools/run").keys == []
    spool.discard()
    assert list((tmp_path / "spools").iterdir()) == []
