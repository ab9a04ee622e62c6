"""A spider that was written for an earlier version still crawls, and is told where its imports have moved."""

from __future__ import annotations

import subprocess
import sys

from lake.parquet.reading import table
from tests.crawler.outlet_crawl import PAGE, QUICK, ROOT
from tests.crawler.site import site

ANSWERS = {"/bridge": PAGE, "/moved": (301, "", {"Location": "/harbour"}), "/harbour": (404, "", {})}


def test_it_crawls_as_before_and_is_told_where_to_look(tmp_path):
    with site(ANSWERS.get) as (home, _):
        settings = {
            "SPIDER_MODULES": "tests.crawler.older_spider",
            "LAKE_URI": str(tmp_path / "lake"),
            "STATE_DIR": str(tmp_path / "state"),
            "ALLOWED_NETWORKS": "127.0.0.0/8",
        }
        given = [word for name, value in settings.items() for word in ("-s", f"{name}={value}")]
        done = subprocess.run(
            [sys.executable, "-m", "scrapy", "crawl", "older", "-a", f"home={home}", *given, *QUICK],
            cwd=ROOT, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (article,) = table(str(tmp_path / "lake"), "articles").to_pylist()
    assert article["requested_url"] == f"{home}/bridge"
    (reject,) = table(str(tmp_path / "lake"), "rejects").to_pylist()
    assert (reject["requested_url"], reject["url"]) == (f"{home}/moved", f"{home}/harbour")
    for new in ("crawler.discovery.candidates", "lake.runs.session"):
        assert f"import from {new}" in done.stderr
