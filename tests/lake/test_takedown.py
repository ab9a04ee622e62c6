"""A takedown: rows out of every part, a tombstone, and nothing that brings the page back."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest

from cleaning import page_id
from lake.__main__ import main
from lake.index.checkpoints import Cadence, write_if_due
from lake.jobs.takedown import forget, preview
from lake.parquet.raw_page_selection import RawPageSelection
from lake.runs.session import Lake
from lake.schema.records import TABLES
from lake.storage.folder_store import FolderStore
from lake.storage.open_store import open_store
from lake.storage.store import LakeError, sha256_hex
from lake.storage.tombstones import tombstone_names
from lake.warc.export import export
from tests.lake.stories import page, processed, raw
from tests.lake.test_run import no_rules, rows

A = page("https://one.example/bridge", "bridge")
A_LATER = replace(
    page("https://one.example/bridge", "bridge", extra="The ministry has agreed since."),
    fetched_at=A.fetched_at.replace(day=2),
)
A_COPY = page("https://two.example/bridge-copy", "bridge", title="Bridge decided", cut=6)
A_THIRD = page("https://three.example/bridge", "bridge", title="Bridge: yes", cut=7)
B = page("https://one.example/library", "library")
GONE = raw("https://one.example/gone", "", status=404)


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture(params=["folder", "s3"])
def uri(request, tmp_path):
    return (
        str(tmp_path / "lake") if request.param == "folder" else request.getfixturevalue("bucket") + "/lake"
    )


def crawl(uri, state, *pages, meanwhile=lambda: None):
    with Lake(uri, state).run("test", no_rules, {}) as (run, _):
        results = [run.add(processed(one)) for one in pages]
        run.flush()
        meanwhile()
        run.finish("finished", {})
    return [r.outcome for r in results]


def ids(uri, state):
    return Counter((t, row["id"]) for t in TABLES for row in rows(uri, state, t))


def everything(uri):
    """All bytes of the lake, with the parts as they would be read."""
    store = open_store(uri)
    kinds = (*TABLES, "runs", "takedowns", "overwritten", "checkpoints")
    return {key: store.get(key) for kind in kinds for key in store.keys(f"{kind}/")}


def test_all_versions_leave_every_table_and_nothing_else_does(uri, state):
    crawl(uri, state, A, B, A_COPY, GONE)
    assert crawl(uri, state, A_LATER) == ["revisions"]
    before = ids(uri, state)
    assert (
        main(["forget", "--lake", uri, "--url", "http://www.one.example/./bridge/?utm_source=x&spm=1"]) == 0
    )
    assert ids(uri, state) == {k: n for k, n in before.items() if k[1] != A.id}
    (copy,) = rows(uri, state, "copies")
    assert copy["story_id"] == A.id


def test_it_does_not_come_back(uri, state, tmp_path):
    crawl(uri, state, A, B, A_COPY)
    forget(open_store(uri), [A.id], [])
    for folder in (state, tmp_path / "another machine"):
        assert crawl(uri, folder, A, A_LATER, B) == ["unchanged"] * 3
        assert not [k for k in ids(uri, state) if k[1] == A.id]
        with Lake(uri, folder).run("test", no_rules, {}) as (run, _):
            assert run.revisit_decision(A.id, None, None) == "taken_down"
            assert run.index.page_state(A.id) is None
            run.finish("finished", {})


def test_a_new_copy_still_finds_its_story(uri, state):
    crawl(uri, state, A, A_COPY)
    forget(open_store(uri), [A.id], [])
    assert crawl(uri, state, A_THIRD) == ["copies"]
    assert {row["story_id"] for row in rows(uri, state, "copies")} == {A.id}


def test_the_lake_does_not_tell_the_address_any_more(uri, state):
    crawl(uri, state, A)
    forget(open_store(uri), [A.id], [], "a court's order")
    store = open_store(uri)
    assert not [k for k, data in everything(uri).items() if b"one.example/bridge" in data]
    assert json.loads(store.get(f"takedowns/page-{A.id}.json"))["reason"] == "a court's order"


def test_an_outlet_is_taken_down_whole(uri, state):
    crawl(uri, state, A, B, A_COPY, GONE)
    assert main(["forget", "--lake", uri, "--outlet", "one.example"]) == 0
    assert {t for t, _ in ids(uri, state)} == {"raw", "copies"}
    assert crawl(uri, state, A, page("https://one.example/another", "library")) == ["unchanged"] * 2


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_an_outlet_that_no_row_is_of_is_told(uri, state, capsys, dry):
    crawl(uri, state, A)
    assert main(["forget", "--lake", uri, "--outlet", "one.exmaple", *dry]) == 0
    assert "no row of the lake is of one.exmaple" in capsys.readouterr().err
    assert main(["forget", "--lake", uri, "--outlet", "one.example", *dry]) == 0
    assert "no row" not in capsys.readouterr().err


def test_the_page_under_other_addresses_goes_too(uri, state):
    print_version = page("https://one.example/print/bridge", "bridge")
    moved = replace(A, requested_url="https://one.example/?p=17")
    crawl(uri, state, moved, print_version)
    assert [row["relation"] for row in rows(uri, state, "copies")] == ["alias"]
    forget(open_store(uri), [page_id("https://one.example/?p=17")], [])
    assert not ids(uri, state)
    with Lake(uri, state).run("test", no_rules, {}) as (run, _):
        for url in (A.url, print_version.url, "https://one.example/?p=17"):
            assert run.revisit_decision(page_id(url), None, None) == "taken_down"
        run.finish("finished", {})


def test_every_new_digest_stands_in_the_lake(uri, state):
    crawl(uri, state, A, B)
    store = open_store(uri)
    receipt = forget(store, [A.id], [])
    (record,) = [json.loads(store.get(k)) for k in store.keys("runs/") if "started" not in k]
    told = {p["key"]: p["sha256"] for p in record["parts"]}
    assert {p.key for p in receipt.parts} == set(told)
    for part in receipt.parts:
        notes = [
            json.loads(store.get(k)) for k in store.keys(f"overwritten/{part.key.removesuffix('.parquet')}.")
        ]
        assert [n["sha256"] for n in notes] == [sha256_hex(store.get(part.key))] == [part.sha256]
        assert notes[0]["sha256_before"] == told[part.key]


def test_a_dry_run_writes_nothing(uri, state, capsys):
    crawl(uri, state, A, B)
    before = everything(uri)
    assert main(["forget", "--lake", uri, "--url", A.url, "--dry-run"]) == 0
    assert "would take 2 rows out of 2 parts" in capsys.readouterr().out
    assert everything(uri) == before
    assert len(preview(open_store(uri), [A.id], []).parts) == 2


def test_a_run_under_way_takes_its_own_rows_out(uri, state):
    """The takedown finds nothing, for the rows land after it."""
    with Lake(uri, state).run("test", no_rules, {}) as (run, _):
        run.add(processed(A))
        run.add(processed(B))
        receipt = forget(open_store(uri), [A.id], [])
        assert (receipt.parts, receipt.under_way) == ([], [run.run_id])
        run.flush()
        run.finish("finished", {})
    assert {id for _, id in ids(uri, state)} == {B.id}
    assert crawl(uri, state, A) == ["unchanged"]


def test_a_run_that_died_meanwhile_does_not_bring_it_back(uri, state):
    with Lake(uri, state).run("test", no_rules, {}) as (run, _):
        run.add(processed(A))
        run.add(processed(B))
        batch = run.cut()
        forget(open_store(uri), [A.id], [])
        batch.tables = {"raw": batch.tables["raw"]}  # died behind its first part
        run.write(batch)
        run.abandon()
    crawl(uri, state)
    assert {id for _, id in ids(uri, state)} == {B.id}


def test_what_was_spooled_does_not_bring_it_back(tmp_path, state):
    lake, away = tmp_path / "lake", tmp_path / "away"
    with Lake(str(lake), state).run("test", no_rules, {}) as (run, _):
        run.add(processed(A))
        run.add(processed(B))
        run.outbox.store = FolderStore(away)
        away.write_text("no folder")
        for step in (run.flush, lambda: run.finish("finished", {})):
            with pytest.raises(LakeError):
                step()
    assert run.outbox.waiting
    forget(open_store(str(lake)), [A.id], [])
    crawl(str(lake), state)
    assert {id for _, id in ids(str(lake), state)} == {B.id}


def test_no_warc_of_it_is_written(uri, state, tmp_path):
    crawl(uri, state, A, B)
    store = open_store(uri)
    store.put_new(f"takedowns/page-{A.id}.json", b"{}")  # the parts are yet to be overwritten
    assert sum(export(store, tmp_path / "out.warc.gz", RawPageSelection()).values()) == 1


KILLED = """
import os, sys
from lake.jobs import takedown
from lake.storage.open_store import open_store
uri, id, after = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = open_store(uri)
kinds = type(store)
def counted(name):
    done = getattr(kinds, name)
    def write(self, *given):
        global after
        if after == 0:
            os.kill(os.getpid(), 9)
        after -= 1
        return done(self, *given)
    setattr(kinds, name, write)
