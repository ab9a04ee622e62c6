"""The `warc` spider: real replays, without any network."""

import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from scrapy.exceptions import UsageError

from cleaning import Rules, page_id
from crawler.command_line.arguments import BadArgument
from crawler.discovery.warc_replay import NotAWarc, read_batches, replay_choice
from crawler.pipeline.raw_page import ArchivedArticle
from crawler.spiders.warc import Warc
from lake.parquet.raw_page_selection import RawPageSelection
from lake.parquet.reading import table
from lake.runs.session import Lake
from lake.schema.records import STORY_TABLES
from lake.storage.open_store import open_store
from lake.warc.export import export
from lake.warc.member_stream import RecordPlace
from lake.warc.replay_progress import Progress
from lake.workers.page_processing import process_page
from tests.crawler.site import site
from tests.lake import stories, warcs
from tests.lake.test_page_processing import article_page

ROOT = Path(__file__).resolve().parents[2]
DAY = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
LINDOW = """
name = "The Lindow Post"
home = "https://lindow.example"
domains = ["lindow.example"]
[articles]
allow = ["^/story/"]
"""


@pytest.fixture
def outlets(tmp_path, monkeypatch):
    folder = tmp_path / "outlets"
    folder.mkdir()
    (folder / "lindow.toml").write_text(LINDOW)
    monkeypatch.setenv("OUTLETS_DIR", str(folder))
    return folder


class Replay:
    """One lake, and the command that replays into it."""

    def __init__(self, folder):
        self.lake, self.state = str(folder / "lake"), folder / "state"
        folder.mkdir(parents=True, exist_ok=True)

    def command(self, files, *more):
        settings = {"LAKE_URI": self.lake, "STATE_DIR": self.state}
        given = [part for name, value in settings.items() for part in ("-s", f"{name}={value}")]
        names = ",".join(map(str, files))
        return [sys.executable, "-m", "scrapy", "crawl", "warc", "-a", f"files={names}", *given, *more]

    def run(self, files, *more):
        """(exit code, stats, log)"""
        done = subprocess.run(
            self.command(files, *more), cwd=ROOT, capture_output=True, text=True, timeout=300
        )
        stats = {name: int(n) for name, n in re.findall(r"'([\w/]+)': (\d+)[,}]", done.stderr)}
        return done.returncode, stats, done.stderr

    def rows(self, name):
        return table(self.lake, name).to_pylist()

    def landed(self):
        """(id, content_hash) of every row, and the grouping into stories."""
        rows = [r for name in STORY_TABLES for r in self.rows(name)]
        groups = {}
        for r in rows:
            groups.setdefault(r["story_id"], set()).add((r["id"], r["content_hash"]))
        return sorted((r["id"], r["content_hash"]) for r in rows), sorted(map(sorted, groups.values()))


def html(topic, **more):
    return stories.page("https://any.example/", topic, **more).body


def of_page(url, body, *headers, **more):
    return warcs.record("response", url, warcs.answer(body, *headers), **more)


def reading(path, choice=None, max_bytes=10**6):
    """(sources of the pages, counts, what was told) of a whole file"""
    found = list(read_batches(str(path), choice or replay_choice({}), Progress(), max_bytes))
    counts = sum((h.counts for h in found), Counter())
    return [p for h in found for p in h.pages], counts, [t for h in found for t in h.broken_records]


# ---------------------------------------------------------------- what is replayed


def mixed(home):
    return [
        warcs.record("warcinfo", "", b"software: x\r\n", Content_Type="application/warc-fields"),
        warcs.record("request", "https://lindow.example/story/1", b"GET / HTTP/1.1\r\n\r\n"),
        of_page("https://lindow.example/story/1", html("bridge"), "Link: </c>; rel=canonical", "X-Other: 1"),
        of_page("https://lindow.example/tag/bridge", html("bridge")),
        of_page("https://unknown.example/a?utm_source=x", html("library")),
        of_page(f"{home}/in-parts", html("library", extra=f"</p><a rel=next href='{home}/in-parts?page=2'>Page 2</a><p>")),
        of_page("https://lindow.example/story/2", b"zz\r\n" + html("bridge"), "Transfer-Encoding: chunked", "Content-Encoding: gzip"),
        of_page("https://lindow.example/story/3", warcs.gzip_whole([html("bridge")])[:-20], "Content-Encoding: gzip"),
        of_page("https://lindow.example/story/large", b"<p>" + b" " * 9 * 2**20),
        warcs.record("response", "https://lindow.example/robots.txt", warcs.answer(b"", media="text/plain")),
        warcs.record("response", "https://lindow.example/story/0", warcs.answer(b"", status="301 Moved")),
        warcs.record("response", "https://lindow.example/story/9", warcs.answer(b"", status="404 Not Found")),
        warcs.record("revisit", "https://lindow.example/story/1", warcs.answer(b"")),
    ]  # fmt: skip


