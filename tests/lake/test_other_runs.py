"""What runs of other machines land is known while a run goes on, whatever dies when."""

import json
import logging
import shutil
import sqlite3
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from lake.jobs.takedown import forget
from lake.jobs.verify import verify
from lake.parquet.part_files import read_rows
from lake.runs.other_runs import OtherRuns
from lake.runs.session import Claim, Lake
from lake.schema.records import STORY_TABLES, TABLES
from lake.storage import flush_records
from lake.storage.flush_records import FLUSHES_PER_RECORD, FlushRecord
from lake.storage.folder_store import FolderStore
from lake.storage.store import StoreAway
from tests.lake.stories import page, processed, raw
from tests.lake.test_run import Killed, crawl, die_after, no_rules

A = page("https://one.example/bridge", "bridge")
A_COPY = page("https://two.example/bridge-copy", "bridge", title="Bridge decided", cut=6)
B = page("https://two.example/library", "library")
B_COPY = page("https://three.example/library-copy", "library", title="Library to open")
GONE = raw("https://one.example/gone", "", status=404)


@pytest.fixture
def uri(tmp_path):
    return str(tmp_path / "lake")


@pytest.fixture
def machine(tmp_path, uri):
    """Starts a run on a machine of the given name; returns its run and what it sees of others."""
    with ExitStack() as stack:

        def start(name, claims=(), lake=uri):
            run, opening = stack.enter_context(Lake(lake, tmp_path / name).run(name, no_rules, {}, claims))
            return run, opening.others

        yield start


def lands(run, *pages):
    outcomes = [run.add(processed(one)).outcome for one in pages]
    run.flush()
    return outcomes


def requests(store):
    """The store's requests from here on."""
    made = []
    for name in ("keys", "get", "put_new", "look"):
        real = getattr(store, name)

        def counted(*args, _real=real, _name=name, **named):
            made.append((_name, args[0]))
            return _real(*args, **named)

        setattr(store, name, counted)
    return made


def entered(index_path):
    """How many rows the signature index ever took, by outlet, and how many parts are noted."""
    with sqlite3.connect(index_path) as db:
        rows = dict(db.execute("SELECT name, added FROM dedupe_outlets"))
        (parts,) = db.execute("SELECT count(*) FROM learned").fetchone()
        return rows, parts


def in_lake(uri, tables=TABLES[1:]):
    store = FolderStore(Path(uri))
    return {row["id"] for t in tables for key in store.keys(f"{t}/") for row in read_rows(store, key)}


# ---------------------------------------------------------------- what a look finds


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_copy_of_what_another_machine_has_flushed_is_a_copy(kind, machine, uri, request):
    lake = uri if kind == "folder" else request.getfixturevalue("bucket") + "/lake"
    (one, _), (two, others) = machine("one", lake=lake), machine("two", lake=lake)
    assert lands(one, A, GONE) == ["articles", "rejects"]
    others.look()
    assert two.index.landed_row(GONE.id).reason
    assert lands(two, A_COPY) == ["copies"]
    two.finish("finished", {})
    assert lands(one, B) == ["articles"]
    one.finish("finished", {})
    assert list(one.store.keys("flushes/")) == []
    assert verify(one.store).faults == []


def test_what_is_known_by_a_look_is_not_entered_again_when_its_run_ends(machine, tmp_path, uri):
    (one, _), (two, others) = machine("one"), machine("two")
    lands(one, A)
    others.look()
    lands(one, B)
    others.look()
    others.look()
    assert entered(two.index.path) == ({"one.example": 1, "two.example": 1}, 2)
    one.finish("finished", {})
    made = requests(two.store)
    others.look()
    assert [name for name, key in made if key.endswith(".parquet")] == []
    assert entered(two.index.path) == ({"one.example": 1, "two.example": 1}, 0)
    two.finish("finished", {})
    crawl(uri, tmp_path / "three")
    assert entered(Lake(uri, tmp_path / "three").index_path) == entered(two.index.path)


def test_a_look_without_news_costs_two_listings(machine):
    (one, _), (two, others) = machine("one"), machine("two")
    lands(one, A)
    others.look()
    made = requests(two.store)
    for _ in range(3):
        others.look()
    assert made == [("keys", "flushes/"), ("keys", "runs/")] * 3


def test_a_run_that_ended_between_two_looks_is_known_by_its_record(machine, tmp_path, uri):
    two, others = machine("two")
    crawl(uri, tmp_path / "one", A)
    assert list(two.store.keys("flushes/")) == []
    others.look()
    assert lands(two, A_COPY) == ["copies"]


