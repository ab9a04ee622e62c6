"""An object of the lake that cannot be read is told by its key, whatever reads it, and never as a traceback."""

from __future__ import annotations

import json

import pytest

from cleaning import Rules
from lake.__main__ import main
from lake.jobs.story_clusters import cluster_lake
from lake.parquet.page_lookup import find_page
from lake.parquet.part_files import read_rows
from lake.parquet.reading import rows_of
from lake.runs.session import Lake
from lake.storage.folder_store import FolderStore
from lake.storage.store import DamagedObject, LakeError
from tests.lake.stories import page, processed


def no_rules(_):
    return Rules()


@pytest.fixture
def lake(tmp_path):
    """A lake of one run with two pages."""
    pages = [page(f"https://one.example/{topic}", topic) for topic in ("bridge", "library")]
    with Lake(str(tmp_path / "lake"), tmp_path / "state").run("test", no_rules, {}) as (run, _):
        for one in pages:
            run.add(processed(one))
        run.flush()
        run.finish("finished", {})
    return tmp_path / "lake"


def one_of(lake, pattern):
    [path] = lake.glob(pattern)
    return path, str(path.relative_to(lake))


def start(lake):
    """A run on a machine that knows nothing of the lake yet."""
    with Lake(str(lake), lake.parent / "new-state").run("test", no_rules, {}) as (run, _):
        run.finish("finished", {})


def flipped(data):
    """One bit of a page's bytes is another."""
    return data[:60] + bytes([data[60] ^ 1]) + data[61:]


@pytest.mark.parametrize(
    "damage", [lambda d: b"", lambda d: d[:-20], lambda d: d[: len(d) // 2] + d[-8:], flipped]
)
def test_a_part_file(lake, damage, capsys):
    path, key = one_of(lake, "articles/*/*.parquet")
    path.write_bytes(damage(path.read_bytes()))
    for read in (
        lambda: read_rows(FolderStore(lake), key),
        lambda: list(rows_of(str(lake), key)),
        lambda: start(lake),
        lambda: cluster_lake(FolderStore(lake), None),
    ):
        with pytest.raises((LakeError, OSError), match=path.name):
            read()
    with pytest.raises((LakeError, OSError), match="articles"):
        find_page(str(lake), page("https://one.example/bridge", "bridge").id)
    assert main(["forget", "--lake", str(lake), "--url", "https://one.example/bridge"]) == 1
    assert "articles" in capsys.readouterr().err
    assert main(["verify", "--lake", str(lake)]) == 1
    assert key in capsys.readouterr().err


def changed(**values):
    return lambda data: json.dumps({**json.loads(data), **values}).encode()


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: b"", lambda d: d[:40], lambda d: b"[]", lambda d: b"\xff{}", changed(parts=None), changed(parts=[{}]),
        changed(run_id="another"), changed(checked=[["x"]]), changed(sources=[]), changed(untied=[[{}, "x", "y"]]),
        changed(parts=[{"table": "articles", "key": "articles/day=2026-01-01/x-00000.parquet"}]),
    ],
)  # fmt: skip
def test_a_run_record(lake, damage):
    path = next(p for p in (lake / "runs").iterdir() if not p.name.endswith(".started.json"))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedObject, match=path.name):
        start(lake)
    cluster_lake(FolderStore(lake), None)  # what the record says of visits is left out


@pytest.mark.parametrize(
    "damage", [lambda d: b"", lambda d: b"null", changed(started_at=7), changed(host=[], leases=3)]
)
def test_the_record_of_a_start(lake, damage):
    ended = next(p for p in (lake / "runs").iterdir() if not p.name.endswith(".started.json"))
    ended.unlink()
    path, _ = one_of(lake, "runs/*.started.json")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedObject, match=path.name):
        start(lake)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b'{"format": 1, "version": "1", "outlets": [null]}',
        b'{"format": 1, "version": "1", "outlets": 7}',
        b'{"format": 1}',
        pytest.param(b"[" * 100_000, id="nested"),
    ],
)
def test_boilerplate_costs_itself(lake, content):
    (lake / "boilerplate").mkdir()
    (lake / "boilerplate" / "20300101T000000Z-0.json").write_bytes(content)
    start(lake)


def test_a_damaged_raw_part_is_named_by_those_who_read_it(lake, tmp_path, capsys):
    path, _ = one_of(lake, "raw/*/*.parquet")
    path.write_bytes(path.read_bytes()[:100])
    assert main(["warc", "--lake", str(lake), "--out", str(tmp_path / "x.warc")]) == 1
    assert path.name in capsys.readouterr().err