counted("put_new"); counted("swap"); counted("remove")
takedown.forget(store, [id], [])
"""


def test_killed_at_every_write_the_same_again_completes_it(tmp_path, state):
    crawl(str(tmp_path / "lake"), state, A, B, A_COPY, page("https://one.example/print/bridge", "bridge"))
    store = open_store(str(tmp_path / "lake"))
    for after in range(40):
        done = subprocess.run([sys.executable, "-c", KILLED, store.uri, A.id, str(after)], timeout=60)
        if done.returncode == 0:
            break
        assert done.returncode == -9
        assert after < 3 or tombstone_names(store)
    assert 3 < after < 40
    assert {id for _, id in ids(store.uri, state)} == {A_COPY.id, B.id}


# ---------------------------------------------------------------- what other machines still hold


class Interrupted(FolderStore):
    """Something else happens in the lake before the first write of a key that begins so."""

    def __init__(self, root, prefix, then):
        super().__init__(root)
        self.prefix, self.then = prefix, then

    def put_new(self, key, data):
        if key.startswith(self.prefix) and self.then:
            then, self.then = self.then, None
            then()
        super().put_new(key, data)


def in_an_outage(lake, run, *pages):
    """A whole run whose store is away to its end."""
    run.outbox.store, store = FolderStore(lake), run.outbox.store
    lake.write_text("no folder")
    for one in pages:
        run.add(processed(one))
    with pytest.raises(LakeError):
        run.flush()
    return store


def test_what_waits_for_the_store_when_a_page_is_taken_down_does_not_bring_it_back(tmp_path, state):
    """It lands with the run's end, behind the last look at its parts."""
    uri = str(tmp_path / "lake")
    with Lake(uri, state).run("test", no_rules, {}) as (run, _):
        store = in_an_outage(tmp_path / "away", run, A, B)
        forget(open_store(uri), [A.id], [])
        run.outbox.store = store
        run.finish("finished", {})
    assert not run.outbox.waiting
    assert {id for _, id in ids(uri, state)} == {B.id}


