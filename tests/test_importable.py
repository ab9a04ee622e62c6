"""What others import: scripts beside the project, hand-written spiders, notebooks that read a lake."""

from __future__ import annotations

import importlib
import inspect
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("cleaning", "Header NoArticle RawPage clean"),
        ("dedupe", "Document Index cluster sign"),
        ("demo.object_store", "ObjectStore"),
        ("demo.crawling", "Place"),
        ("demo.newsroom", "Newsroom write_outlets"),
        ("benchmarks.adapters", "body full meta dedupe"),
        ("crawler.discovery.candidates", "CandidateSpider page_of"),
        ("lake.runs.session", "Claim"),
        ("lake.parquet.reading", "dataset table"),
    ],
)
def test_a_documented_name_is_there(module, names):
    found = importlib.import_module(module)
    assert [name for name in names.split() if not hasattr(found, name)] == []


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("crawler.candidates", "crawler.discovery.candidates", "page_of"),
        ("crawler.candidates", "crawler.discovery.candidates", "CandidateSpider"),
        ("lake.landing", "lake.runs.session", "Claim"),
        ("lake.reading", "lake.parquet.reading", "dataset"),
        ("lake.reading", "lake.parquet.reading", "table"),
    ],
)
def test_an_old_path_works_and_says_where_to_look(old, new, name):
    sys.modules.pop(old, None)
    with pytest.warns(FutureWarning, match=f"import from {new}"):
        moved = importlib.import_module(old)
    assert getattr(moved, name) is getattr(importlib.import_module(new), name)


def test_arguments_that_others_name_keep_their_names():
    page_of = importlib.import_module("crawler.discovery.candidates").page_of
    rows_of = importlib.import_module("lake.parquet.reading").rows_of
    assert list(inspect.signature(page_of).parameters) == ["response", "asked", "source"]
    assert list(inspect.signature(rows_of).parameters) == ["uri", "key", "columns", "at_once"]
