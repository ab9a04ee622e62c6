"""Sources are asked whether they have changed, robots.txt is kept for a day, and nothing that was to come is lost."""

import json
import os
import re
import sqlite3
import threading
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from crawler.sources.source_state import SourceState, restore_state
from lake.parquet.reading import table
from tests.crawler.outlet_crawl import crawl, urlset
from tests.lake.stories import page

STORY, OTHER = (page("http://x.test/a", story).body.decode() for story in ("bridge", "library"))
CONDITIONS = ("If-None-Match", "If-Modified-Since")


@contextmanager
def site(answers, headers=None, stuck=False):
    """(address, requests as (path, conditions)): answers with an ETag, and 304 where it still holds; stuck: 304 to
    any condition. A value of answers may be a body, or (status, body)."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            told = {name: self.headers[name] for name in CONDITIONS if self.headers[name]}
            given = answers.get(self.path, (404, ""))
            if self.path != "/.well-known/tdmrep.json":
                asked.append((self.path, told))
            status, body = given if isinstance(given, tuple) else (200, given)
            etag = f'"{hash((self.path, body))}"'
            if status == 200 and (told.get("If-None-Match") == etag or (stuck and told)):
                status, body = 304, ""
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("ETag", etag)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


class Outlet:
    """Crawled again and again into one lake; what each run asked for."""

    def __init__(self, folder, home, asked):
        self.folder, self.home, self.asked = folder, home, asked
        self.tables = {"sources": {"sitemaps": [f"{home}/map.xml"]}}

    def __call__(self, *arguments, **tables):
        self.asked.clear()
        given = ("-s", "SOURCE_INTERVAL_MAX_S=0") if "SOURCE_INTERVAL" not in str(arguments) else ()
        done = crawl(self.folder, self.home, *given, *arguments, tables={**self.tables, **tables})
        assert done.code == 0, done.log
        self.last = done
        return [(path, sorted(told)) for path, told in self.asked]

    @property
    def told(self):
        return re.search(r"^mine: (.*) → /", self.last.log, re.M)[1]

    def rows(self, name):
        return table(str(self.folder / "lake"), name).to_pylist()


@pytest.fixture
def outlet(tmp_path):
    """outlet(answers) → a context with an Outlet."""

    @contextmanager
    def outlet(answers, headers=None, stuck=False):
        with site(answers, headers, stuck) as (home, asked):
            yield Outlet(tmp_path, home, asked)

    return outlet


# ---------------------------------------------------------------- whether a source has changed


def test_a_source_that_has_not_changed_is_told_so_and_nothing_else_is_asked_for(outlet):
    answers = {"/map.xml": urlset("/news/a"), "/news/a": STORY}
    with outlet(answers) as run:
        assert run() == [("/robots.txt", []), ("/map.xml", []), ("/news/a", [])]
        assert run() == [("/map.xml", ["If-None-Match"])]
        assert run.told == "1 source unchanged → nothing new"
        assert run.last.sources["/map.xml"]["unchanged"] is True
        assert run() == [("/map.xml", ["If-None-Match"])]  # the memory outlives a run that found nothing


def test_a_source_that_has_changed_is_read(outlet):
    answers = {"/map.xml": urlset("/news/a"), "/news/a": STORY, "/news/b": OTHER}
    with outlet(answers) as run:
        run()
        answers["/map.xml"] = urlset("/news/b", "/news/a")
        assert run() == [("/map.xml", ["If-None-Match"]), ("/news/b", [])]
        assert run() == [("/map.xml", ["If-None-Match"])]


def test_what_waits_for_another_try_is_not_lost_behind_an_unchanged_source(outlet, tmp_path):
    """/b is unavailable: the source may be remembered until /b is due, and is then read without conditions."""
    answers = {"/map.xml": urlset("/news/a", "/news/b"), "/news/a": STORY, "/news/b": (503, "")}
    with outlet(answers) as run:
        run()
        due = datetime.fromisoformat(run.last.sources["/map.xml"]["visited"]["due_at"])
        (row,) = run.rows("rejects")
        assert due == row["retry_at"]
        assert run() == [("/map.xml", ["If-None-Match"])]
        assert run.last.sources["/map.xml"]["visited"]["due_at"] == due.isoformat()
        answers["/news/b"] = OTHER
        age(tmp_path, hours=2)
        assert run() == [("/map.xml", []), ("/news/b", [])]
        assert len(run.rows("articles")) == 2


def age(folder, hours):
    """As if all that the index says of tries to come had been said so long ago."""
    (index,) = (folder / "state").glob("index-*.sqlite")
    with closing(sqlite3.connect(index)) as db, db:
        db.execute("UPDATE pages SET retry_at = retry_at - ?", (hours * 3_600_000_000,))
        for url, facts in db.execute("SELECT url, facts FROM visited").fetchall():
            told = json.loads(facts)
            due = datetime.fromisoformat(told["due_at"]) - timedelta(hours=hours)
            told["due_at"] = due.isoformat()
            db.execute("UPDATE visited SET facts = ? WHERE url = ?", (json.dumps(told), url))


def age_sources(folder, hours):
    """As if all that the index remembers of sources had been seen so long before."""
    (index,) = (folder / "state").glob("index-*.sqlite")
    with closing(sqlite3.connect(index)) as db, db:
        for url, facts in db.execute("SELECT url, facts FROM visited").fetchall():
            told = json.loads(facts)
            for name in ("asked_at", "changed_at", "read_at"):
                told[name] = (datetime.fromisoformat(told[name]) - timedelta(hours=hours)).isoformat()
            db.execute("UPDATE visited SET facts = ? WHERE url = ?", (json.dumps(told), url))


def test_a_source_that_answers_304_for_ever_is_read_once_a_day(outlet, tmp_path):
    answers = {"/map.xml": urlset("/news/a"), "/news/a": STORY, "/news/b": OTHER}
    with outlet(answers, stuck=True) as run:
        run()
        answers["/map.xml"] = urlset("/news/b", "/news/a")
        age_sources(tmp_path, hours=13)
        assert run() == [("/map.xml", ["If-None-Match"])]
        age_sources(tmp_path, hours=10)
        assert run() == [("/map.xml", ["If-None-Match"])]
        age_sources(tmp_path, hours=2)  # it was read 25 hours ago, and asked for 2 hours ago
        assert [path for path, told in run() if not told and path != "/robots.txt"] == ["/map.xml", "/news/b"]
        assert run() == [("/map.xml", ["If-None-Match"])]


def test_a_run_that_did_not_go_to_its_end_remembers_nothing(outlet):
    answers = {
        "/map.xml": urlset("/news/a", "/news/b", "/news/c", "/news/d"),
        "/news/a": STORY,
        "/news/b": OTHER,
    }
    with outlet(answers) as run:
        asked = run("-s", "CLOSESPIDER_PAGECOUNT=2")  # robots.txt and the source
        assert ("/news/d", []) not in asked
        assert run.last.sources["/map.xml"]["visited"] is None
        asked = run()
        assert asked[0] == ("/map.xml", [])
        assert asked[-1] == ("/news/d", [])


def test_a_deleted_index_remembers_the_same(outlet, tmp_path):
    answers = {"/map.xml": urlset("/news/a"), "/news/a": STORY}
    with outlet(answers) as run:
        run()
        for file in (tmp_path / "state").glob("index-*"):
            file.unlink()
        assert run() == [("/map.xml", ["If-None-Match"])]


def test_fresh_or_another_selection_or_outlet_file_asks_without_conditions(outlet):
    answers = {"/map.xml": urlset("/news/a"), "/news/a": STORY}
    with outlet(answers) as run:
        run()
        assert run("-a", "fresh=1") == [("/map.xml", []), ("/news/a", [])]
        assert run() == [("/map.xml", ["If-None-Match"])]
        assert run("-a", "languages=en") == [("/map.xml", [])]
        assert run(articles={"allow": ["^/(news|more)/"]}) == [("/map.xml", [])]


def test_the_same_bytes_without_a_304_are_no_news_either(outlet):
    section = "<a href='/news/a'>a</a>"
    answers = {"/s": section, "/news/a": STORY}
    with outlet(answers) as run:
        run.tables = {"sources": {"sections": [f"{run.home}/s"]}}
        run()
        answers["/s"] = (203, section)  # the site of the test sends no 304 for it
        assert run() == [("/s", ["If-None-Match"])]
        assert run.told == "1 source unchanged → nothing new"


def test_an_index_is_read_whole_because_its_children_may_change(outlet):
    index = "<sitemapindex><sitemap><loc>/map.xml</loc></sitemap></sitemapindex>"
    answers = {"/index.xml": index, "/map.xml": urlset("/news/a"), "/news/a": STORY, "/news/b": OTHER}
    with outlet(answers) as run:
        run.tables = {"sources": {"sitemaps": [f"{run.home}/index.xml"]}}
        run()
        assert run() == [("/index.xml", []), ("/map.xml", ["If-None-Match"])]
        answers["/map.xml"] = urlset("/news/b")
        assert run()[-1] == ("/news/b", [])


# ---------------------------------------------------------------- when a source is asked again


def test_a_source_is_not_asked_before_its_wait_is_over_and_the_run_says_so(outlet):
    answers = {"/map.xml": urlset("/news/a"), "/news/a": STORY}
    wait = ("-s", "SOURCE_INTERVAL_S=600")
    with outlet(answers) as run:
        run(*wait)
        assert run(*wait) == []
        assert re.fullmatch(
            r"1 source not due before \d\d:\d\d:\d\d UTC \(-a fresh=1 asks now\) → nothing new", run.told
        )
        assert run(*wait, "-a", "fresh=1") != []


def test_a_source_says_by_its_cache_control_when_it_is_worth_asking(outlet):
    answers = {"/map.xml": urlset("/news/a"), "/news/a": STORY}
    with outlet(answers, {"Cache-Control": "public, max-age=600"}) as run:
        run("-s", "SOURCE_INTERVAL_S=0")
        assert run("-s", "SOURCE_INTERVAL_S=0") == []
        assert run("-s", "SOURCE_INTERVAL_MAX_S=0") == [("/map.xml", ["If-None-Match"])]


NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("unchanged_s", "period_s", "max_age_s", "wait_s"),
    [
        (0, 0, 0, 0),  # seen for the first time
        (600, 0, 0, 60),  # a tenth of the time that it has stayed the same
        (0, 3600, 0, 360),  # it changes hourly, and has changed just now
        (0, 0, 300, 300),
        (864_000, 0, 0, 3600),  # an hour at most
        (0, 0, 864_000, 3600),
    ],
)
def test_the_wait_follows_what_was_seen_of_a_source(unchanged_s, period_s, max_age_s, wait_s):
    seen = SourceState("d", NOW, NOW - timedelta(seconds=unchanged_s), period_s, max_age_s, "b", None, None)
    assert (seen.next_at(0, 3600) - NOW).total_seconds() == wait_s
    assert (seen.next_at(10, 3600) - NOW).total_seconds() == max(10, wait_s)
    assert seen.next_at(10, 0) == NOW


def test_a_memory_reads_back_as_it_was_and_a_foreign_one_is_none():
    seen = SourceState("d", NOW, NOW, 1.0, 2.0, "b", '"e"', None, NOW, NOW, "nothing")
    assert restore_state(json.loads(json.dumps(seen.facts()))) == seen
    assert [restore_state(f) for f in (None, {}, {"digest": "d"}, {**seen.facts(), "more": 1})] == [None] * 4


def test_a_memory_of_an_earlier_version_reads_as_if_it_had_been_read_when_it_changed():
    seen = SourceState("d", NOW, NOW - timedelta(hours=23), 0.0, 0.0, "b", '"e"', None)
    facts = {name: value for name, value in seen.facts().items() if name not in ("read_at", "unusable")}
    assert restore_state(facts) == seen
    assert seen.conditions(NOW) == {"If-None-Match": '"e"'}
    assert seen.conditions(NOW + timedelta(hours=1)) == {}


# ---------------------------------------------------------------- robots.txt


def test_robots_txt_is_asked_for_again_after_a_day_with_conditions(outlet, tmp_path):
    answers = {
        "/robots.txt": "User-agent: *\nDisallow: /news/b\n",
        "/map.xml": urlset("/news/a", "/news/b"),
        "/news/a": STORY,
    }
    with outlet(answers) as run:
        assert run()[0] == ("/robots.txt", [])
        (kept,) = [p for p in (tmp_path / "state" / "kept").iterdir() if "robots.txt" in p.read_text()]
        for hours, asked in ((23, []), (25, [("/robots.txt", ["If-None-Match"])]), (0, [])):
            if hours:
                told = json.loads(kept.read_text())
                told["asked_at"] = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
                kept.write_text(json.dumps(told))
            assert [r for r in run("-a", "fresh=1") if r[0] == "/robots.txt"] == asked
            assert [r["reason"] for r in run.rows("rejects")] == ["robots"]  # its rules hold all the time


def test_a_damaged_file_is_asked_for_again(outlet, tmp_path):
    answers = {"/map.xml": urlset("/news/a"), "/news/a": STORY}
    with outlet(answers) as run:
        run()
        for damage in (b"{", b'{"url": 1}', os.urandom(40)):
            for kept in (tmp_path / "state" / "kept").iterdir():
                kept.write_bytes(damage)
            assert run() == [("/robots.txt", []), ("/map.xml", ["If-None-Match"])]


def test_an_error_of_the_server_is_not_kept(outlet):
    answers = {"/robots.txt": (503, ""), "/map.xml": urlset("/news/a"), "/news/a": STORY}
    with outlet(answers) as run:
        with pytest.raises(AssertionError, match="robots_unreadable"):
            run()
        answers["/robots.txt"] = "User-agent: *\nAllow: /\n"
        assert [path for path, _ in run()] == ["/robots.txt", "/map.xml", "/news/a"]
