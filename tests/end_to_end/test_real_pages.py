"""Real outlet pages, served on loopback, crawled by `urls` into S3: the accounting and the quality of what landed."""

import importlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from cleaning import page_id
from lake.parquet.reading import table
from lake.schema.records import STORY_TABLES
from tests.crawler.site import site

pytestmark = [
    pytest.mark.xdist_group("real"),
    pytest.mark.floor("real pages: accounting, and F1 of aeb and fundus against trafilatura's"),
]
FLOORS = {"aeb": 0.974, "fundus": 0.962}  # may rise, never fall
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def evaluate(shared):
    """The shared scorer, as a module."""
    sys.path.insert(0, str(shared / "measure" / "extraction"))
    try:
        yield importlib.import_module("evaluate")
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def pages(shared, evaluate):
    found = evaluate.load_aeb(shared / "pages" / "aeb") + evaluate.load_fundus(shared / "pages" / "fundus")
    assert len(found) == 174
    return found


@pytest.fixture(scope="module")
def landed(pages, object_store, session_environ, tmp_path_factory):
    """(landed rows by page number, all rows by table, the command's log)"""
    folder = tmp_path_factory.mktemp("real")
    lake = object_store.bucket("real-pages") + "/lake"
    with site(lambda path: pages[int(path[2:])].html if path[1] == "p" else None) as (home, _):
        urls = [f"{home}/p{n}" for n in range(len(pages))]
        (folder / "urls.txt").write_text("\n".join(urls))
        settings = {
            "LAKE_URI": lake,
            "STATE_DIR": folder / "state",
            "ALLOWED_NETWORKS": "127.0.0.0/8",
            "DOWNLOAD_DELAY": 0,
            "AUTOTHROTTLE_ENABLED": 0,
            "CONCURRENT_REQUESTS_PER_DOMAIN": 16,
            "TDM": "tag",  # some publishers reserve their rights; here the cleaning is measured
        }
        given = [word for name, value in settings.items() for word in ("-s", f"{name}={value}")]
        command = [
            sys.executable,
            "-m",
            "scrapy",
            "crawl",
            "urls",
            "-a",
            f"file={folder / 'urls.txt'}",
            *given,
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = {name: table(lake, name).to_pylist() for name in (*STORY_TABLES, "rejects", "raw")}
    number = {page_id(url): n for n, url in enumerate(urls)}
    return {number[r["id"]]: r for name in STORY_TABLES for r in rows[name]}, rows, done.stderr


def test_every_candidate_is_in_exactly_one_table(landed, pages):
    _, rows, log = landed
    ids = Counter(r["id"] for name, of_table in rows.items() if name != "raw" for r in of_table)
    assert set(ids.values()) == {1}
    assert f"'candidates': {len(pages)}" in log
    assert len(ids) == len(pages)
    assert Counter(r["id"] for r in rows["raw"]) == ids


def test_pages_of_real_articles_are_articles(landed, pages):
    kept, rows, _ = landed
    assert len(kept) >= 0.98 * len(pages), [(r["url"], r["reason"], r["detail"]) for r in rows["rejects"]]


@pytest.mark.parametrize(("corpus", "with_summary"), [("aeb", False), ("fundus", True)])
def test_what_landed_is_cleaner_than_trafilaturas_text(landed, pages, evaluate, corpus, with_summary):
    adapters = importlib.import_module("adapters")
    kept, _, _ = landed
    chosen = [(n, p) for n, p in enumerate(pages) if p.corpus == corpus]

    def text(number):
        row = kept.get(number)
        return (
            ""
            if row is None
            else "\n".join(filter(None, (row["summary"] if with_summary else None, row["text"])))
        )

    ours = evaluate.corpus_scores(
        evaluate.score(corpus, [p for _, p in chosen], [text(n) for n, _ in chosen])
    )
    peer = evaluate.score(
        corpus, [p for _, p in chosen], [adapters.traf_default(p.html, p.url) for _, p in chosen]
    )
    theirs = evaluate.corpus_scores(peer)
    print(f"{corpus}: F1 {ours['f1']:.4f}, trafilatura {theirs['f1']:.4f}")
    assert ours["f1"] >= max(theirs["f1"], FLOORS[corpus])