def test_pages_land_without_a_request_and_everything_else_is_counted(tmp_path, outlets):
    replay, file = Replay(tmp_path), tmp_path / "in.warc.gz"
    open_to_all = ("-s", "ALLOWED_NETWORKS=127.0.0.0/8", "-s", "MAX_PARTS=9", "-s", "FLUSH_ROWS=2")
    with site(lambda path: html("library").decode()) as (home, asked):
        file.write_bytes(warcs.gzip_members(mixed(home)))
        code, stats, log = replay.run([file], *open_to_all)
        assert asked == []
    assert code == 0, log
    # chunks that are none, and a body that is not packed, are as their archive kept them: decoded
    told = {
        "candidates": 4, "warc/records": 13, "not_fetched/pattern": 1, "warc/broken_records": 1,
        "warc/no_page/warcinfo": 1, "warc/no_page/request": 1, "warc/no_page/revisit": 1,
        "warc/no_page/media_type": 1, "warc/no_page/redirect": 1, "warc/no_page/status": 1,
        "warc/no_page/too_large": 1,
    }  # fmt: skip
    assert {name: stats.get(name) for name in told} == told
    assert re.search(r"broken record passed over: .*in\.warc\.gz#\d+: bad gzip coding", log)
    raw = {r["url"]: r for r in replay.rows("raw")}
    assert len(raw) == 4
    assert {r["fetched_at"] for r in raw.values()} == {DAY}
    one = raw["https://lindow.example/story/1"]
    assert one["outlet"] == "lindow"
    assert [(h["name"], h["value"]) for h in one["headers"]] == [("content-type", "text/html; charset=utf-8"), ("link", "</c>; rel=canonical")]  # fmt: skip
    assert re.fullmatch(re.escape(str(file)) + r"#[1-9]\d*", one["source"])
    assert raw["https://unknown.example/a"]["requested_url"] == "https://unknown.example/a"
    before = replay.landed()
    code, stats, log = replay.run([file])
    assert (code, stats.get("candidates"), stats["warc/landed_before"]) == (0, None, 4)
    assert "4 landed before → nothing new" in log
    code, stats, _ = replay.run([file], "-a", "fresh=1")
    assert (code, stats["outcome/unchanged"]) == (0, 4)
    assert replay.landed() == before


def test_outlets_days_and_all_addresses_are_chosen(tmp_path, outlets):
    file = tmp_path / "in.warc"
    file.write_bytes(
        of_page("https://lindow.example/story/1", b"<p>", date="2020-01-01T23:59:59Z")
        + of_page("https://lindow.example/tag/2", b"<p>", date="2020-01-02T00:00:00Z")
        + of_page("https://other.example/3", b"<p>", date="2020-01-03T12:00:00Z")
    )
    chosen = lambda **given: [p.url[-1] for p in reading(file, replay_choice(given))[0]]  # noqa: E731
    assert chosen() == ["1", "3"]
    assert chosen(all="1") == ["1", "2", "3"]
    assert chosen(outlets="lindow", all="1") == ["1", "2"]
    assert chosen(all="1", since="2020-01-02", until="2020-01-02") == ["2"]
    assert (
        reading(file, replay_choice({"outlets": "lindow", "until": "2020-01-02"}))[1]["not_fetched/date"] == 1
    )
    for wrong in ({"outlets": "nobody"}, {"since": "soon"}, {"languages": "german"}):
        with pytest.raises(BadArgument):
            replay_choice(wrong)
    keys = [
        replay_choice(given).key for given in ({}, {"all": "1"}, {"outlets": "lindow"}, {"languages": "de"})
    ]
    assert len(set(keys)) == 4


# ---------------------------------------------------------------- files that are broken, or none


