from __future__ import annotations

import subprocess
import sys

import dedupe


def test_these_names_are_offered():
    assert sorted(dedupe.__all__) == [
        "Clustered", "Counts", "Document", "INDEX_FORMAT", "Index", "Link", "Member", "Passage", "Relation", "SCHEME",
        "SchemeMismatch", "Signature", "Verdict", "WINDOW", "cluster", "cluster_signed", "original",
        "shared_passages", "sign",
    ]  # fmt: skip
    assert all(hasattr(dedupe, name) for name in dedupe.__all__)


def test_signing_loads_nothing_of_the_crawl():
    heavy = "{'scrapy', 'twisted', 'pyarrow', 'trafilatura'}"
    code = f"import sys, dedupe; print(sorted({heavy} & sys.modules.keys()))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
