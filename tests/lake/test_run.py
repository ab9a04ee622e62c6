import contextlib
import json
import sqlite3
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from cleaning import Rules
from dedupe import Verdict
from lake.jobs.verify import verify
from lake.parquet.part_files import read_rows
from lake.runs import session
from lake.runs.run import _landing_result, new_run_id
from lake.runs.session import Lake
from lake.schema.records import STORY_TABLES, TABLES
from lake.storage.state_folder import StateFailed
from lake.storage.store import LakeError, PartExists
from tests.lake.stories import page, processed, raw


def no_rules(outlet):
    return Rules()


@pytest.fixture
def state(tmp_path) -> Path:
    return tmp_path / "state"


@pytest.fixture(params=["folder", "s3"])
def uri(request, tmp_path):
    return (
        str(tmp_path / "lake") if request.param == "folder" else request.getfixturevalue("bucket") + "/lake"
    )


def crawl(uri, state, *pages, flush_each=False, name="test"):
    """One whole run over the pages; returns the outcomes in order."""
    with Lake(uri, state).run(name, no_rules, {}) as (run, _):
        results = []
        for one in pages:
            results.append(run.add(processed(one)))
            if flush_each:
                run.flush()
        run.flush()
        run.finish("finished", {})
    return results


def rows(uri, state, table):
    store = Lake(uri, state).store
    return [row for key in store.keys(f"{table}/") for row in read_rows(store, key)]


def grouping(uri, state):
    """The pages that share a story, whatever its id."""
    groups = {}
    for table in STORY_TABLES:
        for row in rows(uri, state, table):
            groups.setdefault(row["story_id"], set()).add((row["id"], row["content_hash"]))
    return sorted(map(sorted, groups.values()))


A = page("https://one.example/bridge", "bridge")
A_COPY = page("https://two.example/bridge-copy", "bridge", title="Bridge decided", cut=6)
B = page("https://two.example/library", "library")


def test_an_article_a_copy_and_a_reject_land_in_their_tables(uri, state):
    outcomes = [
        r.outcome for r in crawl(uri, state, A, B, A_COPY, raw("https://one.example/gone", "", status=404))
    ]
    assert outcomes == ["articles", "articles", "copies", "rejects"]
    assert {t: len(rows(uri, state, t)) for t in TABLES} == {
        "raw": 4, "articles": 2, "copies": 1, "revisions": 0, "rejects": 1,
    }  # fmt: skip
    copy = rows(uri, state, "copies")[0]
    assert copy["story_id"] == copy["copy_of"] == A.id
    assert copy["containment"] > 0.9


def test_a_row_says_which_run_and_part_it_came_with(uri, state):
    crawl(uri, state, A)
    row = rows(uri, state, "articles")[0]
    key = next(iter(Lake(uri, state).store.keys("articles/")))
    assert key == f"articles/day={row['landed_at']:%Y-%m-%d}/{row['run_id']}-{row['seq']:05d}.parquet"


def test_the_same_pages_again_add_no_row_but_the_run_record(uri, state):
    crawl(uri, state, A, A_COPY, raw("https://one.example/gone", "", status=404))
    before = {t: rows(uri, state, t) for t in TABLES}
    again = crawl(uri, state, A, A_COPY, raw("https://one.example/gone", "", status=404))
    assert {r.outcome for r in again} == {"unchanged"}
    assert {t: rows(uri, state, t) for t in TABLES} == before
    assert len(list(Lake(uri, state).store.keys("runs/"))) == 4


def test_deleting_the_index_changes_nothing(uri, state):
    crawl(uri, state, A, A_COPY, raw("https://one.example/gone", "", status=404))
    for file in state.glob("index-*"):
        file.unlink()
    assert {
        r.outcome for r in crawl(uri, state, A, A_COPY, raw("https://one.example/gone", "", status=404))
    } == {"unchanged"}


def test_a_copy_is_recognised_in_a_later_run(uri, state):
    crawl(uri, state, A)
    (copy,) = crawl(uri, state, A_COPY)
    assert (copy.outcome, copy.verdict.story_id) == ("copies", A.id)


def test_a_changed_page_is_a_revision_once(uri, state):
    crawl(uri, state, A)
    changed = page(
        "https://one.example/bridge",
        "bridge",
        extra="The vote was repeated on Tuesday after a count went wrong.",
    )
    assert [r.outcome for r in crawl(uri, state, changed)] == ["revisions"]
    assert [r.outcome for r in crawl(uri, state, changed)] == ["unchanged"]
    assert [r.outcome for r in crawl(uri, state, A)] == ["revisions"]
    assert {row["story_id"] for row in rows(uri, state, "revisions")} == {A.id}


def test_the_same_page_of_an_outlet_under_another_address_is_an_alias(uri, state):
    other = page("https://one.example/world/bridge", "bridge")
    assert [r.outcome for r in crawl(uri, state, A, other)] == ["articles", "copies"]
    assert rows(uri, state, "copies")[0]["relation"] == "alias"


