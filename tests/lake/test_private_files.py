"""Who may read what: this machine's folder is for its owner alone, the lake follows the umask."""

import os
import stat
from contextlib import contextmanager
from pathlib import Path

import pytest

from lake.index.page_index import index_path
from lake.jobs.takedown import forget
from lake.runs.run import run_lock
from lake.runs.session import Claim, Lake
from lake.storage.folder_store import FolderStore
from lake.storage.job_folders import note_job
from lake.storage.local_files import remove_if_dead, replace_private, temporary_file
from lake.storage.store import LakeError
from tests.lake.stories import page, processed
from tests.lake.test_run import crawl, no_rules

A = page("https://one.example/bridge", "bridge")


@contextmanager
def umask(mask):
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def modes(folder):
    """The modes of what lies in a folder, and of itself."""
    return {
        (stat.S_ISDIR(path.stat().st_mode), stat.S_IMODE(path.stat().st_mode))
        for path in (folder, *folder.rglob("*"))
    }


def run_in_an_outage(lake, state):
    """A run whose rows are in the spool at its end; yields while it runs."""
    with Lake(str(lake), state).run("outage", no_rules, {}, [Claim("one.example", "news")]) as (run, _):
        (lake.parent / "away").write_text("no folder")
        run.outbox.store = FolderStore(lake.parent / "away")
        run.add(processed(A))
        with pytest.raises(LakeError):
            run.flush()
        return modes(state)


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_the_state_is_private_and_the_lake_follows_the_umask(tmp_path, mask):
    lake, state = tmp_path / "lake", tmp_path / "state"
    with umask(mask):
        crawl(str(lake), state, page("https://two.example/library", "library"))
        assert run_in_an_outage(lake, state) == {(True, 0o700), (False, 0o600)}
        replace_private(state / "kept.tmp", b"")
        forget(FolderStore(lake), [A.id], [], None, state)
    assert modes(state) == {(True, 0o700), (False, 0o600)}
    assert list(state.rglob("spool/*/*/raw/*/*.parquet"))
    assert modes(lake) == {(True, 0o777 & ~mask), (False, 0o666 & ~mask)}


def test_what_an_older_version_made_wider_is_narrowed(tmp_path):
    state = tmp_path / "state"
    crawl(str(tmp_path / "lake"), state, A)
    (state / "kept").mkdir()
    (state / "kept/x.json").write_text("{}")
    for path in (state, *state.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    crawl(str(tmp_path / "lake"), state, A)
    assert modes(state) == {(True, 0o700), (False, 0o600)}


def test_a_folder_with_other_things_in_it_keeps_its_mode(tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "notes.txt").chmod(0o644)
    crawl(str(tmp_path / "lake"), tmp_path, A)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "notes.txt").stat().st_mode) == 0o644
    index = index_path(tmp_path, str(tmp_path / "lake"))
    assert stat.S_IMODE(index.stat().st_mode) == 0o600


def test_the_folder_of_a_job_is_private(tmp_path):
    job = tmp_path / "job"
    (job / "requests.queue").mkdir(parents=True)
    (job / "requests.queue/p0").write_text("https://one.example/bridge")
    for path in (job, *job.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    note_job(tmp_path / "state", job)
    assert modes(job) == modes(tmp_path / "state") == {(True, 0o700), (False, 0o600)}


# ---------------------------------------------------------------- what dead processes left


def test_a_temporary_file_goes_when_its_process_is_dead_and_stays_while_it_lives(tmp_path):
    store = FolderStore(tmp_path)
    store.put_new("a", b"1")
    (tmp_path / ".tmp/young.dead").write_bytes(b"half")
    with temporary_file(tmp_path / ".tmp/alive") as file:
        file.write(b"half")
        store.probe()
        assert [path.name for path in (tmp_path / ".tmp").iterdir()] == ["alive"]
        assert store.leftovers() == ([], [".tmp/alive"])
        os.utime(file.name, (0, 0))
        store.probe()
        assert (tmp_path / ".tmp/alive").exists()
    assert not (tmp_path / ".tmp/alive").exists()


def test_a_file_that_a_cleaner_took_before_it_was_locked_is_made_again(tmp_path, monkeypatch):
    import fcntl

    flock, taken = fcntl.flock, []

    def late(file, operation):
        if not taken:
            taken.append(file.name)
            Path(file.name).unlink()
        flock(file, operation)

    monkeypatch.setattr("fcntl.flock", late)
    with temporary_file(tmp_path / "x") as file:
        file.write(b"1")
        assert (tmp_path / "x").exists()
    assert taken


def test_temporary_files_of_the_state_go_at_the_next_start(tmp_path):
    state = tmp_path / "state"
    crawl(str(tmp_path / "lake"), state, A)
    path = index_path(state, str(tmp_path / "lake"))
    left = [
        state / "folder-id.0123",
        state / "kept/0123.json.4567.tmp",
        state / "jobs/0123.json.4567.tmp",
        path.with_name(f"{path.name}.restoring"),
        path.with_name(f"{path.name}.snapshot"),
        path.with_name(f"{path.name}.snapshot-wal"),
    ]
    for file in left:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"half")
    crawl(str(tmp_path / "lake"), state, A)
    assert [file for file in left if file.exists()] == []


def lock_names(state):
    return sorted(path.name for path in (state / "locks").iterdir())


def test_a_dead_run_s_lock_goes_with_its_recovery(tmp_path):
    uri, state = str(tmp_path / "lake"), tmp_path / "state"
    with Lake(uri, state).run("dead", no_rules, {}, [Claim("one.example", "news")]) as (run, _):
        run.add(processed(A))
        run.flush()
        dead = state / "locks" / f"{run.run_id}.lock"
        content = dead.read_text()
        run.abandon()
    dead.write_text(content)  # as after a SIGKILL
    other_lake = state / "locks/20260101T000000Z-x-00000000.lock"
    other_lake.write_text("another lake")
    before_its_record = state / "locks/20260101T000000Z-y-00000000.lock"
    before_its_record.write_text(content)
    with run_lock(state / "locks", "20260101T000000Z-alive-00000000", FolderStore(tmp_path / "lake").uri):
        crawl(uri, state)
        assert lock_names(state) == ["20260101T000000Z-alive-00000000.lock", other_lake.name]
    os.utime(other_lake, (0, 0))  # its run counts as dead without it
    crawl(uri, state)
    assert lock_names(state) == []


def test_a_lock_that_another_process_deletes_is_taken_on_a_file_that_is_there(tmp_path, monkeypatch):
    import fcntl

    flock, taken = fcntl.flock, []

    def late(file, operation):
        if not taken:
            taken.append(remove_if_dead.__name__)
            Path(file.name).unlink()
        flock(file, operation)

    monkeypatch.setattr("fcntl.flock", late)
    with run_lock(tmp_path / "locks", "r", "lake"):
        monkeypatch.undo()
        assert not remove_if_dead(tmp_path / "locks/r.lock")
        assert (tmp_path / "locks/r.lock").exists()
    assert not (tmp_path / "locks/r.lock").exists()
