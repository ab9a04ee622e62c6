"""After a takedown no byte of the page is left in the lake or on this machine, whatever died before it."""

import base64
import json
import pickle
import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import count

import pytest

from cleaning import page_id
from lake.__main__ import main
from lake.index.checkpoints import Cadence, write
from lake.index.page_index import Index, index_path
from lake.jobs.learn_boilerplate import learn
from lake.jobs.reclean import Recleaning
from lake.jobs.story_clusters import cluster_lake
from lake.jobs.takedown import forget
from lake.jobs.verify import verify
from lake.parquet.raw_page_selection import RawPageSelection
from lake.runs.session import Lake
from lake.storage.folder_store import FolderStore
from lake.storage.job_folders import note_job
from lake.storage.store import LakeError
from lake.workers.pool import WorkerLimits, Workers
from tests.lake.stories import page, processed
from tests.lake.test_run import crawl, no_rules
from tests.lake.traces import contents, run_killed, traces

HOST, PATH, TITLE, LINE = (
    "bücherstube.example",
    "/straße-über-den-quarzfluss",
    "Zwölf Quarzfähren für Lindow",
    "Quarzfähren dürfen nur bei Mondlicht ablegen, sagte die Hafenmeisterin von Lindow.",
)
MARKERS = {HOST, PATH, TITLE, LINE}
A = page(f"https://{HOST}{PATH}", "bridge", title=TITLE, extra=LINE, outlet="lindow")
A = replace(A, requested_url=f"https://{HOST}/?p=4711")  # only the redirect ties the two
B = page("https://two.example/library", "library")
C = page("https://two.example/bridge", "bridge", title="A bridge", cut=6)
RECURRING = [
    page(f"https://{HOST}/{n}", "library", cut=2 + n % 5, extra=LINE, outlet="lindow") for n in range(4)
]
JUDGED = [processed(one) for one in (A, B, C)]
LATER = processed(
    replace(
        page(A.url, "bridge", title=TITLE, extra=f"The mayor agrees. {LINE}", outlet="lindow"),
        fetched_at=A.fetched_at.replace(day=9),
    )
)


@pytest.fixture
def lake(tmp_path):
    return tmp_path / "lake"


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


def whole_run(lake, state):
    with Lake(str(lake), state, cadence=Cadence(0, 0)).run("test", no_rules, {}) as (run, _):
        for one in JUDGED:
            run.add(one)
            run.flush()
        run.finish(
            "finished", {"monitors": [f"one: {A.url}: no title"], "sources": {A.url: {"kind": "feed"}}}
        )


def clean_again(lake, state):
    lake_of_state = Lake(str(lake), state)
    with (
        lake_of_state.run("reclean", no_rules, {}) as (run, opening),
        Workers(WorkerLimits(workers=0)) as workers,
    ):
        leases = partial(lake_of_state.brief_leases, run.run_id)
        Recleaning(run, opening.others, workers, no_rules, leases).reclean(RawPageSelection())
        run.finish("finished", {})


def take_down(lake, state):
    forget(FolderStore(lake), [page_id(A.url)], [], f"asked for {A.url}", state)


def kills(work, step=1):
    """Kill at every step-th write until one run comes to its end; returns how many died."""
    return next(died for died in count() if not run_killed(work, died * step))


def boilerplate(lake):
    """As learned of stories that all have the line."""
    key = "boilerplate/20260101T000000Z-00000000.json"
    line = {
        "key": line_key_of(LINE),
        "text": LINE,
        "stories": 9,
        "days": 9,
        "first": "2026-01-01",
        "last": "2026-02-01",
    }
    other = {**line, "key": line_key_of("Write to our newsroom."), "text": "Write to our newsroom."}
    outlets = {"lindow": {"stories_at_least": 8, "days_at_least": 3, "lines": [line, other]}}
    document = {"format": 1, "version": "20260101T000000Z-00000000", "outlets": outlets}
    FolderStore(lake).put_new(key, json.dumps(document).encode())


