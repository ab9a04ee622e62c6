"""Known pages are not fetched again, and the run says why: real crawls of a site on loopback."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lake.parquet.reading import table
from lake.storage.open_store import open_store
from tests.crawler.site import site
from tests.lake.stories import page

ROOT = Path(__file__).resolve().parents[2]
QUICK = [
    "-s", "ALLOWED_NETWORKS=127.0.0.0/8", "-s", "DOWNLOAD_DELAY=0", "-s", "AUTOTHROTTLE_ENABLED=0",
    "-s", "RETRY_TIMES=0", "-s", "CHANGE_INTERVAL_S=0",
]  # fmt: skip
STORY = page("http://x.test/a", "bridge").body.decode()
OTHER = page("http://x.test/b", "library").body.decode()
CORRECTED = page("http://x.test/a", "bridge", extra="The vote was repeated on Tuesday.").body.decode()


@pytest.fixture
def crawl(tmp_path, monkeypatch):
    """Runs a crawl; returns its summary line."""
    monkeypatch.setenv("STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("LAKE_URI", str(tmp_path / "lake"))

    def crawl(spider, *more):
        command = [sys.executable, "-m", "scrapy", "crawl", spider, *QUICK, *more]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return re.search(r"^\w+: (.*) → /", done.stderr, re.M)[1]

    return crawl


@pytest.fixture
def journal(crawl):
    """Crawls a site by tests/crawler/journal.py."""
    return lambda home, *more: crawl(
        "journal", "-s", "SPIDER_MODULES=tests.crawler.journal", "-a", f"home={home}", *more
    )


@pytest.fixture
def record(tmp_path):
    """The newest run's record."""

    def record():
        store = open_store(str(tmp_path / "lake"))
        records = [json.loads(store.get(k)) for k in store.keys("runs/") if not k.endswith(".started.json")]
        return max(records, key=lambda r: r["finished_at"] + r["run_id"])

    return record


@pytest.fixture
def rows(tmp_path):
    return lambda name: table(str(tmp_path / "lake"), name).to_pylist()


def pages_of(asked):
    found = [path for path in asked if path not in ("/robots.txt", "/list")]
    asked.clear()
    return found


def listing(*entries):
    return json.dumps([(path, moment and moment.isoformat()) for path, moment in entries])


def test_a_second_run_fetches_no_page_and_says_so(crawl, tmp_path):
    answers = {"/a": STORY, "/b": OTHER, "/gallery": "<html><body><p>x</p></body></html>"}
    with site(answers.get) as (home, asked):
        (tmp_path / "urls.txt").write_text("\n".join(home + path for path in (*answers, "/missing")))
        first = crawl("urls", "-a", f"file={tmp_path / 'urls.txt'}")
        assert first == "4 new → 2 articles, 2 rejects"
        assert len(pages_of(asked)) == 4
        again = crawl("urls", "-a", f"file={tmp_path / 'urls.txt'}")
        assert again == "2 known, 2 to be tried again → nothing new"
        assert asked == []  # not even robots.txt


def test_an_address_that_redirects_to_a_known_page_is_not_asked_for_again(crawl, tmp_path):
    answers = {
        "/a": STORY,
        "/bridge-decision": (301, "", {"Location": "/a"}),
        "/2026/decision-about-bridge": (302, "", {"Location": "/a"}),
    }
    one, two = "/bridge-decision", "/2026/decision-about-bridge"
    with site(answers.get) as (home, asked):
        for paths in ([one], [two], [one, two, "/a"]):
            pages_of(asked)
            (tmp_path / "urls.txt").write_text("\n".join(home + path for path in paths))
            told = crawl("urls", "-a", f"file={tmp_path / 'urls.txt'}")
        assert asked == []
        assert told == "3 known → nothing new"


def test_fresh_ignores_what_is_known(crawl, tmp_path, rows):
    with site({"/a": STORY}.get) as (home, asked):
        (tmp_path / "urls.txt").write_text(f"{home}/a")
        for _ in range(2):
            told = crawl("urls", "-a", f"file={tmp_path / 'urls.txt'}", "-a", "fresh=1")
        assert pages_of(asked) == ["/a", "/a"]
    assert told == "1 known and asked for all the same → 1 unchanged"
    assert len(rows("articles")) == 1


def test_a_page_that_its_source_dates_anew_is_fetched_and_lands_only_when_it_reads_otherwise(
    journal, rows, record
):
    before, after = datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=1)
    answers = {"/a": STORY, "/b": OTHER, "/list": listing(("/a", before), ("/b", None))}
    with site(answers.get) as (home, asked):
        journal(home)
        pages_of(asked)
        assert journal(home) == "2 known → nothing new"
        assert pages_of(asked) == []
        answers["/list"] = listing(("/a", after), ("/b", None))
        assert journal(home) == "1 known, 1 changed → 1 unchanged"
        assert pages_of(asked) == ["/a"]
        answers["/a"] = CORRECTED
        assert journal(home) == "1 known, 1 changed → 1 revision"
    assert len(rows("articles")) == 2
    assert ["Tuesday" in row["text"] for row in rows("revisions")] == [True]
    assert (record()["asked"], record()["skipped"]) == ({"changed": 1}, {"known": 1})
    assert record()["candidates"] == record()["counts"]["revisions"] == 1


def test_a_change_soon_after_the_last_fetch_waits(journal):
    after = datetime.now(UTC) + timedelta(days=1)
    answers = {"/a": STORY, "/list": listing(("/a", after))}
    with site(answers.get) as (home, _):
        journal(home)
        assert journal(home, "-s", "CHANGE_INTERVAL_S=3600") == "1 to be tried again → nothing new"


def test_a_page_that_one_source_leaves_out_and_another_dates_anew_is_asked_for_once(journal):
    after = datetime.now(UTC) + timedelta(days=1)
    answers = {"/a": STORY, "/list": listing(("/a", None), ("/a", after), ("/a", None))}
    with site(answers.get) as (home, asked):
        assert journal(home) == "1 new → 1 article"
        pages_of(asked)
        assert journal(home) == "1 changed → 1 unchanged"
        assert pages_of(asked) == ["/a"]


def test_an_article_that_is_gone_is_told(journal, rows, record):
    after = datetime.now(UTC) + timedelta(days=1)
    answers = {"/a": STORY, "/list": listing(("/a", after))}
    with site(answers.get) as (home, asked):
        journal(home)
        del answers["/a"]
        assert journal(home) == "1 changed → 1 reject, 1 gone"
        pages_of(asked)
        assert journal(home) == "1 to be tried again → nothing new"
        assert pages_of(asked) == []
    assert [row["status"] for row in rows("rejects")] == [404]


def test_a_source_counts_as_read_to_its_end_only_when_nothing_more_is_to_come_of_its_pages(journal, record):
    answers = {"/a": STORY, "/b": (503, "", {}), "/list": listing(("/a", None), ("/b", None))}
    with site(answers.get) as (home, asked):
        journal(home, "-s", "COMPLETE=1")
        assert record()["sources"][f"{home}/list"]["complete"] is False  # /b is to be tried again
        answers["/b"] = (410, "", {})
        journal(home, "-s", "COMPLETE=1", "-a", "fresh=1")
        assert record()["sources"][f"{home}/list"]["complete"] is True
        asked.clear()
        assert journal(home, "-s", "COMPLETE=1") == "nothing found"
        assert asked == []
        journal(home, "-s", "COMPLETE=1", "-a", "fresh=1")
        assert "/list" in asked