def test_a_run_of_a_version_without_flush_records_is_known_when_it_ends(machine):
    (one, _), (two, others) = machine("one"), machine("two")
    lands(one, A)
    for key in list(one.store.keys("flushes/")):
        one.store.remove(key)
    others.look()
    assert two.index.page_state(A.id) is None
    one.finish("finished", {})
    others.look()
    assert two.index.page_state(A.id).content_hash


def test_runs_of_the_same_working_folder_are_passed_over(machine):
    (one, _), (two, others) = machine("one"), machine("one")
    lands(one, A)
    made = requests(two.store)
    others.look()
    assert made == [("keys", "flushes/"), ("keys", "runs/")]
    assert lands(two, A_COPY) == ["copies"]  # by the index that they share


def test_a_part_that_is_still_to_come_is_looked_for_again(machine):
    (one, _), (two, others) = machine("one"), machine("two")
    for one_page in (A, B, A_COPY):
        one.add(processed(one_page))
    put, late = one.store.put_new, []
    one.store.put_new = lambda key, data: late.append((key, data)) if "copies/" in key else put(key, data)
    one.flush()
    others.look()
    assert two.index.page_state(A.id)
    assert two.index.page_state(A_COPY.id) is None
    for object_ in late:
        put(*object_)
    others.look()
    assert two.index.page_state(A_COPY.id).story_id == A.id
    assert entered(two.index.path)[0] == {"one.example": 1, "two.example": 2}


def test_three_machines_in_turn_find_one_original(machine):
    (one, see_one), (two, see_two), (three, see_three) = machine("one"), machine("two"), machine("three")
    assert lands(three, B_COPY) == ["articles"]
    for others in (see_one, see_two, see_three):
        others.look()
    assert lands(one, B) == ["copies"]
    assert lands(two, A) == ["articles"]
    for others in (see_one, see_three):
        others.look()
    assert lands(one, A_COPY) == ["copies"]
    for run in (one, two, three):
        run.finish("finished", {})
    assert verify(one.store).faults == []


# ---------------------------------------------------------------- at a start


def test_a_container_that_was_killed_and_replaced_knows_what_it_had_landed(tmp_path, uri):
    with (
        suppress(Killed),
        Lake(uri, tmp_path / "one").run("shard", no_rules, {}, [Claim("one.example")]) as (run, _),
    ):
        lands(run, A)
        raise Killed
    renew_lease(uri, tmp_path / "one", "one.example")
    shutil.rmtree(tmp_path / "one")
    with Lake(uri, tmp_path / "new").run("shard", no_rules, {}, [Claim("two.example")]) as (run, opening):
        assert opening.recovered == []  # its lease has not run out
        assert lands(run, A_COPY) == ["copies"]
        run.finish("finished", {})


def renew_lease(uri, state, outlet):
    """A killed process gives nothing back."""
    path = FolderStore(Path(uri)).root / "leases" / f"{outlet}.json"
    holder = json.loads(path.read_text())
    path.write_text(json.dumps({**holder, "released": False}))


@pytest.mark.parametrize("writes", range(12))
def test_whatever_dies_when_what_is_in_the_lake_is_known_and_entered_once(tmp_path, uri, writes):
    """Each write of two flushes and of the run's records, flush records among them."""
    with Lake(uri, tmp_path / "two").run("two", no_rules, {}) as (two, opening):
        with (
            pytest.raises(Killed),
            Lake(uri, tmp_path / "one").run("one", no_rules, {}, [Claim("x")]) as (run, _),
        ):
            die_after(run, writes)
            for pages in ([A, GONE], [B, A_COPY]):
                for one in pages:
                    run.add(processed(one))
                run.flush()
            run.finish("finished", {})
            raise Killed
        opening.others.look()
        known = {id for id in in_lake(uri) if two.index.landed_row(id)}
        assert known == in_lake(uri)
        named = {
            part for key in two.store.keys("flushes/") for _, part in
            flush_records.parse(key, two.store.get(key)).parts
        }  # fmt: skip
        has_ended = len(list(two.store.keys("runs/"))) > 2
        assert has_ended or named >= {key for t in TABLES for key in two.store.keys(f"{t}/")}
        crawl(uri, tmp_path / "three", A, B, A_COPY, GONE)  # finishes the dead run
        opening.others.look()
        assert in_lake(uri) == {one.id for one in (A, B, A_COPY, GONE)} == {
            id for id in in_lake(uri) if two.index.landed_row(id)
        }  # fmt: skip
        assert entered(two.index.path)[0] == {"one.example": 1, "two.example": 2}
        two.finish("finished", {})
    assert entered(two.index.path)[1] == 0
    assert verify(two.store).faults == []