def line_key_of(text):
    from cleaning import line_key

    return line_key(text)


def left_by_a_killed_outage(lake, state):
    with Lake(str(lake), state).run("outage", no_rules, {}) as (run, _):
        away = lake.parent / "away"
        away.write_text("no folder")
        run.outbox.store = FolderStore(away)
        run.add(LATER)
        for step in (run.flush, lambda: run.finish("finished", {})):
            with pytest.raises(LakeError):
                step()


def other_places(lake, state):
    """What crawls, jobs and older versions leave beside the lake."""
    body = base64.b64encode(f"User-agent: *\nDisallow: {PATH}\nSitemap: {A.url}".encode()).decode()
    (state / "kept").mkdir(exist_ok=True)
    (state / "kept/0123.json").write_text(json.dumps({"url": "x", "body": body}))
    path = index_path(state, str(lake))
    path.with_name(f"{path.name}.aside-17").write_bytes(path.read_bytes())
    path.with_name(f"{path.name}.aside-17-wal").write_bytes(A.url.encode())
    path.with_name(f"{path.name}.restoring").write_bytes(A.url.encode())
    path.with_name(f"{path.name}.snapshot").write_bytes(A.url.encode())
    job = state.parent / "job"
    (job / "requests.queue").mkdir(parents=True)
    (job / "requests.queue/p0").write_bytes(
        pickle.dumps({"url": A.url.replace(HOST, "xn--bcherstube-9db.example")})
    )
    (job / "requests.queue/p1").write_bytes(
        pickle.dumps(
            {
                "url": f"https://{HOST.encode('idna').decode()}{PATH.replace('ß', '%C3%9F').replace('ü', '%C3%BC')}"
            }
        )
    )
    (job / "pressline.json").write_text(json.dumps({"spider": "x", "kept": {"sources": {A.url: {}}}}))
    note_job(state, job)


def half_written(lake):
    """A part whose writer dies before it has its name."""
    data = next(
        path.read_bytes() for path in lake.glob("raw/*/*.parquet") if A.body in b"".join(contents(path))
    )
    write = partial(
        FolderStore(lake).put_new, "raw/day=2026-01-01/20260101T000000Z-x-00000000-00000.parquet", data
    )
    for at in count():
        assert run_killed(write, at)
        if list((lake / ".tmp").iterdir()):
            return


def test_no_byte_is_left_after_deaths_at_every_write(lake, state, tmp_path):
    crawl(str(lake), state, B)
    boilerplate(lake)
    died = {
        "run": kills(partial(whole_run, lake, state), 13),
        "cluster": kills(partial(cluster_lake, FolderStore(lake), None), 2),
        "boilerplate": kills(partial(learn, FolderStore(lake), 2, 1), 2),
        "reclean": kills(partial(clean_again, lake, state), 15),
        "checkpoint": kills(partial(write, FolderStore(lake), index_path(state, str(lake))), 9),
    }
    assert all(n >= 1 for n in died.values()), died
    left_by_a_killed_outage(lake, state)
    other_places(lake, state)
    half_written(lake)
    (lake / "exports").mkdir()
    (lake / "exports/notes.txt").write_text("kept by hand")
    before = traces(MARKERS, lake, state, tmp_path / "job")
    found_in = {path.split("/")[1] for path in before}
    assert {
        ".tmp",
        "raw",
        "articles",
        "runs",
        "boilerplate",
        "checkpoints",
        "kept",
        "spool",
        "requests.queue",
    } <= found_in
    died["takedown"] = kills(partial(take_down, lake, state), 17)
    assert died["takedown"] >= 3
    assert traces(MARKERS, lake, state, tmp_path / "job") == {}
    receipt = forget(FolderStore(lake), [page_id(A.url)], [], None, state)
    assert receipt.not_looked_at == ["exports/notes.txt"]
    (lake / "exports/notes.txt").unlink()
    crawl(str(lake), state, B)  # finishes what had died
    assert traces(MARKERS, lake, state) == {}
    assert verify(FolderStore(lake)).faults == []
    assert [p.name for p in (state / "locks").iterdir()] == ["spool.lock"]
    assert not list((lake / ".tmp").iterdir())