def test_what_cannot_be_read_at_all_fails_the_run_after_the_rest_has_landed(tmp_path):
    good, broken, cut = tmp_path / "good.warc.gz", tmp_path / "broken.warc", tmp_path / "cut.warc"
    good.write_bytes(warcs.gzip_members([of_page("https://a.example/1", html("bridge"))]))
    broken.write_bytes(b"hello\n" * 100)
    (tmp_path / "empty.warc").touch()
    whole = of_page("https://b.example/1", html("library"))
    cut.write_bytes(whole + b"garbage\n" + whole[:-900])
    replay = Replay(tmp_path / "replay")
    piece = tmp_path / "piece.warc"
    piece.write_bytes(
        warcs.record("response", "https://c.example/1", warcs.answer(b"<p>", status="206 Partial"))
    )
    code, stats, log = replay.run([good, broken, tmp_path / "empty.warc", cut, piece])
    assert code == 1
    assert f"{piece}: no page of it is replayed: warc/no_page/status 1, warc/records 1" in log
    assert f"{good}: no page" not in log
    assert (stats["warc/unreadable_files"], stats["outcome/articles"]) == (2, 2)
    assert stats["warc/broken_records"] == 3  # not a WARC; garbage; cut
    assert f"{cut}#{len(whole)}: no record begins here" in log
    assert f"{cut}#{len(whole) + 8}: cut: " in log
    for name, why in [("broken", "no WARC record"), ("empty", "it is empty")]:
        assert re.search(rf"{name}\.warc cannot be read: .*{why}", log)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"files": "x", "outlets": "nobody"}, "no outlet is called 'nobody'"),
        ({"files": "x", "parallel": "0"}, "whole number from 1 to 64"),
        ({}, "files: expected paths"),
    ],
)
def test_wrong_arguments_are_refused(given, told):
    with pytest.raises(UsageError, match=told):
        Warc.hosts(**given)
    with pytest.raises(UsageError, match=told):
        Warc(**given)


def test_wrong_arguments_are_a_matter_of_configuration(tmp_path):
    code, _, log = Replay(tmp_path).run([tmp_path / "x.warc"], "-a", "parallel=0")
    assert code == 2
    assert "warc: parallel: '0'; expected" in log


def test_names_that_name_nothing_are_told_before_anything_is_read(tmp_path):
    there, bare, listed = tmp_path / "there.warc", tmp_path / "bare", tmp_path / "list.txt"
    there.touch()
    bare.mkdir()
    listed.write_text(f"# mine\n{there}\n{tmp_path}/*.warc.zst\n")
    wrong = [f"{tmp_path}/nope.warc", str(bare), f"{tmp_path}/*.warc.zst"]
    with pytest.raises(UsageError, match="no WARC file is there: " + re.escape(", ".join(wrong))):
        Warc.hosts(files=f"{wrong[0]},{there},{bare},@{listed},s3://bucket/unasked.warc")
    with pytest.raises(UsageError, match=r"No such file.*none\.txt"):
        Warc.hosts(files=f"@{tmp_path}/none.txt")
    assert Warc.hosts(files=f"{there},{tmp_path}/*.warc") == []
    code, _, log = Replay(tmp_path / "replay").run([wrong[0]])
    assert (code, log.count("\n")) == (2, 1)
    assert not (tmp_path / "replay" / "lake").exists()


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([of_page("", b"<p>")], "no page in it can be read: no WARC-Target-URI"),
        (
            [warcs.record("response", "https://a.example/1", b"<p>")],
            "no page in it can be read: no HTTP status",
        ),
        (
            [warcs.record("warcinfo", "", b"a: b"), of_page("https://a.example/1", b"<p>")[:-20]],
            "no page in it can be read: cut: ",
        ),
        ([b"filedesc://a.arc 0.0.0.0 20200101000000 text/plain 6\n"], "an ARC file"),
    ],
)
def test_a_file_of_which_no_page_can_be_read_is_unreadable(tmp_path, records, why):
    file = tmp_path / "x.warc"
    file.write_bytes(b"".join(records))
    with pytest.raises(NotAWarc, match=why):
        reading(file)
    file.write_bytes(of_page("https://a.example/1", b"<p>") + b"".join(records))
    pages, counts, told = reading(file)
    assert (len(pages), counts["warc/broken_records"], len(told)) == (1, 1, 1)


def test_a_file_without_pages_is_read(tmp_path):
    file = tmp_path / "x.warc"
    file.write_bytes(warcs.record("warcinfo", "", b"a: b") + warcs.record("metadata", "x:y", b"a: b"))
    assert reading(file)[1]["warc/records"] == 2


# ---------------------------------------------------------------- articles in several pages


def part(number, of="https://a.example/1", body=b"<p>", url=None, **more):
    given = {"Pressline_Part_Of": of, "Pressline_Part": str(number)} if number != 1 else {}
    return of_page(url or (of if number == 1 else f"{of}?page={number}"), body, **{**given, **more})


def shape(found):
    """Of each item its address, with the numbers of its later pages."""
    return [
        (f.first.url[-1], [p.part for p in f.later]) if isinstance(f, ArchivedArticle) else (f.url[-1], [])
        for f in found
    ]


