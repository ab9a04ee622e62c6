import os

import pytest

from lake.storage.folder_store import FolderStore
from lake.storage.open_store import open_store
from lake.storage.store import LakeConfigError, LakeError, PartExists


@pytest.fixture(params=["folder", "s3"])
def store(request, tmp_path):
    if request.param == "folder":
        return open_store(str(tmp_path / "lake"))
    return open_store(request.getfixturevalue("bucket") + "/a/prefix")


def test_an_object_appears_with_its_bytes(store):
    store.put_new("articles/day=2026-01-01/x.parquet", b"abc")
    assert store.get("articles/day=2026-01-01/x.parquet") == b"abc"
    assert list(store.keys("articles/day=2026-01-01/x")) == ["articles/day=2026-01-01/x.parquet"]
    assert list(store.keys("copies/")) == []
    assert list(store.keys("articles")) == list(store.keys("")) == ["articles/day=2026-01-01/x.parquet"]


def test_the_same_object_again_is_fine_and_another_is_not(store):
    store.put_new("runs/a.json", b"1")
    store.put_new("runs/a.json", b"1")
    with pytest.raises(PartExists):
        store.put_new("runs/a.json", b"2")
    assert store.get("runs/a.json") == b"1"


def test_a_missing_object_is_a_key_error(store):
    with pytest.raises(KeyError):
        store.get("runs/none.json")


def test_a_usable_place_passes_the_probe(store):
    store.probe()
    store.probe()


def test_no_temporary_file_is_left_in_a_folder(tmp_path):
    FolderStore(tmp_path).put_new("articles/x", b"1")
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["x"]


def test_an_old_temporary_file_is_cleared_away(tmp_path):
    store = FolderStore(tmp_path)
    store.put_new("a", b"1")
    left = tmp_path / ".tmp" / "b.dead"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    store.probe()
    assert not left.exists()


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LakeError, match="cannot be written"):
        open_store(str(tmp_path / "file" / "lake")).probe()


@pytest.mark.parametrize("uri", ["gs://bucket/x", "http://x/y", "s3://", "s3://key:canary@bucket/x"])
def test_a_wrong_address_is_told_without_its_secrets(uri):
    with pytest.raises(LakeConfigError) as caught:
        open_store(uri)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "canary-secret"}, "access refused"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "cannot be reached"),
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "no credentials"),
    ],
)
def test_a_store_that_refuses_says_why(bucket, monkeypatch, changed, told):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, value in changed.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    with pytest.raises(LakeError, match=told) as caught:
        open_store(bucket).probe()
    assert "canary" not in str(caught.value)


def test_a_missing_bucket_is_told_and_not_made(bucket):
    with pytest.raises(LakeError, match="bucket 'no-such-bucket' does not exist"):
        open_store("s3://no-such-bucket/x").probe()
    with pytest.raises(LakeError, match="does not exist"):
        open_store("s3://no-such-bucket/x").probe()