def test_the_receipt_names_each_place(lake, state, capsys):
    crawl(str(lake), state, A, B)
    left_by_a_killed_outage(lake, state)
    boilerplate(lake)
    other_places(lake, state)
    assert main(["forget", "--lake", str(lake), "--state", str(state), "--url", A.url, "--json"]) == 0
    receipt = json.loads(capsys.readouterr().out)
    changed = {place["name"]: place["changed"] for place in receipt["places"]}
    assert changed["raw"] == changed["articles"] == 1
    assert changed["runs"] == changed["boilerplate"] == 1
    assert changed["STATE_DIR: index"] == 1
    assert changed["STATE_DIR: indexes that were moved aside"] == 2
    assert changed["STATE_DIR: spools"] == 1
    assert changed["STATE_DIR: queues of jobs (JOBDIR)"] == 1
    assert len(receipt["out_of_reach"]) == 5
    assert PATH not in json.dumps(receipt, ensure_ascii=False)
    learned = json.loads((lake / "boilerplate/20260101T000000Z-00000000.json").read_text())
    assert [line["text"] for line in learned["outlets"]["lindow"]["lines"]] == ["Write to our newsroom."]


def test_another_machine_cleans_its_folder_at_its_next_start(lake, state, tmp_path):
    crawl(str(lake), state, A, B)
    left_by_a_killed_outage(lake, state)
    other_places(lake, state)
    forget(FolderStore(lake), [page_id(A.url)], [], None, tmp_path / "elsewhere")
    assert traces(MARKERS, state)
    crawl(str(lake), state, B)
    assert traces(MARKERS, lake, state) == {}


def test_a_whole_outlet_leaves_no_address_either(lake, state):
    crawl(str(lake), state, A, *RECURRING, B)
    forget(FolderStore(lake), [], ["lindow"], None, state)
    assert traces(MARKERS, lake, state) == {}


def test_a_damaged_part_is_told_and_the_others_are_cleaned(lake, state, capsys):
    crawl(str(lake), state, B)
    (damaged,) = lake.glob("articles/*/*.parquet")
    damaged.write_bytes(b"PAR1 torn")
    with Lake(str(lake), state).run("test", no_rules, {}) as (run, _):
        run.add(JUDGED[0])
        run.flush()
        run.finish("finished", {})
    assert main(["forget", "--lake", str(lake), "--state", str(state), "--url", A.url]) == 1
    assert f"may still hold what was taken down: {damaged.relative_to(lake)}" in capsys.readouterr().err
    assert traces(MARKERS, lake, state) == {}


def test_unused_bytes_of_the_index_hold_no_address(state):
    """Where SQLite was built to leave them; a reader at the same time puts it off to the next start."""
    path = state / "index.sqlite"
    with closing(Index(path)) as index:
        index._db.execute("PRAGMA secure_delete = 0")
        ids = [f"{n:032x}" for n in range(300)]
        index._db.executemany(
            "INSERT INTO asked VALUES (?, ?, ?)", [(id, id, f"https://{HOST}{PATH}/{id}") for id in ids]
        )
        index.take_down([f"page-{id}" for id in ids])
        assert index.is_to_erase()
        assert traces({PATH}, state)
        with closing(sqlite3.connect(path)) as reader:
            index._db.execute("PRAGMA busy_timeout = 10")
            rows = reader.execute("SELECT key FROM meta")
            rows.fetchone()  # a read transaction is open
            assert not index.erase()
            assert index.is_to_erase()
            rows.close()
        assert index.erase()
        assert not index.is_to_erase()
        assert traces({PATH}, state) == {}