def test_the_run_record_names_every_part_with_its_rows_and_digest(uri, state):
    import hashlib

    crawl(uri, state, A, B, A_COPY, flush_each=True)
    store = Lake(uri, state).store
    record = json.loads(store.get(next(k for k in store.keys("runs/") if not k.endswith("started.json"))))
    assert Counter(p["table"] for p in record["parts"]) == {"raw": 3, "articles": 2, "copies": 1}
    for part in record["parts"]:
        data = store.get(part["key"])
        assert (part["bytes"], part["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert part["rows"] == len(read_rows(store, part["key"]))
    assert record["outcome"] == "finished"


class Killed(Exception):
    pass


def die_after(run, writes):
    """Let the run's store take so many objects and then fail, as a process does that is killed. Returns the
    requests that were not taken."""
    put, left, lost = run.store.put_new, [writes], []

    def put_new(key, data):
        if not left[0]:
            lost.append((key, data))
            raise Killed
        left[0] -= 1
        put(key, data)

    run.store.put_new = put_new
    return lost


@pytest.mark.parametrize("writes", range(11))
def test_a_run_that_dies_at_any_write_is_finished_by_the_next(uri, state, tmp_path, writes):
    """Its last request may reach the store long after its death: it must find its name taken."""
    pages = [A, B, A_COPY, raw("https://one.example/gone", "", status=404)]
    crawl(str(tmp_path / "whole"), tmp_path / "other", *pages)
    with pytest.raises(Killed), Lake(uri, state).run("test", no_rules, {}) as (run, _):
        lost = die_after(run, writes)
        for one in pages[:2]:
            run.add(processed(one))
        run.flush()
        for one in pages[2:]:
            run.add(processed(one))
        run.flush()
        run.finish("finished", {})
        raise Killed
    crawl(uri, state, *pages)
    before = {table: rows(uri, state, table) for table in TABLES}
    for key, data in lost:
        with contextlib.suppress(PartExists):  # none where the rescuer wrote the very same bytes
            Lake(uri, state).store.put_new(key, data)
    assert {table: rows(uri, state, table) for table in TABLES} == before
    assert grouping(uri, state) == grouping(str(tmp_path / "whole"), tmp_path / "other")
    for table in TABLES:
        ids = [row["id"] for row in rows(uri, state, table)]
        assert len(ids) == len(set(ids))
    assert Counter(r["id"] for t in TABLES[1:] for r in rows(uri, state, t)) == {p.id: 1 for p in pages}


@pytest.mark.parametrize("days", [-1, 1])
@pytest.mark.parametrize("writes", [2, 3])  # raw has landed, or articles, too
def test_a_dead_run_whose_clock_was_wrong_is_finished(uri, state, days, writes):
    with pytest.raises(Killed), Lake(uri, state).run("test", no_rules, {}) as (run, _):
        die_after(run, writes)
        run.add(processed(A))
        run.write(run.cut(datetime.now(UTC) + timedelta(days=days)))
        run.finish("finished", {})
    crawl(uri, state, A, B)
    assert sorted(row["id"] for row in rows(uri, state, "articles")) == sorted([A.id, B.id])
    assert len(rows(uri, state, "raw")) == 2
    assert verify(Lake(uri, state).store).faults == []


def test_a_late_request_finds_its_name_taken_also_where_another_machine_landed_the_page(uri, state, tmp_path):
    with pytest.raises(Killed), Lake(uri, state).run("one", no_rules, {}) as (run, _):
        run.add(processed(A))
        lost = die_after(run, 1)  # raw landed, articles was under way
        run.flush()
    crawl(uri, tmp_path / "other machine", A)
    crawl(uri, state, B)
    ((key, data),) = lost
    with pytest.raises(PartExists):
        Lake(uri, state).store.put_new(key, data)
    assert [r["id"] for r in rows(uri, state, "articles")].count(A.id) == 1


def test_runs_of_one_second_have_names_of_their_own_and_sort_by_start():
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert len({new_run_id("all", now) for _ in range(1000)}) == 1000
    assert new_run_id("all", now) < new_run_id("all", now + timedelta(seconds=1))


def test_a_run_whose_name_is_taken_by_another_machine_does_not_begin(tmp_path, state, monkeypatch):
    monkeypatch.setattr(session, "new_run_id", lambda name, now: "20261122T120000Z-test-00000000")
    uri = str(tmp_path / "lake")
    other = Lake(uri, tmp_path / "other")
    with Lake(uri, state).run("test", no_rules, {}), pytest.raises(PartExists):
        other.run("test", no_rules, {}).__enter__()


def test_a_live_run_is_left_alone(uri, state):
    with Lake(uri, state).run("slow", no_rules, {}) as (slow, _):
        slow.add(processed(A))
        slow.flush()
        with Lake(uri, state).run("quick", no_rules, {}) as (quick, opening):
            assert opening.recovered == []
            assert quick.add(processed(A)).outcome == "unchanged"
            quick.finish("finished", {})
        slow.finish("finished", {})


def test_two_copies_that_arrive_together_meet(uri, state):
    with (
        Lake(uri, state).run("one", no_rules, {}) as (one, _),
        Lake(uri, state).run("two", no_rules, {}) as (two, _),
    ):
        assert one.add(processed(A)).outcome == "articles"
        assert two.add(processed(A_COPY)).outcome == "copies"
        for run in (one, two):
            run.flush()
            run.finish("finished", {})


def test_a_story_whose_copy_outlived_it_becomes_the_story_when_it_is_fetched_again(uri, state):
    with pytest.raises(Killed), Lake(uri, state).run("one", no_rules, {}) as (one, _):
        one.add(processed(A))
        crawl(uri, state, A_COPY)
        raise Killed
    (again,) = crawl(uri, state, A)
    assert (again.outcome, again.verdict.story_id) == ("articles", A.id)
    assert len(grouping(uri, state)) == 1


def test_a_lake_that_lost_runs_is_read_anew(uri, state, tmp_path):
    crawl(str(tmp_path / "first"), state, A)
    path = Lake(str(tmp_path / "first"), state).index_path
    (tmp_path / "first").rename(tmp_path / "away")
    (again,) = crawl(str(tmp_path / "first"), state, A)
    assert again.outcome == "articles"
    assert list(path.parent.glob("*aside*"))


def test_a_damaged_index_is_moved_aside_and_rebuilt(uri, state):
    crawl(uri, state, A)
    path = Lake(uri, state).index_path
    for file in state.glob("index-*"):
        file.unlink()
    path.write_bytes(b"no database at all" * 100)
    assert [r.outcome for r in crawl(uri, state, A)] == ["unchanged"]
    assert list(state.glob("*aside*"))


def test_an_index_whose_documents_lack_their_outlet_is_told_and_rebuilt(uri, state):
    crawl(uri, state, A)
    with contextlib.closing(sqlite3.connect(Lake(uri, state).index_path)) as db, db:
        db.execute("DELETE FROM dedupe_outlets")
    copy = page("https://other.example/bridge", "bridge")
    with pytest.raises(StateFailed, match="no outlet of the numbers"):
        crawl(uri, state, copy)
    assert [r.outcome for r in crawl(uri, state, copy)] == ["copies"]
    assert list(state.glob("*aside*"))


def test_another_object_under_a_parts_name_is_never_overwritten(uri, state):
    with pytest.raises(PartExists), Lake(uri, state).run("one", no_rules, {}) as (run, _):
        run.add(processed(A))
        batch = run.cut()
        run.store.put_new(f"raw/day={batch.landed_at:%Y-%m-%d}/{run.run_id}-00000.parquet", b"other")
        run.write(batch)


def test_a_lake_that_cannot_be_written_is_told_before_anything_else(tmp_path, state):
    (tmp_path / "file").write_text("")
    with pytest.raises(LakeError), Lake(str(tmp_path / "file" / "x"), state).run("one", no_rules, {}):
        pass
    assert not state.exists() or not list(state.glob("locks/*"))


def test_rows_signed_by_another_scheme_are_signed_anew(uri, state, monkeypatch):
    signed = processed(A)
    foreign = replace(signed, signature=SimpleNamespace(to_bytes=lambda: b"foreign" * 9))
    with Lake(uri, state).run("old", no_rules, {}) as (run, _):
        monkeypatch.setattr(
            run,
            "_judge",
            lambda one: _landing_result(one.article, foreign.signature, Verdict(A.id, A.id), A.url, None),
        )
        run.add(foreign)
        run.flush()
        run.finish("finished", {})
    for file in state.glob("index-*"):
        file.unlink()
    (copy,) = crawl(uri, state, A_COPY)
    assert (copy.outcome, copy.verdict.story_id) == ("copies", A.id)


def test_a_page_that_another_run_is_landing_gets_no_second_row(uri, state):
    """Otherwise a later version could stand in the lake without a first."""
    changed = page(
        "https://one.example/bridge",
        "bridge",
        extra="The vote was repeated on Tuesday after a count went wrong.",
    )
    with pytest.raises(Killed), Lake(uri, state).run("one", no_rules, {}) as (one, _):
        one.add(processed(A))
        assert crawl(uri, state, changed)[0].outcome == "unchanged"
        raise Killed
    assert [r.outcome for r in crawl(uri, state, changed)] == ["articles"]
    assert len(rows(uri, state, "articles")) == 1


def test_pending_rows_of_a_run_that_ended_are_forgotten(uri, state):
    with Lake(uri, state).run("one", no_rules, {}) as (one, _):
        one.add(processed(A))  # and never flushed
        one.finish("finished", {})
    assert [r.outcome for r in crawl(uri, state, A)] == ["articles"]


def test_a_lone_surrogate_in_a_row_is_replaced(uri, state):
    hostile = processed(A)
    hostile = replace(hostile, article=replace(hostile.article, published_raw="x\ud83dy"))
    with Lake(uri, state).run("one", no_rules, {}) as (run, _):
        run.add(hostile)
        run.flush()
        run.finish("finished", {})
    assert rows(uri, state, "articles")[0]["published_raw"] == "x?y"