def test_a_recovery_that_dies_is_seen_too(tmp_path, uri):
    with pytest.raises(Killed), Lake(uri, tmp_path / "one").run("one", no_rules, {}) as (run, _):
        die_after(run, 2)  # the flush record and raw
        run.add(processed(A))
        run.flush()
    lake = Lake(uri, tmp_path / "one")
    put, left = lake.store.put_new, [6]

    def put_new(key, data):
        left[0] -= 1
        if not left[0]:
            raise Killed
        put(key, data)

    lake.store.put_new = put_new
    with pytest.raises(Killed), lake.run("again", no_rules, {}):
        pass
    assert in_lake(uri) == {A.id}
    with Lake(uri, tmp_path / "two").run("two", no_rules, {}) as (two, _):
        assert lands(two, A_COPY) == ["copies"]
        two.finish("finished", {})


# ---------------------------------------------------------------- flush records


def test_a_run_keeps_one_record_for_a_block_of_flushes(machine, monkeypatch):
    monkeypatch.setattr(flush_records, "FLUSHES_PER_RECORD", 3)
    run, _ = machine("one")
    counts = []
    for n in range(7):
        lands(run, raw(f"https://one.example/{n}", "", status=404))
        counts.append(len(list(run.store.keys("flushes/"))))
    assert counts == [1, 1, 1, 2, 2, 2, 3]
    named = [
        part
        for key in run.store.keys("flushes/")
        for _, part in flush_records.parse(key, run.store.get(key)).parts
    ]
    assert named == [part.key for part in run.parts]
    assert FLUSHES_PER_RECORD == 64


def test_records_that_a_run_left_behind_go_at_the_next_start(tmp_path, uri):
    with Lake(uri, tmp_path / "one").run("one", no_rules, {}) as (run, _):
        lands(run, A)
        run._remove_flush_records = lambda: None  # it dies behind its run record
        run.finish("finished", {})
    assert list(run.store.keys("flushes/"))
    crawl(uri, tmp_path / "two")
    assert list(run.store.keys("flushes/")) == []


def test_an_outage_lands_the_record_before_its_parts(tmp_path, uri):
    store = FolderStore(Path(uri))
    with Lake(uri, tmp_path / "one").run("one", no_rules, {}) as (run, _):
        put, landed = run.store.put_new, []

        def away(key, data):
            raise StoreAway("away")

        run.store.put_new = away
        run.add(processed(A))
        with pytest.raises(StoreAway):
            run.flush()
        with pytest.raises(StoreAway):
            run.finish("finished", {})
        assert [key.partition("/")[0] for key in run.outbox.waiting] == ["flushes", "raw", "articles", "runs"]
    lake = Lake(uri, tmp_path / "one")
    put = lake.store.put_new
    lake.store.put_new = lambda key, data: (landed.append(key.partition("/")[0]), put(key, data))
    with lake.run("again", no_rules, {}) as (again, opening):
        assert opening.unspooled == 4
        assert landed[:5] == ["_probe", "flushes", "raw", "articles", "runs"]
        again.finish("finished", {})
    crawl(uri, tmp_path / "two")
    assert list(store.keys("flushes/")) == []


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"run_id": 1}', b'{"run_id": "x", "seq": 0, "parts": [["raw", "../x"]]}']
)
def test_a_flush_record_that_is_none_is_told_and_passed_over(machine, caplog, data):
    two, others = machine("two")
    two.store.put_new("flushes/x-00000.json", data)
    others.look()
    others.look()
    assert [r.getMessage().count("flushes/x-00000.json cannot be read") for r in caplog.records] == [1]
    assert any("flushes/x-00000.json" in fault for fault in verify(two.store).faults)


def test_a_part_that_is_damaged_is_told_and_passed_over(machine, caplog):
    (one, _), (two, others) = machine("one"), machine("two")
    lands(one, A)
    lands(one, B)
    first = next(iter(one.store.keys("articles/")))
    (one.store.root / first).write_bytes(b"no Parquet")
    others.look()
    others.look()
    assert two.index.page_state(B.id)
    assert len(caplog.records) == 1
    one.finish("finished", {})
    others.look()
    others.look()
    assert two.index.run_ids() == set()  # left to the next start
    assert len(caplog.records) == 2


# ---------------------------------------------------------------- looks that fail, and slices


def test_looks_that_fail_are_counted_told_when_they_last_and_end_nothing(tmp_path, uri, caplog):
    now = [0.0]
    with Lake(uri, tmp_path / "two").run("two", no_rules, {}) as (run, _):
        others = OtherRuns(run.store, run.index, tmp_path / "two" / "locks", 45.0, lambda: now[0])
        others.look_if_due()
        keys = run.store.keys

        def away(*_, **__):
            raise StoreAway("away")

        run.store.keys = away
        for _ in range(5):
            others.look_if_due()  # not due
            now[0] += 45.0
            others.look_if_due()
        run.store.keys = keys
        now[0] += 44.9
        others.look_if_due()
        assert others.counts == {"looks": 6, "missed": 5, "rows": 0}
        now[0] += 0.1
        with caplog.at_level(logging.INFO):
            others.look_if_due()
        assert others.counts["looks"] == 7
        run.finish("finished", {})
    told = [r.levelname for r in caplog.records if "other machines land" in r.getMessage()]
    assert told == ["WARNING", "INFO"]


