"""An object of the lake that cannot be read: every command names it, ends with 1 and prints no traceback."""

import shutil

import pytest

from lake.__main__ import main
from lake.storage.folder_store import FolderStore
from lake.storage.store import DamagedObject
from tests.lake.stories import page
from tests.lake.test_spool import crawl

PAGES = [page("https://one.example/bridge", "bridge"), page("https://two.example/library", "library")]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    crawl(str(folder / "lake"), folder / "state", *PAGES)
    return folder / "lake"


def half(data):
    return data[: len(data) // 2]


def nothing(data):
    return b""


def a_web_page(data):
    return b"<html><body>Please log in</body></html>"


def middle_overwritten(data):
    return data[:40] + bytes(400) + data[440:]


@pytest.mark.parametrize("damage", [half, nothing, a_web_page, middle_overwritten])
@pytest.mark.parametrize("table", ["articles", "runs"])
def test_a_damaged_object_is_named(tmp_path, sound, capsys, table, damage):
    lake = tmp_path / "lake"
    shutil.copytree(sound, lake)
    path = next(p for p in (lake / table).rglob("*") if p.is_file() and ".started." not in p.name)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedObject, match=path.name):
        crawl(str(lake), tmp_path / "state", *PAGES)
    if table == "runs":
        return
    jobs = ["cluster"], ["boilerplate"], ["forget", "--outlet", "one.example"]
    for job, *more in jobs:
        assert main([job, "--lake", str(lake), *more]) == 1, job
        assert f"{lake}/articles" in capsys.readouterr().err
    assert main(["verify", "--lake", str(lake)]) == 1
    assert path.name in capsys.readouterr().err


def test_a_part_that_its_record_names_is_not_missed_in_silence(tmp_path, sound):
    shutil.copytree(sound, tmp_path / "lake")
    store = FolderStore(tmp_path / "lake")
    (key,) = store.keys("articles/")
    store.remove(key)
    with pytest.raises(DamagedObject, match=f"{key}' is missing"):
        crawl(store.uri, tmp_path / "state", *PAGES)


def test_a_damaged_raw_part_is_named_by_those_who_read_it(tmp_path, sound, capsys):
    shutil.copytree(sound, tmp_path / "lake")
    path = next((tmp_path / "lake" / "raw").rglob("*.parquet"))
    path.write_bytes(half(path.read_bytes()))
    assert main(["warc", "--lake", str(tmp_path / "lake"), "--out", str(tmp_path / "x.warc")]) == 1
    assert path.name in capsys.readouterr().err
