"""What LAKE_URI may be: what looks like a misspelt address makes no folder."""

import pytest

from lake.storage.folder_store import FolderStore
from lake.storage.open_store import open_store
from lake.storage.store import LakeConfigError


@pytest.mark.parametrize(
    "uri",
    ["/srv/lake", "/srv/lake:2026", "lake", "lake.2026/x", "out//lake", "../lake", "./lake:2026", "./s3:/x", "./~",
     "out/a:b/lake", "s3-lake/x", "s3lake", "http/lake", "my.bucket/lake", "/srv/mein see"],
)  # fmt: skip
def test_a_folder(uri):
    assert isinstance(open_store(uri), FolderStore)


@pytest.mark.parametrize(
    ("uri", "meant"),
    [
        ("s3:/bucket/x", "s3://bucket/x"),
        ("s3:bucket/x", "s3://bucket/x"),
        ("S3://bucket", "s3://bucket"),
        ("S3:/bucket", "s3://bucket"),
        ("s3//bucket/x", "s3://bucket/x"),
        ("s3///bucket/x", "s3://bucket/x"),
        ("s3:///bucket/x", "s3://bucket/x"),
        ("s3;//bucket", "s3://bucket"),
        ("s3.//bucket", "s3://bucket"),
        ("s3/bucket/x", "s3://bucket/x"),
        ("s3: //bucket", "s3://bucket"),
        ("s3 ://bucket", "s3://bucket"),
        ("s3a://bucket/x", "s3://bucket/x"),
        ("ss3://bucket", "s3://bucket"),
        ("s://bucket", "s3://bucket"),
        ("s4:/bucket", "s3://bucket"),
        (" s3://bucket", "s3://bucket"),
        ("s3://bucket\n", "s3://bucket"),
        ('"s3://bucket/x"', "s3://bucket/x"),
        ("'/srv/lake'", "/srv/lake"),
        ("file:/srv/lake", "/srv/lake"),
        ("file:///srv/lake", "/srv/lake"),
        ("file:lake", "./lake"),
    ],
)
def test_a_misspelt_address_is_refused_with_what_was_meant(uri, meant):
    with pytest.raises(LakeConfigError, match="LAKE_URI") as refused:
        open_store(uri)
    assert f"did you mean {meant}" in str(refused.value)


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("gs://bucket/x", "AWS_ENDPOINT_URL"),
        ("gs:/bucket", "AWS_ENDPOINT_URL"),
        ("hdfs//bucket", "AWS_ENDPOINT_URL"),
        ("minio://bucket", "AWS_ENDPOINT_URL"),
        ("https://objects.example/bucket", "AWS_ENDPOINT_URL, and LAKE_URI is s3://bucket/prefix"),
        ("lake:2026", "a folder of this name is ./lake:2026"),
        ("2026-11-22T10:00/lake", "a folder of this name is ./2026-11-22T10:00/lake"),
        (r"C:\lake", r"a folder of this name is ./C:\lake"),
        ("c:/lake", "a folder of this name is ./c:/lake"),
        ("~/lake", "replaced by a shell only"),
        ("$HOME/lake", "replaced by a shell only"),
        ("/srv/s3://bucket", "s3://"),
        ("", "is empty"),
        ("  ", "is empty"),
        ("s3://", "cannot be the name of a bucket"),
        ("s3://bu cket/x", "cannot be the name of a bucket"),
        ("s3://bucket:9000/x", "cannot be the name of a bucket"),
        ("s3://bucket/x#y", "do not belong in the address"),
        ("s3://bucket/x?versionId=1", "do not belong in the address"),
    ],
)
def test_what_is_neither_is_refused(uri, told):
    with pytest.raises(LakeConfigError, match="LAKE_URI") as refused:
        open_store(uri)
    assert told in str(refused.value)


@pytest.mark.parametrize("uri", ["s3a://key:{}@bucket/x", "https://key:{}@host/x", "gs://b/x?token={}"])
def test_a_secret_in_it_is_not_printed(uri):
    with pytest.raises(LakeConfigError) as refused:
        open_store(uri.format("canary"))
    assert "canary" not in str(refused.value)