def test_later_pages_belong_to_the_article_before_them(tmp_path):
    file = tmp_path / "x.warc"
    two = "https://a.example/2"
    file.write_bytes(b"".join([part(1), part(2), part(3), part(1, two), part(2, f"<{two}>"), part(1)]))
    found, counts, _ = reading(file)
    assert shape(found) == [("1", [2, 3]), ("2", [2]), ("1", [])]
    assert {p.part_of for p in found[0].later} == {found[0].first.id}
    assert counts["warc/records"] == 6
    # more articles than a batch holds, and each in one piece
    many = [part(n, f"https://a.example/{m}") for m in range(20) for n in (1, 2, 3)]
    file.write_bytes(b"".join(many))
    assert [numbers for _, numbers in shape(reading(file)[0])] == [[2, 3]] * 20


@pytest.mark.parametrize("number", ["0", "-1", "two", "", "9" * 30, "1"])
def test_a_page_with_a_number_that_is_none_is_a_page_of_its_own(tmp_path, number):
    file = tmp_path / "x.warc"
    file.write_bytes(part(1) + part(2, Pressline_Part=number))
    assert shape(reading(file)[0]) == [("1", []), ("2", [])]


def test_a_later_page_without_its_article_is_a_page_of_its_own(tmp_path):
    file = tmp_path / "x.warc"
    file.write_bytes(part(2) + part(1, "https://a.example/3") + part(3))
    assert shape(reading(file)[0]) == [("2", []), ("3", []), ("3", [])]


def test_no_text_has_a_gap_and_no_article_fills_the_memory(tmp_path):
    file, large = tmp_path / "x.warc", b"<p>" + b"x" * 400
    broken = warcs.record("response", "https://a.example/1?page=2", b"<p>", Pressline_Part_Of="https://a.example/1", Pressline_Part="2")  # fmt: skip
    file.write_bytes(part(1) + broken + part(3) + part(4))
    found, counts, _ = reading(file)
    assert shape(found) == [("1", [])]
    assert counts["warc/no_page/part_without_the_one_before"] == 2
    file.write_bytes(b"".join(part(n, body=large) for n in range(1, 5)))
    found, counts, _ = reading(file, max_bytes=1000)
    assert shape(found) == [("1", [2])]
    assert (counts["warc/no_page/too_large"], counts["warc/no_page/part_without_the_one_before"]) == (1, 1)
    file.write_bytes(b"".join(part(n) for n in range(1, 401)))
    assert len(reading(file)[0][0].later) == 200


def test_later_pages_share_the_fate_of_their_article(tmp_path, outlets):
    file = tmp_path / "x.warc"
    file.write_bytes(part(1, "https://lindow.example/story/1") + part(2, "https://lindow.example/story/1", url="https://lindow.example/more/2"))  # fmt: skip
    assert shape(reading(file)[0]) == [("1", [2])]  # whatever the outlet's patterns say of the later page
    assert reading(file, replay_choice({"until": "2019-01-01"}))[1]["not_fetched/date"] == 2
    landed = {(RecordPlace(0), page_id("https://lindow.example/story/1"), DAY)}
    batches = list(read_batches(str(file), replay_choice({}), Progress(landed=landed), 10**6))
    assert (batches[0].pages, batches[0].counts["warc/landed_before"]) == ([], 2)


def test_an_article_in_several_pages_survives_export_and_replay(tmp_path):
    crawled, replay = Replay(tmp_path / "crawled"), Replay(tmp_path / "replayed")
    first = replace(article_page(1, of="none"), part_of=None)
    with Lake(crawled.lake, crawled.state).run("crawl", lambda _: Rules(), {}) as (run, _):
        run.add(stories.processed(stories.page("https://two.example/library", "library")))
        run.add(process_page(first, Rules(), (article_page(2), article_page(3))))
        run.flush()
        run.finish("finished", {})
    export(open_store(crawled.lake), tmp_path / "out.warc.gz", RawPageSelection(), split_bytes=1)
    export(open_store(crawled.lake), tmp_path / "one.warc", RawPageSelection())
    files = sorted(tmp_path.glob("out*"))
    assert len(files) == 2  # the pages of one article stay in one file
    code, stats, log = replay.run(files)
    assert code == 0, log
    assert (stats["outcome/articles"], stats.get("outcome/rejects"), stats.get("parts/not_asked")) == (
        2,
        None,
        None,
    )
    kept = lambda lake, name, *columns: sorted(tuple(r[c] for c in columns) for r in lake.rows(name))  # noqa: E731
    for name, *columns in (
        ("articles", "id", "url", "text", "parts", "text_is_partial", "content_hash"),
        ("raw", "id", "url", "requested_url", "part", "body", "fetched_at"),
        ("raw", "url", "part_of"),
    ):
        assert kept(replay, name, *columns) == kept(crawled, name, *columns)
    assert [r["part"] for r in replay.rows("raw") if r["part_of"]] == [2, 3]
    code, stats, _ = replay.run(files)
    assert (code, stats["warc/landed_before"], stats.get("candidates")) == (0, 4, None)
    code, stats, _ = replay.run([tmp_path / "one.warc"], "-a", "fresh=1")
    assert (code, stats["outcome/unchanged"]) == (0, 2)