def test_a_page_taken_down_while_another_machine_lands_its_spool_does_not_stay(tmp_path, state):
    """The machine began before the tombstone stood."""
    uri, lake = str(tmp_path / "lake"), Lake(str(tmp_path / "lake"), state)
    with lake.run("test", no_rules, {}) as (run, _):
        in_an_outage(tmp_path / "away", run, A, B)
        with pytest.raises(LakeError):
            run.finish("finished", {})
    lake.store = Interrupted(tmp_path / "lake", "raw/", lambda: forget(open_store(uri), [A.id], []))
    with lake.run("test", no_rules, {}) as (run, opening):
        assert opening.unspooled
        assert run.revisit_decision(A.id, None, None) == "taken_down"
        run.finish("finished", {})
    assert lake.store.then is None
    assert {id for _, id in ids(uri, state)} == {B.id}


@pytest.mark.parametrize("before", [True, False])
def test_a_checkpoint_of_an_index_that_still_knows_the_page_is_not_written(tmp_path, state, before, caplog):
    """By a machine that had its last look before the takedown, and writes behind it or at the same time."""
    uri, lake = str(tmp_path / "lake"), Lake(str(tmp_path / "lake"), state)
    crawl(uri, state, A, B)
    if before:
        forget(open_store(uri), [A.id], [])
    then = None if before else (lambda: forget(open_store(uri), [A.id], []))
    lake.store = Interrupted(tmp_path / "lake", "checkpoints/", then)
    assert write_if_due(lake.store, lake.index_path, Cadence(0, 0)) is None
    assert "taken down" in caplog.text
    assert not list(lake.store.keys("checkpoints/"))
    crawl(uri, state)
    assert write_if_due(lake.store, lake.index_path, Cadence(0, 0))
