"""The readers that downstream people use, on a folder and on S3: the same counts and the same types."""

import io
import os

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo.object_store import storage_options
from lake.parquet.reading import dataset, table
from lake.schema.columns import schema
from lake.schema.records import STORY_TABLES
from lake.storage.open_store import open_store
from tests.lake.stories import page
from tests.lake.test_run import crawl

PAGES = [
    page("https://one.example/bridge", "bridge"),
    page("https://two.example/bridge-copy", "bridge", title="Bridge decided", cut=6),
    page("https://two.example/library", "library"),
]


@pytest.fixture(params=["folder", "s3"])
def lake(request, tmp_path):
    uri = str(tmp_path / "lake") if request.param == "folder" else request.getfixturevalue("bucket") + "/lake"
    crawl(uri, tmp_path / "state", *PAGES[:1])
    crawl(uri, tmp_path / "state", *PAGES[1:])
    return uri


def options(lake):
    return storage_options(os.environ) if lake.startswith("s3://") else None


def test_pyarrow(lake):
    assert {name: dataset(lake, name).count_rows() for name in STORY_TABLES} == {
        "articles": 2,
        "copies": 1,
        "revisions": 0,
    }
    assert table(lake, "articles").drop_columns("day").schema == schema("articles").remove_metadata()
    assert table(lake, "articles")["day"].type == pa.string()


def test_polars(lake):
    frame = pl.scan_parquet(
        f"{lake}/articles/**/*.parquet",
        hive_partitioning=True,
        hive_schema={"day": pl.String},
        storage_options=options(lake),
    ).collect()
    assert frame.height == 2
    assert frame.schema["landed_at"] == pl.Datetime("us", "UTC")
    assert frame.schema["day"] == pl.String
    assert frame.schema["authors"] == pl.List(pl.String)
    assert frame.schema["word_count"] == pl.Int64


def test_duckdb(lake):
    articles = dataset(lake, "articles")  # noqa: F841 - DuckDB finds it by its name
    source = "articles"
    if not lake.startswith("s3://"):
        source = f"read_parquet('{lake}/articles/**/*.parquet', hive_partitioning = true, hive_types = {{'day': VARCHAR}})"
    found = duckdb.sql(
        f"SELECT count(*), any_value(typeof(landed_at)), any_value(typeof(day)) FROM {source}"
    ).fetchall()
    assert found == [(2, "TIMESTAMP WITH TIME ZONE", "VARCHAR")]


def test_pandas(lake):
    if lake.startswith("s3://"):
        frame = dataset(lake, "articles").to_table().to_pandas()
    else:
        frame = pd.read_parquet(f"{lake}/articles")
    assert len(frame) == 2
    assert str(frame.dtypes["landed_at"]) == "datetime64[us, UTC]"
    assert sorted(frame["title"]) == [
        "Decision about the bridge at last",
        "Decision about the library at last",
    ]


def test_one_story_is_one_row_and_its_copy_points_to_it(lake):
    stories, copies = table(lake, "articles").to_pylist(), table(lake, "copies").to_pylist()
    assert {c["story_id"] for c in copies} <= {s["id"] for s in stories}


def test_a_part_read_alone_has_its_columns_in_order(lake):
    store = open_store(lake)
    part = store.get(next(iter(store.keys("articles/"))))
    assert pq.read_schema(io.BytesIO(part)).names == schema("articles").names
