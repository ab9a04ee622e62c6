"""Machines that begin without an index: from a checkpoint they know what the lake says, and read little of it."""

import json
import logging
import os
import signal
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import pytest

from cleaning import Rules
from lake.index import checkpoints
from lake.index.checkpoints import Cadence, write, write_if_due
from lake.index.page_index import Index, document_of, index_path
from lake.runs.catch_up import catch_up, learn_finished
from lake.runs.run import Run
from lake.runs.session import Lake
from lake.storage.folder_store import FolderStore
from lake.storage.open_store import open_store
from lake.storage.store import sha256_hex
from tests.lake.stories import page, processed, raw

A = page("https://one.example/bridge", "bridge")
A_COPY = page("https://two.example/bridge-copy", "bridge", title="Bridge decided", cut=6)
A_LATER = page("https://three.example/bridge", "bridge", title="A bridge at last", cut=7)
B = page("https://two.example/library", "library")
B_COPY = page("https://one.example/books", "library", cut=7)
WALL = raw("https://one.example/walled", "<html><body><p>Are you human?</p></body></html>", status=403)
GONE = raw("https://two.example/gone", "", status=404)
NEVER, ALWAYS = Cadence(10**9, runs=10**9), Cadence(1, runs=1)
TABLES = ("pages", "asked", "sources", "runs", "pending")
_RUNS = count()


@pytest.fixture(params=["folder", "s3"])
def uri(request, tmp_path):
    return (
        str(tmp_path / "lake") if request.param == "folder" else request.getfixturevalue("bucket") + "/lake"
    )


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "lake")


def no_rules(outlet):
    return Rules()


def crawl(uri, state, *pages, cadence=NEVER, **facts):
    lake = Lake(uri, state, cadence=cadence)
    with lake.run(f"test{next(_RUNS):03d}", no_rules, {}) as (run, _):
        for one in pages:
            run.add(processed(one))
        run.flush()
        run.finish("finished", facts)
    return run.run_id


def checkpoint(uri, state):
    store = open_store(uri)
    return write(store, index_path(state, store.uri))


def objects(uri, prefix="checkpoints/"):
    return list(open_store(uri).keys(prefix))


def opened(uri, state):
    store = open_store(uri)
    return catch_up(store, index_path(state, store.uri))


def answers(uri, state):
    """All that an index knows, and its verdicts on pages that it has not seen."""
    index = opened(uri, state)
    try:
        known = {name: index._db.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall() for name in TABLES}
        known["documents"] = index._db.execute(
            "SELECT id, name, published, story_id, digest, signature FROM dedupe_documents"
            " JOIN dedupe_outlets USING (outlet) ORDER BY 1"
        ).fetchall()
        for new in (processed(A_LATER), processed(B_COPY)):
            document = document_of(new.article, None)
            known[new.article.id] = index.judge(new.article, document, new.signature)
        return known
    finally:
        index.close()


def rebuilt(uri, state):
    """What an index knows that was made from the run records alone."""
    for key in objects(uri):
        open_store(uri).remove(key)
    return answers(uri, state)


def spoil(uri, key, data=b"no such thing"):
    store = open_store(uri)
    store.remove(key)
    store.put_new(key, data)


# ---------------------------------------------------------------- what a cold machine knows


def test_a_cold_machine_knows_what_a_rebuild_knows(uri, tmp_path):
    crawl(uri, tmp_path / "a", A, WALL, sources={"s": {"complete": True}})
    crawl(uri, tmp_path / "a", A, GONE)
    checkpoint(uri, tmp_path / "a")
    crawl(uri, tmp_path / "a", B)
    crawl(uri, tmp_path / "b", A_COPY)
    cold = answers(uri, tmp_path / "c")
    assert cold == rebuilt(uri, tmp_path / "d")
    assert cold["pages"]
    assert cold[processed(A_LATER).article.id].relation
    assert cold[processed(B_COPY).article.id].relation


