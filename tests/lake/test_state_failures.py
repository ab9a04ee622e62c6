"""Disks that are full, read-only or broken: told by their names, with what to do; nothing lost, no half object."""

import errno
import os
import sqlite3
import subprocess

import pytest

from lake.jobs.verify import verify
from lake.runs.session import Lake
from lake.storage import folder_store
from lake.storage.folder_store import FolderStore
from lake.storage.open_store import open_store
from lake.storage.spool import Spool
from lake.storage.store import LakeError, StateFailed, StoreAway
from tests.lake.small_disk import small_disk
from tests.lake.stories import page, processed
from tests.lake.test_spool import crawl, landed, no_rules

PAGES = [
    page(f"https://one.example/{n}", "bridge", extra=" ".join(os.urandom(3).hex() for _ in range(4000)))
    for n in range(6)
]


@pytest.mark.parametrize("size", ["4k", "64k", "200k"])
def test_a_full_working_folder_is_told_and_costs_nothing(tmp_path, size):
    uri, state = str(tmp_path / "lake"), tmp_path / "state"
    with small_disk(state, size):
        with pytest.raises(StateFailed) as caught, Lake(uri, state).run("full", no_rules, {}) as (run, _):
            (state / "filler").write_bytes(b"x" * (os.statvfs(state).f_bavail * os.statvfs(state).f_frsize))
            for one in PAGES:
                run.add(processed(one))
                run.flush()
        assert str(caught.value).startswith(f"STATE_DIR: {state}")
        assert "free space on its disk" in str(caught.value)
        assert verify(open_store(uri)).faults == []
    assert sorted(crawl(uri, state, *PAGES)[1])[0] in ("articles", "unchanged")
    assert len(landed(uri)["raw"]) == len(PAGES)
    assert verify(open_store(uri)).faults == []


def test_a_full_lake_keeps_what_landed_and_the_rest_waits(tmp_path):
    state = tmp_path / "state"
    with small_disk(tmp_path / "disk", "150k") as disk:
        uri = str(disk / "lake")
        with Lake(uri, state).run("full", no_rules, {}) as (run, _):
            with pytest.raises(
                LakeError, match=r"written: No space left on device; free space on its disk$"
            ) as caught:
                for one in PAGES:
                    run.add(processed(one))
                    run.flush()
            assert not isinstance(caught.value, StoreAway)
            assert run.spooled_rows == 1
            with pytest.raises(LakeError, match="No space left"):
                run.finish("landing_failed", {})
        assert not list((disk / "lake" / ".tmp").iterdir())
        subprocess.run(["mount", "-o", "remount,size=9m", disk], check=True)
        crawl(uri, state, *PAGES)
        assert len(landed(uri)["raw"]) == len(PAGES)
        assert verify(open_store(uri)).faults == []


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free space on its disk"), (errno.EDQUOT, "the quota is used up"), (errno.EROFS, "mounted read-only"),
        (errno.EIO, "its disk fails"), (errno.EMFILE, "ulimit -n"), (errno.ENFILE, "fs.file-max"), (errno.EACCES, "mend the rights"),
        (errno.EFBIG, "ulimit -f"), (errno.ENOTDIR, "a file stands where a folder is needed"),
    ],
)  # fmt: skip
def test_each_failure_of_a_folder_is_told_with_what_to_do(tmp_path, monkeypatch, number, remedy):
    store = FolderStore(tmp_path / "lake")
    store.put_new("runs/a.json", b"1")
    failure = OSError(number, os.strerror(number))

    def fail(*_, **__):
        raise failure

    def refuse(top, onerror):
        onerror(failure)
        return iter(())

    def told(call, *arguments):
        with pytest.raises(LakeError) as caught:
            call(*arguments)
        assert remedy in str(caught.value)
        assert str(tmp_path / "lake") in str(caught.value)

    monkeypatch.setattr(folder_store.os, "fsync", fail)
    told(store.put_new, "runs/b.json", b"1")
    told(store.swap, "leases/x.json", b"1", None)
    monkeypatch.setattr(folder_store.os, "walk", refuse)
    told(lambda: list(store.keys("runs/")))  # not an empty lake
    monkeypatch.setattr(folder_store.Path, "read_bytes", fail)
    told(store.get, "runs/a.json")
    monkeypatch.setattr(folder_store.Path, "unlink", fail)
    told(store.remove, "runs/a.json")
    spool = Spool(tmp_path / "spool")
    with pytest.raises(LakeError, match="spool"):
        spool.add("runs/a.json", b"1")


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (sqlite3.SQLITE_FULL, "free space"), (sqlite3.SQLITE_IOERR_WRITE, "faults of the disk"),
        (sqlite3.SQLITE_READONLY_DBMOVED, "make it writable"), (sqlite3.SQLITE_CANTOPEN, "ulimit -n"),
        (sqlite3.SQLITE_BUSY, "another process"), (sqlite3.SQLITE_CORRUPT, "the next start rebuilds it"),
        (sqlite3.SQLITE_NOTADB, "the next start rebuilds it"),
    ],
)  # fmt: skip
def test_each_failure_of_an_index_is_told_with_what_to_do(tmp_path, code, remedy):
    uri, state = str(tmp_path / "lake"), tmp_path / "state"
    error = sqlite3.OperationalError("it fails")
    error.sqlite_errorcode = code
    with Lake(uri, state).run("fails", no_rules, {}) as (run, _):
        with pytest.raises(StateFailed, match=remedy) as caught, run.index.transaction():
            raise error
        assert str(run.index.path) in str(caught.value)
        run.add(processed(PAGES[0]))  # the transaction was ended
        run.flush()
        run.finish("finished", {})
