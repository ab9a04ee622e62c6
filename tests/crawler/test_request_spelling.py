"""Spellings of one address are one request, and a lake that an earlier version wrote lands no page twice."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cleaning import Rules, page_id
from lake.parquet.reading import table
from lake.runs.session import Lake
from lake.storage.open_store import open_store
from tests.crawler.outlet_crawl import PAGE, QUICK, ROOT, crawl, urlset
from tests.crawler.site import site
from tests.lake.stories import page, processed, raw

NOW = datetime.now(UTC)
LIBRARY = page("http://x.test/b", "library").body.decode()
CORRECTED = page("http://x.test/a", "bridge", extra="The vote was repeated on Tuesday.").body.decode()


def pages_of(asked):
    found = sorted(path for path in asked if path not in ("/robots.txt", "/list", "/news.xml"))
    asked.clear()
    return found


@pytest.fixture
def journal(tmp_path):
    """Crawls what the site's /list names; returns the run record. `spider`: one of the two journals."""

    def journal(home, *more, spider="journal"):
        modules = "tests.crawler.journal,tests.crawler.older_spelling"
        given = (
            "-s", f"SPIDER_MODULES={modules}", "-s", f"LAKE_URI={tmp_path / 'lake'}", "-s", f"STATE_DIR={tmp_path / 'state'}",
            "-s", "ALLOWED_NETWORKS=127.0.0.0/8", "-s", "CHANGE_INTERVAL_S=0", "-a", f"home={home}",
        )  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "scrapy", "crawl", spider, *QUICK, *given, *more],
            cwd=ROOT, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        store = open_store(str(tmp_path / "lake"))
        records = [json.loads(store.get(k)) for k in store.keys("runs/") if not k.endswith(".started.json")]
        return max(records, key=lambda record: record["finished_at"] + record["run_id"])

    return journal


@pytest.fixture
def rows(tmp_path):
    return lambda name: table(str(tmp_path / "lake"), name).to_pylist()


def listing(*paths, changed=None):
    return json.dumps([(path, changed) for path in paths])


def land(folder: Path, *pages):
    with Lake(str(folder / "lake"), folder / "state").run("earlier", lambda _: Rules(), {}) as (run, _):
        for one in pages:
            run.add(processed(one))
        run.flush()
        run.finish("finished", {})


def test_a_lake_of_the_older_spelling_crawled_again_lands_nothing_twice(journal, rows):
    """The first crawl is made by a spider that asks as earlier versions did."""
    answers = dict.fromkeys(("/a?spm=1", "/a?spm=2", "/a"), PAGE)
    answers |= {"/b?hsa_acc=1": LIBRARY, "/list": listing(*answers, "/b?hsa_acc=1", "/gone?spm=1")}
    answers |= {"/gone?spm=1": (410, "", {}), "/b": LIBRARY, "/gone": (410, "", {})}
    with site(answers.get) as (home, asked):
        journal(home, spider="older_spelling")
        assert pages_of(asked) == ["/a", "/a?spm=1", "/a?spm=2", "/b?hsa_acc=1", "/gone?spm=1"]
        before = {name: rows(name) for name in ("articles", "copies", "revisions", "rejects")}
        assert (len(before["articles"]), len(before["copies"]), len(before["rejects"])) == (2, 2, 1)
        assert journal(home)["skipped"] == {"known": 4, "never": 1}
        assert pages_of(asked) == []
        # what the lake does not know is looked up by its request spelling
        answers["/list"] = listing("/a?spm=3", "/a?vero_id=1", "/x/../a")
        assert journal(home)["skipped"] == {"known": 1}
        assert pages_of(asked) == []
        # a change is looked for where the page was, so that it becomes a revision and no second page
        answers["/b?hsa_acc=1"] = answers["/b"] = CORRECTED.replace("bridge", "library")
        answers["/list"] = listing(
            "/b?hsa_acc=1", changed=(datetime.now(UTC) + timedelta(days=1)).isoformat()
        )
        journal(home)
        assert pages_of(asked) == ["/b?hsa_acc=1"]
    assert [row["id"] for row in rows("revisions")] == [page_id(f"{home}/b?hsa_acc=1")]
    assert {name: rows(name) for name in before} == before | {"revisions": rows("revisions")}


def test_a_reject_of_the_older_spelling_is_tried_again_under_it_and_lands_once(journal, rows, tmp_path):
    answers = {"/b?spm=1": LIBRARY, "/b": LIBRARY, "/list": listing("/b?spm=1", "/c?spm=1")}
    with site(answers.get) as (home, asked):
        due = replace(
            raw(f"{home}/b?spm=1", "", status=503, outlet="127.0.0.1"), fetched_at=NOW - timedelta(hours=2)
        )
        waits = replace(raw(f"{home}/c?spm=1", "", status=503, outlet="127.0.0.1"), fetched_at=NOW)
        land(tmp_path, due, waits)
        record = journal(home)
        assert (record["asked"], record["skipped"]) == ({"again": 1}, {"later": 1})
        assert pages_of(asked) == ["/b?spm=1"]
    assert [row["id"] for row in rows("articles")] == [page_id(f"{home}/b?spm=1")]
    assert sorted(row["id"] for row in rows("rejects")) == sorted([due.id, waits.id])
    assert rows("copies") == []


def test_spellings_are_one_request_and_what_an_outlet_adds_changes_no_id(tmp_path):
    """An outlet file names a parameter, then it does not any more."""
    spellings = [
        "/news/a?ncid=1",
        "/news/a?NCID=2&utm-source=x",
        "/news/./a",
        "/news/%61",
        "/news/x/../a?spm=7",
        "/news/a;jsessionid=1",
    ]
    lists = {"/news.xml": spellings}
    articles = {"allow": ["^/news/"], "tracking": ["ncid"]}

    def answer(path):
        if path in lists:
            return urlset(*(home + one for one in lists[path]))
        return PAGE if path.startswith("/news/") else None

    with site(answer) as (home, asked):
        tables = {"articles": articles, "sources": {"news_sitemaps": [f"{home}/news.xml"]}}
        first = crawl(tmp_path, home, tables=tables)
        assert (first.code, pages_of(asked)) == (0, ["/news/a"]), first.log
        assert first.record["candidates"] == 1
        assert first.sources["/news.xml"]["found"] == len(spellings)
        (row,) = table(str(tmp_path / "lake"), "articles").to_pylist()
        assert (row["id"], row["requested_url"]) == (page_id(f"{home}/news/a"), f"{home}/news/a")
        lists["/news.xml"] = ["/news/a?ncid=3", "/news//a"]
        crawl(tmp_path, home, tables=tables)
        assert pages_of(asked) == ["/news//a"]  # perhaps another page: nobody has seen what it answers
        crawl(tmp_path, home, "-a", "fresh=0", tables=tables)
        assert pages_of(asked) == []
        del articles["tracking"]
        crawl(tmp_path, home, tables=tables)
        assert pages_of(asked) == ["/news/a?ncid=3"]
    copies = {row["id"]: row["relation"] for row in table(str(tmp_path / "lake"), "copies").to_pylist()}
    assert copies == {page_id(f"{home}/news//a"): "alias", page_id(f"{home}/news/a?ncid=3"): "alias"}
    assert len(table(str(tmp_path / "lake"), "articles")) == 1