def test_what_is_on_its_way_is_in_no_checkpoint(uri, tmp_path):
    crawl(uri, tmp_path / "a", A)
    lake = Lake(uri, tmp_path / "a", cadence=NEVER)
    with lake.run("under-way", no_rules, {}) as (run, _):
        run.add(processed(WALL))
        run.add(processed(A_COPY))
        run.flush()  # landed, but its run has not ended
        run.add(processed(B))
        run.add(processed(GONE))
        checkpoint(uri, tmp_path / "a")
        known = opened(uri, tmp_path / "b")
        assert known.page_state(B.id) is known.page_state(GONE.id) is None
        assert known.signatures.story_of(B.id) is None
        assert not known.pending_runs()
        assert run.index.page_state(B.id)  # the live index is as it was
        known.close()
        run.flush()
        run.finish("finished", {})
    cold = answers(uri, tmp_path / "c")
    assert cold == answers(uri, tmp_path / "b") == rebuilt(uri, tmp_path / "d")


def test_a_run_that_was_under_way_and_died_is_finished_on_a_cold_machine(uri, tmp_path):
    lake = Lake(uri, tmp_path / "a", cadence=NEVER)
    crawl(uri, tmp_path / "a", A)
    with pytest.raises(KeyboardInterrupt), lake.run("dies", no_rules, {}) as (run, _):
        run.add(processed(B))
        run.flush()
        raise KeyboardInterrupt
    with opened_lake(lake) as index:
        index.advance_watermark("20000101T000000Z")
    checkpoint(uri, tmp_path / "a")
    with Lake(uri, tmp_path / "a", cadence=NEVER).run("next", no_rules, {}) as (again, opening):
        assert [one.run_id for one in opening.recovered] == [run.run_id]
        again.finish("finished", {})
    assert answers(uri, tmp_path / "c") == rebuilt(uri, tmp_path / "d")


def opened_lake(lake):
    return closing(catch_up(lake.store, lake.index_path))


# ---------------------------------------------------------------- what it reads


class Watched(FolderStore):
    """A folder that keeps in mind what was read of it."""

    def __init__(self, root):
        super().__init__(root)
        self.read, self.listed = [], []

    def get(self, key):
        self.read.append(key)
        return super().get(key)

    def keys(self, prefix, after=""):
        self.listed.append((prefix, after))
        return super().keys(prefix, after)


def test_nothing_from_before_the_checkpoint_is_read_and_only_late_runs_are_listed(folder, tmp_path):
    for one in (A, B):
        crawl(folder, tmp_path / "a", one)
    checkpoint(folder, tmp_path / "a")
    later = crawl(folder, tmp_path / "a", A_COPY)
    store = Watched(tmp_path / "lake")
    catch_up(store, tmp_path / "b" / "index.sqlite").close()
    read = [key for key in store.read if not key.startswith("checkpoints/")]
    assert read
    assert all(later in key for key in read)
    assert {prefix for prefix, _ in store.listed} == {"checkpoints/", "takedowns/", "runs/"}
    assert all(after > "runs/2" for prefix, after in store.listed if prefix == "runs/")


def test_a_warm_machine_ignores_checkpoints(folder, tmp_path):
    crawl(folder, tmp_path / "a", A)
    checkpoint(folder, tmp_path / "a")
    store = Watched(tmp_path / "lake")
    catch_up(store, index_path(tmp_path / "a", store.uri)).close()
    assert "checkpoints/" not in [prefix for prefix, _ in store.listed]
    assert store.read == []