# ---------------------------------------------------------------- many files, any order, any death


def test_any_order_of_files_and_any_number_at_once_give_the_same(tmp_path):
    old, new = (
        html("bridge"),
        html("bridge", extra="The vote was repeated on Tuesday after a count went wrong."),
    )
    pages = [
        of_page("https://a.example/bridge", old, date="2020-01-01T00:00:00Z"),
        of_page("https://a.example/bridge", old, date="2020-01-02T00:00:00Z"),
        of_page("https://a.example/bridge", new, date="2020-01-03T00:00:00Z"),
        of_page("https://b.example/copy", html("bridge", title="Bridge decided", cut=7)),
        of_page("https://c.example/library", html("library")),
    ]
    files = []
    for n, page in enumerate(pages):
        files.append(tmp_path / f"{n}.warc.gz")
        files[-1].write_bytes(warcs.gzip_members([page]))
    one, two = Replay(tmp_path / "one"), Replay(tmp_path / "two")
    assert one.run(files, "-a", "parallel=1")[0] == 0
    assert two.run([files[n] for n in (2, 4, 3, 1, 0)], "-a", "parallel=4")[0] == 0
    assert one.landed() == two.landed()
    assert len(one.landed()[0]) == 4


def test_pages_come_no_faster_than_the_pipeline_takes_them(tmp_path):
    file = tmp_path / "many.warc.gz"
    file.write_bytes(warcs.gzip_members([warcs.page(n, b"<p>%d</p>" % n) for n in range(300)]))
    slow = {
        "tests.crawler.slow.Slow": 100,
        "crawler.pipeline.clean.Clean": 300,
        "crawler.pipeline.land.Land": 800,
    }
    code, stats, log = Replay(tmp_path).run([file], "-s", f"ITEM_PIPELINES={json.dumps(slow)}")
    assert code == 0, log
    assert stats["candidates"] == 300
    assert 8 <= stats["slow/held"] <= 32


def test_it_ends_with_its_last_page(tmp_path):
    file = tmp_path / "few.warc.gz"
    file.write_bytes(warcs.gzip_members([warcs.page(n, b"<p>%d</p>" % n) for n in range(3)]))
    extensions = json.dumps({"tests.crawler.slow.NoHeartbeat": 0})
    code, stats, log = Replay(tmp_path).run([file], "-s", f"EXTENSIONS={extensions}")
    assert code == 0, log
    assert stats["candidates"] == 3


def test_after_sigkill_the_same_command_goes_on_where_the_lake_ends(tmp_path):
    file = tmp_path / "many.warc.gz"
    pages = [warcs.page(n, b"<html><p>Page %d</p></html>" % n) for n in range(600)]
    for n in range(50, 600, 100):
        pages[n] = of_page(f"https://one.example/{n}", html("bridge", title=f"Bridge {n}", cut=3 + n % 5))
    file.write_bytes(warcs.gzip_members(pages))
    replay, whole = Replay(tmp_path / "replay"), Replay(tmp_path / "whole")
    flushes = ("-s", "FLUSH_ROWS=40")
    slow = {
        "tests.crawler.slow.Slow": 100,
        "crawler.pipeline.clean.Clean": 300,
        "crawler.pipeline.land.Land": 800,
    }
    parts = lambda: len(list(Path(replay.lake).rglob("raw/**/*.parquet")))  # noqa: E731
    for more in (9, 2):
        enough = parts() + more
        command = replay.command([file], *flushes, "-s", f"ITEM_PIPELINES={json.dumps(slow)}")
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        while process.poll() is None and parts() < enough:
            time.sleep(0.01)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    code, stats, log = replay.run([file], *flushes)
    assert code == 0, log
    assert stats["warc/records"] < 560  # what lies before the last window is not even read
    assert whole.run([file], *flushes)[0] == 0
    assert replay.landed() == whole.landed()
    for name in ("raw", "rejects"):
        assert sorted(r["id"] for r in replay.rows(name)) == sorted(r["id"] for r in whole.rows(name))