def test_rows_are_entered_in_slices_and_the_index_is_free_between_them(machine, monkeypatch):
    monkeypatch.setattr("lake.runs.other_runs._SLICE_S", 0.0)
    (one, _), (two, others) = machine("one"), machine("two")
    lands(one, A, B, A_COPY)
    news = others.find_news(others.known())
    steps = 0
    for one_news in news:
        for _ in others.enter(one_news, others.read(one_news)):
            steps += 1
            two.add(processed(raw(f"https://two.example/{steps}", "", status=404)))
            assert len(two.index.learned_parts()) in (0, 2)
    assert steps == 4  # three rows, and the note
    assert len(two.index.learned_parts()) == 2


def test_a_death_between_two_slices_enters_no_row_twice(machine, monkeypatch):
    monkeypatch.setattr("lake.runs.other_runs._SLICE_S", 0.0)
    (one, _), (two, others) = machine("one"), machine("two")
    lands(one, A, B, A_COPY)
    (news,) = others.find_news(others.known())
    next(others.enter(news, others.read(news)))
    others.look()
    assert entered(two.index.path) == ({"one.example": 1, "two.example": 2}, 2)


# ---------------------------------------------------------------- pages of both machines, takedowns


def test_a_newer_row_of_another_machine_stays_the_latest_state_of_its_page(machine):
    (one, _), (two, others) = machine("one"), machine("two")
    newer = replace(
        page(A.url, "bridge", extra="A ferry has been found that also runs at night."),
        fetched_at=A.fetched_at + timedelta(hours=1),
    )
    two.add(processed(A))
    lands(one, newer)
    others.look()
    two.flush()
    state = two.index.landed_row(A.id)
    assert (state.run_id, state.fetched_at) == (one.run_id, newer.fetched_at)
    assert two.index.has_version(A.id, processed(A).article.content_hash)


def test_a_reject_does_not_make_the_index_forget_an_article_that_landed_meanwhile(machine):
    (one, _), (two, others) = machine("one"), machine("two")
    two.add(processed(replace(raw(A.url, "", status=404), fetched_at=A.fetched_at + timedelta(hours=1))))
    lands(one, A)
    others.look()
    two.flush()
    state = two.index.landed_row(A.id)
    assert (state.reason, state.content_hash) == ("http_error", processed(A).article.content_hash)


def test_what_was_taken_down_after_it_was_learned_is_forgotten_and_taken_out(machine, tmp_path, uri):
    (one, _), (two, others) = machine("one"), machine("two")
    lands(one, A, B)
    others.look()
    forget(FolderStore(Path(uri)), [A.id], [])
    assert A.id not in in_lake(uri, STORY_TABLES)
    two.finish("finished", {})
    assert two.index.landed_row(A.id) is None
    assert two.index.landed_row(B.id)
    assert two.index.learned_parts() == frozenset()  # they are looked at once more when the run ends
    one.finish("finished", {})
    crawl(uri, tmp_path / "two")
    assert verify(FolderStore(Path(uri))).faults == []


def test_rows_that_landed_during_a_takedown_are_taken_out_by_who_learns_their_run(machine, uri):
    one, _ = machine("one")
    store = FolderStore(Path(uri))
    store.put_new(f"takedowns/page-{A.id}.json", b"{}")
    two, others = machine("two")  # knows the tombstone
    lands(one, A, B)
    others.look()
    assert two.index.landed_row(A.id) is None
    assert two.index.landed_row(B.id)
    one._remove_taken_down_rows = lambda: None  # its machine cannot look
    one.finish("finished", {})
    assert A.id in in_lake(uri, STORY_TABLES)
    others.look()
    assert A.id not in in_lake(uri, STORY_TABLES)


def test_flush_records_stand_in_order_and_name_their_run():
    first = FlushRecord("20261201T000000Z-a-1", 0, ()).next(0, [("raw", "raw/day=1/x")])
    second = first.next(1, [("articles", "articles/day=1/x")])
    assert [r.key for r in (first, second)] == sorted(r.key for r in (first, second))
    assert flush_records.run_of(second.key) == first.run_id
    assert flush_records.parse(second.key, second.encode()) == second
    assert all(set(a.parts) <= set(b.parts) for a, b in pairwise((first, second)))