def test_machines_of_one_folder_that_start_at_once_read_one_checkpoint(folder, tmp_path):
    crawl(folder, tmp_path / "a", A, B)
    checkpoint(folder, tmp_path / "a")
    store = Watched(tmp_path / "lake")
    path = tmp_path / "b" / "index.sqlite"
    starts = [threading.Thread(target=lambda: catch_up(store, path).close()) for _ in range(4)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert [key for key in store.read if key.endswith(".zst")] == [
        key for key in objects(folder) if key.endswith(".zst")
    ]


# ---------------------------------------------------------------- damage


def damaged(uri, name):
    piece = next(k for k in objects(uri) if k.startswith(name.removesuffix(".json")) and k.endswith(".zst"))
    data = open_store(uri).get(piece)
    spoil(uri, piece, data[:100] + bytes([data[100] ^ 1]) + data[101:])


def lacking(uri, name):
    open_store(uri).remove(f"{name.removesuffix('.json')}-00000.zst")


def no_manifest(uri, name):
    spoil(uri, name, b'{"format": ')


def of_another_version(uri, name):
    spoil(uri, name, json.dumps(json.loads(open_store(uri).get(name)) | {"format": "1"}).encode())


def of_another_lake(uri, name):
    """One that knows a run of which the lake has no record."""
    state = Path(f"{uri}-other-state")
    crawl(uri + "-other", state, B)
    other = checkpoint(uri + "-other", state)
    open_store(uri).remove(name)
    for key in objects(uri + "-other"):
        at = key.replace(other.removesuffix(".json"), name.removesuffix(".json"))
        data = open_store(uri + "-other").get(key)
        if key == other:
            data = data.replace(other.removesuffix(".json").encode(), name.removesuffix(".json").encode())
        spoil(uri, at, data)


def forged(uri, name, data):
    """Another content of its first piece, with a digest that is right."""
    manifest = json.loads(open_store(uri).get(name))
    first = manifest["pieces"][0]
    spoil(uri, first["key"], data)
    first["sha256"] = sha256_hex(data)
    spoil(uri, name, json.dumps(manifest).encode())


def not_packed(uri, name):
    forged(uri, name, b"no zstd at all")


def no_index(uri, name):
    forged(uri, name, checkpoints.zstd.compress(bytes(json.loads(open_store(uri).get(name))["bytes"])))


def of_another_scheme(uri, name):
    packed = open_store(uri).get(json.loads(open_store(uri).get(name))["pieces"][0]["key"])
    path = Path(f"{uri}-other-scheme")
    path.write_bytes(checkpoints.zstd.decompress(packed))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("UPDATE dedupe_scheme SET scheme = 'another'")
        db.execute("PRAGMA journal_mode = WAL")
    forged(uri, name, checkpoints.zstd.compress(path.read_bytes()))


FAULTS = [
    damaged, lacking, no_manifest, of_another_version, of_another_lake, not_packed, no_index, of_another_scheme,
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_checkpoint_is_passed_over_and_told_and_an_older_one_serves(folder, tmp_path, caplog, fault):
    crawl(folder, tmp_path / "a", A)
    older = checkpoint(folder, tmp_path / "a")
    (tmp_path / "lake" / older).rename(tmp_path / "lake/checkpoints/20000101T000000Z-00000000.json")
    crawl(folder, tmp_path / "a", B)
    newer = checkpoint(folder, tmp_path / "a")
    fault(folder, newer)
    caplog.set_level(logging.INFO)
    cold = answers(folder, tmp_path / "b")
    assert f"{newer} passed over" in caplog.text
    assert "index read from" in caplog.text
    assert cold == rebuilt(folder, tmp_path / "c")


@pytest.mark.parametrize("fault", FAULTS)
def test_where_none_can_be_used_the_index_is_rebuilt_and_that_is_told(folder, tmp_path, caplog, fault):
    crawl(folder, tmp_path / "a", A, B)
    name = checkpoint(folder, tmp_path / "a")
    fault(folder, name)
    cold = answers(folder, tmp_path / "b")
    assert "the index is rebuilt from all run records" in caplog.text
    assert cold == rebuilt(folder, tmp_path / "c")
    assert not list((tmp_path / "b").glob("*.restoring*"))


def test_a_damaged_index_is_never_made_a_checkpoint(folder, tmp_path, caplog):
    crawl(folder, tmp_path / "a", A, B)
    path = index_path(tmp_path / "a", folder)
    with path.open("r+b") as file:
        file.seek(4096 * 9)
        file.write(b"\xff" * 4096 * 3)
    assert write_if_due(open_store(folder), path, ALWAYS) is None
    assert "no checkpoint of the index was written" in caplog.text
    assert objects(folder) == []


def test_a_journal_that_was_left_behind_is_not_played_into_the_new_file(folder, tmp_path):
    crawl(folder, tmp_path / "a", A)
    checkpoint(folder, tmp_path / "a")
    path = index_path(tmp_path / "b", folder)
    path.parent.mkdir()
    path.with_name(path.name + "-wal").write_bytes(b"of another file")
    assert answers(folder, tmp_path / "b") == rebuilt(folder, tmp_path / "c")


# ---------------------------------------------------------------- writers


def test_a_checkpoint_is_written_after_a_run_when_enough_is_new(uri, tmp_path):
    few = Cadence(articles=2, runs=100)
    crawl(uri, tmp_path / "a", A, cadence=few)
    assert objects(uri) == []
    crawl(uri, tmp_path / "a", B, cadence=few)
    assert len(objects(uri)) == 2
    crawl(uri, tmp_path / "a", A_COPY, cadence=few)
    assert len(objects(uri)) == 2
    crawl(uri, tmp_path / "a", cadence=Cadence(articles=100, runs=2))
    assert len(objects(uri)) == 4


def test_a_large_index_waits_for_its_hundredth_part():
    newest = {"articles": 1_000_000, "runs": 7}
    assert not Cadence().is_due(1_009_999, 8, newest)
    assert Cadence().is_due(1_010_000, 8, newest)
    assert Cadence(share=0.002).is_due(1_002_000, 8, newest)


def test_two_are_kept_and_what_dead_writers_left_is_removed(uri, tmp_path):
    store = open_store(uri)
    long_ago, just_now = datetime.now(UTC) - timedelta(hours=25), datetime.now(UTC)
    for begun in (long_ago, just_now):
        store.put_new(f"checkpoints/{begun:%Y%m%dT%H%M%SZ}-0a0b0c0d-00000.zst", b"half a checkpoint")
    for _ in range(4):
        crawl(uri, tmp_path / "a", A, cadence=ALWAYS)
    found = objects(uri)
    assert len([key for key in found if key.endswith(".json")]) == 2
    assert len([key for key in found if key.endswith(".zst")]) == 3
    assert any("0a0b0c0d" in key and f"{just_now:%Y%m%d}" in key for key in found)
    crawl(uri, tmp_path / "a", A, cadence=NEVER)
    assert answers(uri, tmp_path / "b") == rebuilt(uri, tmp_path / "c")


def test_two_machines_that_write_at_once_do_no_harm(uri, tmp_path):
    crawl(uri, tmp_path / "a", A, B)
    answers(uri, tmp_path / "b")
    gate = threading.Barrier(2)

    def one(state):
        store = open_store(uri)
        gate.wait()
        write_if_due(store, index_path(state, store.uri), ALWAYS)

    writers = [threading.Thread(target=one, args=(tmp_path / name,)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(objects(uri)) in (2, 4)
    assert answers(uri, tmp_path / "c") == rebuilt(uri, tmp_path / "d")


class Deadly(FolderStore):
    """Kills its process instead of the n-th write."""

    def __init__(self, root, writes):
        super().__init__(root)
        self.left = writes

    def put_new(self, key, data):
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1
        super().put_new(key, data)


def _die_writing(root, path, writes):
    checkpoints.PIECE_BYTES = 2**16
    checkpoints.prefetch = lambda work, items: map(work, items)  # one after the other
    write_if_due(Deadly(root, writes), path, ALWAYS)


def test_a_writer_killed_in_the_middle_leaves_no_checkpoint_and_the_next_one_is_whole(folder, tmp_path):
    crawl(folder, tmp_path / "a", A, B)
    path = index_path(tmp_path / "a", folder)
    for writes in (0, 1, 2):
        process = get_context("fork").Process(target=_die_writing, args=(tmp_path / "lake", path, writes))
        process.start()
        process.join(30)
        assert process.exitcode == -signal.SIGKILL
        assert not [key for key in objects(folder) if key.endswith(".json")]
    assert write_if_due(open_store(folder), path, ALWAYS)
    assert not list((tmp_path / "a").glob("*.snapshot*"))
    assert answers(folder, tmp_path / "b") == rebuilt(folder, tmp_path / "c")


def test_an_index_of_many_pieces_comes_back_whole(uri, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "PIECE_BYTES", 2**13)
    crawl(uri, tmp_path / "a", A, B)
    checkpoint(uri, tmp_path / "a")
    assert len(objects(uri)) > 10
    assert answers(uri, tmp_path / "b") == rebuilt(uri, tmp_path / "c")


def test_a_store_that_is_away_costs_the_checkpoint_and_not_the_run(folder, tmp_path, caplog):
    class Full(FolderStore):
        def put_new(self, key, data):
            raise checkpoints.LakeError("no space left")

    crawl(folder, tmp_path / "a", A)
    assert write_if_due(Full(tmp_path / "lake"), index_path(tmp_path / "a", folder), ALWAYS) is None
    assert "no space left" in caplog.text


# ---------------------------------------------------------------- years of runs


def ended(folder, days_ago, name="old", started_only=False):
    """A run of another machine, so many days ago."""
    store = open_store(folder)
    run_id = f"{datetime.now(UTC) - timedelta(days=days_ago):%Y%m%dT%H%M%SZ}-{name}-0123abcd"
    if started_only:
        moment = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat(timespec="seconds")
        store.put_new(
            f"runs/{run_id}.started.json",
            json.dumps({"run_id": run_id, "host": "elsewhere", "started_at": moment}).encode(),
        )
    else:
        store.put_new(f"runs/{run_id}.json", json.dumps({"run_id": run_id, "parts": []}).encode())
    return run_id


def runs_known(folder, state):
    index = opened(folder, state)
    try:
        return index.run_ids()
    finally:
        index.close()


def test_a_warm_start_lists_only_runs_that_can_be_news(tmp_path):
    for days in (900, 30, 1):
        ended(str(tmp_path / "lake"), days)
    store, path = Watched(tmp_path / "lake"), tmp_path / "a" / "index.sqlite"
    catch_up(store, path).close()
    store.listed.clear()
    catch_up(store, path).close()
    three_days_ago = datetime.now(UTC) - timedelta(days=3, hours=1)
    assert [after >= f"runs/{three_days_ago:%Y%m%d}" for key, after in store.listed if key == "runs/"] == [
        True
    ]


def test_a_run_that_began_before_the_margin_is_known_when_it_ends(folder, tmp_path):
    ended(folder, 1)
    under_way = ended(folder, 20, "backfill", started_only=True)
    runs_known(folder, tmp_path / "a")
    later = ended(folder, 0.1)
    runs_known(folder, tmp_path / "a")
    FolderStore(tmp_path / "lake").put_new(
        f"runs/{under_way}.json", json.dumps({"run_id": under_way, "parts": []}).encode()
    )
    assert {under_way, later} <= runs_known(folder, tmp_path / "a")


def test_a_run_whose_clock_is_a_day_slow_is_known(folder, tmp_path):
    ended(folder, 0)
    runs_known(folder, tmp_path / "a")
    slow = ended(folder, 1, "slow")
    assert slow in runs_known(folder, tmp_path / "a")


def test_old_run_records_may_be_removed(folder, tmp_path, caplog):
    old = ended(folder, 30)
    crawl(folder, tmp_path / "a", A)
    checkpoint(folder, tmp_path / "a")
    open_store(folder).remove(f"runs/{old}.json")
    for state in ("a", "b"):
        assert old in runs_known(folder, tmp_path / state)
    assert "moved aside" not in caplog.text
    assert "passed over" not in caplog.text


def test_an_index_that_knows_a_late_run_that_is_gone_is_rebuilt(folder, tmp_path, caplog):
    crawl(folder, tmp_path / "a", A)
    gone = crawl(folder, tmp_path / "a", B)
    open_store(folder).remove(f"runs/{gone}.json")
    assert gone not in runs_known(folder, tmp_path / "a")
    assert "moved aside" in caplog.text


def test_a_spool_that_lands_during_a_start_costs_no_index(folder, tmp_path, monkeypatch, caplog):
    """The run record that was awaited held the frontier back; another process of the machine moves it on."""
    spooled = ended(folder, 20, "spooled", started_only=True)
    older = ended(folder, 2.2)
    runs_known(folder, tmp_path / "a")
    FolderStore(tmp_path / "lake").put_new(
        f"runs/{spooled}.json", json.dumps({"run_id": spooled, "parts": []}).encode()
    )
    newer = ended(folder, 0)
    run_ids, others = Index.run_ids, []

    def then_another_process_learns(index, after=""):
        found = run_ids(index, after)
        if not others:
            others.append(Index(index.path))
            learn_finished(open_store(folder), others[0])
            others[0].close()
        return found

    monkeypatch.setattr(Index, "run_ids", then_another_process_learns)
    assert {spooled, older, newer} <= runs_known(folder, tmp_path / "a")
    assert "moved aside" not in caplog.text


def test_a_run_s_rows_count_once_though_they_were_known_before_its_end(folder, tmp_path):
    """A checkpoint has rows of runs that have not ended; their record brings them again."""
    lake = Lake(folder, tmp_path / "a", cadence=NEVER)
    with lake.run("walled", no_rules, {}) as (run, _):
        assert isinstance(run, Run)
        run.add(processed(WALL))
        run.flush()
        checkpoint(folder, tmp_path / "a")
        run.finish("finished", {})
    index = opened(folder, tmp_path / "b")
    assert index.page_state(WALL.id).tries == 1
    index.close()
