"""The last word of a crawl: behind everything else, whatever the log is set to, once."""

import json
import os
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from crawler.reports.last_word import LastWord
from crawler.reports.troubles import SeenOutlet, trouble_lines
from tests.crawler.site import site
from tests.lake.stories import page

ROOT = Path(__file__).resolve().parents[2]
STORY = page("http://x.test/a", "bridge").body.decode()
QUICK = (
    "-s", "ALLOWED_NETWORKS=127.0.0.0/8", "-s", "DOWNLOAD_DELAY=0", "-s", "AUTOTHROTTLE_ENABLED=0",
    "-s", "RETRY_TIMES=0", "-s", "CLEAN_WORKERS=0",
)  # fmt: skip


def run(folder, *arguments, program=("-m", "scrapy"), **environ):
    place = {"STATE_DIR": str(folder / "state"), "LAKE_URI": str(folder / "lake"), **environ}
    return subprocess.run(
        [sys.executable, *program, *arguments],
        cwd=ROOT,
        env={**os.environ, **place},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def crawl(tmp_path):
    """Crawls a site's /a, which is an article, or other paths."""

    def crawl(home, *arguments, paths=("/a",), **environ):
        (tmp_path / "urls.txt").write_text("\n".join(home + path for path in paths))
        return run(
            tmp_path, "crawl", "urls", "-a", f"file={tmp_path / 'urls.txt'}", *QUICK, *arguments, **environ
        )

    return crawl


# ---------------------------------------------------------------- the words


def test_all_of_it_stands_in_one_line():
    word = LastWord(
        "mine", "1 new → 1 article → /lake", "as asked", ["no\nsource \x1b[31manswered"], ["a: odd"]
    )
    assert word.last_line == "mine: 1 new → 1 article → /lake; FAILED: no\nsource \x1b[31manswered; STOPPED: as asked; CHANGED: a: odd"  # fmt: skip


def test_what_a_site_says_breaks_no_line(capsys):
    LastWord("mine", faults=["no\nsource \x1b[31manswered"]).say()
    assert capsys.readouterr().err == "mine: FAILED: no source  [31manswered\n"


def test_of_many_faults_some_are_named():
    word = LastWord("all", faults=[f"f{n}" for n in range(12)])
    assert word.last_line.endswith("f8; f9; and 2 more")


def test_it_is_said_once(capsys):
    word = LastWord("mine", "nothing new", troubles=["a: odd"])
    word.say()
    word.say()
    assert capsys.readouterr() == ("", "a: odd\nmine: nothing new\n")


# ---------------------------------------------------------------- the outlets in trouble


def seen(articles=0, unchanged=0, failed=0, **rejects):
    counts = Counter(articles=articles, unchanged=unchanged, rejects=sum(rejects.values()))
    counts.update({f"rejects/{reason}": count for reason, count in rejects.items()})
    kinds = [*rejects, *["articles"] * bool(articles), *["failed"] * bool(failed)]
    return SeenOutlet(counts, {kind: f"http://x.test/{kind}?a=1&b" for kind in kinds}, failed)


DEAD = {"http://x.test/feed": {"error": "answered 503"}, "http://x.test/map": {"error": ""}}


@pytest.mark.parametrize(
    ("outlet", "told", "line"),
    [
        (seen(listing=7, video=1), ["a: 0 of 8 pages are articles, before 90%"],
         "a: 0 of 8 pages are articles, before 90%; one (listing): scrapy explain 'http://x.test/listing?a=1&b'"),
        (seen(articles=9, paywall=6, video=1), ["a: 6 of 16 pages are rejects for paywall, before 0%"],
         "a: 6 of 16 pages are rejects for paywall, before 0%; one (paywall): scrapy explain 'http://x.test/paywall?a=1&b'"),
        (seen(articles=9), ["a: 2 of 9 articles have date, before 100%", "b: other"],
         "a: 2 of 9 articles have date, before 100%; one (articles): scrapy explain 'http://x.test/articles?a=1&b'"),
        (seen(http_error=5), [], "a: none of 5 pages is an article; one (http_error): scrapy explain 'http://x.test/http_error?a=1&b'"),
        (seen(articles=3, failed=1), [], "a: 1 page failed in the pipeline; one (failed): scrapy explain 'http://x.test/failed?a=1&b'"),
        (seen(), ["a: no article for 90 hours; the longest time without one was 4"],
         "a: no article for 90 hours; the longest time without one was 4; scrapy outlets --live a"),
        (seen(http_error=4), [], None),  # few pages, and others landed
        (seen(not_selected=40), [], None),
        (seen(articles=3, gallery=9), [], None),
        (seen(unchanged=12), [], None),
        (seen(), [], None),
    ],
)  # fmt: skip
def test_an_outlet_in_trouble_has_a_line_with_a_place_to_look_at(outlet, told, line):
    spider = SimpleNamespace(name="x")
    lines = trouble_lines({"a": outlet, "landed": seen(articles=1)}, spider, told)
    assert lines == ([line] if line else [])


def test_where_nothing_landed_a_single_page_is_told():
    assert trouble_lines({"a": seen(bot_wall=1)}, None, []) == [
        "a: its page is no article; one (bot_wall): scrapy explain 'http://x.test/bot_wall?a=1&b'"
    ]


def test_among_many_outlets_a_single_page_is_not():
    spider = SimpleNamespace(outlet_crawls=SimpleNamespace(crawls=[]))
    assert trouble_lines({"a": seen(gallery=1), "b": seen(video=4)}, spider, []) == []


def test_dead_sources_are_looked_at_by_another_command():
    crawls = [
        SimpleNamespace(key="a", spider=SimpleNamespace(sources=DEAD)),
        SimpleNamespace(key="b", spider=SimpleNamespace(sources={**DEAD, "http://x.test/b": {"error": None}})),
    ]  # fmt: skip
    spider = SimpleNamespace(outlet_crawls=SimpleNamespace(crawls=crawls))
    assert trouble_lines({}, spider, ["a: no source answered"]) == [
        "a: no source answered; http://x.test/feed (answered 503): scrapy outlets --live a"
    ]


def test_a_hundred_outlets_in_trouble_leave_the_last_line_in_sight():
    lines = trouble_lines({f"o{n:03}": seen(http_error=9) for n in range(100)}, None, [])
    assert len(lines) == 11
    assert lines[-1] == "and 90 more outlets in trouble"


# ---------------------------------------------------------------- real crawls


@pytest.mark.parametrize(
    "log", [(), ("-L", "CRITICAL"), ("--nolog",), ("-s", "LOG_FILE={}"), ("-s", "LOG_STDOUT=1")]
)
def test_it_stands_behind_the_statistics_whatever_the_log_is_set_to(crawl, tmp_path, log):
    file = tmp_path / "crawl.log"
    with site({"/a": STORY}.get) as (home, _):
        done = crawl(home, *(part.format(file) for part in log))
    line = f"urls: 1 new → 1 article → {tmp_path / 'lake'}"
    assert done.returncode == 0
    assert (done.stdout + done.stderr).count("→") == line.count("→")
    assert done.stderr.splitlines()[-1] == line
    if not log:
        assert "Dumping Scrapy stats" in done.stderr
    if file.exists():
        assert done.stderr == f"{line}\n"
        last = file.read_text().splitlines()[-1]
        assert last.endswith(f"INFO: {line}")


def test_a_failure_is_as_loud_without_a_log_and_names_a_page(crawl, tmp_path):
    paths = ("/gone", "/away")
    with site({"/away": (503, "", {})}.get) as (home, _):
        done = crawl(home, "--nolog", "-s", "CLOSESPIDER_PAGECOUNT_NO_ITEM=2", paths=paths)
    assert done.returncode == 1
    *troubles, last = done.stderr.splitlines()
    assert last.startswith("urls: 2 new → 2 rejects → ")
    assert "; FAILED: stopped early: answers without a row reached 2 (CLOSESPIDER_PAGECOUNT_NO_ITEM)" in last
    (trouble,) = troubles
    assert trouble.startswith(
        "127.0.0.1: none of 2 pages is an article; one (http_error): scrapy explain http"
    )


def test_it_stands_behind_the_failure_of_the_notify_command(crawl):
    done = crawl("http://127.0.0.1:9", HOOK="sh -c 'exit 7'")
    assert done.returncode == 1
    *before, last = done.stderr.splitlines()
    assert any("HOOK failed" in line for line in before)
    assert last.endswith("FAILED: no candidate answered")


def test_memory_that_is_used_up_ends_with_1_and_everybody_is_told(crawl, tmp_path):
    (tmp_path / "hook.py").write_text(
        "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"
    )
    hook = shlex.join([sys.executable, str(tmp_path / "hook.py"), str(tmp_path / "heard")])
    with site({"/a": STORY}.get) as (home, _):
        done = crawl(home, "-s", "MEMUSAGE_LIMIT_MB=20", HOOK=hook)
        told = "stopped early: the process took more than 20 MB of memory (MEMUSAGE_LIMIT_MB)"
        assert done.returncode == 1
        assert f"FAILED: {told}" in done.stderr.splitlines()[-1]
        heard = json.loads((tmp_path / "heard").read_text())
        assert (heard["exit_code"], heard["reason"], heard["faults"]) == (1, "memusage_exceeded", [told])
        again = crawl(home)
    assert again.returncode == 0
    assert "1 article" in again.stderr.splitlines()[-1]


SCRIPT = """
import sys
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.utils.project import get_project_settings
settings = get_project_settings()
for name, value in dict(a.split("=", 1) for a in sys.argv[2:]).items():
    settings.set(name, value, "cmdline")
process = AsyncCrawlerProcess(settings)
process.crawl("urls", file=sys.argv[1])
process.start()
"""


def test_a_script_that_runs_a_crawl_has_it_too(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    with site({"/a": STORY}.get) as (home, _):
        (tmp_path / "urls.txt").write_text(f"{home}/a")
        done = run(
            tmp_path,
            str(tmp_path / "urls.txt"),
            *QUICK[1::2],
            program=(str(tmp_path / "script.py"),),
            PYTHONPATH=str(ROOT),
        )
    assert done.stderr.count(" → ") == 2
    assert done.stderr.splitlines()[-1] == f"urls: 1 new → 1 article → {tmp_path / 'lake'}", done.stderr


SPIDERS = '''
from scrapy import Spider
from scrapy.exceptions import CloseSpider


class Failing(Spider):
    """It cannot begin."""

    name = "failing"
    allowed_domains = ("127.0.0.1",)

    def __init__(self, *args, **kwargs):
        raise RuntimeError("no map of the way")


class Ending(Spider):
    """It ends as it is told to."""

    name = "ending"
    allowed_domains = ("127.0.0.1",)
    good_reasons = ("enough",)

    async def start(self):
        raise CloseSpider(self.why)
        yield
'''


def test_a_spider_s_own_reason_is_good_where_it_says_so(tmp_path):
    (tmp_path / "hand_written.py").write_text(SPIDERS)
    given = ("-s", "SPIDER_MODULES=hand_written", *QUICK)
    path = {"PYTHONPATH": str(tmp_path)}
    enough = run(tmp_path, "crawl", "ending", "-a", "why=enough", *given, **path)
    assert (enough.returncode, enough.stderr.splitlines()[-1].partition("; ")[2]) == (
        0, "STOPPED: by the spider itself (enough)"
    ), enough.stderr  # fmt: skip
    weary = run(tmp_path, "crawl", "ending", "-a", "why=weary", *given, **path)
    assert weary.returncode == 1
    assert weary.stderr.splitlines()[-1].endswith("FAILED: stopped early: its close reason is 'weary'")
    failing = run(tmp_path, "crawl", "failing", *given, **path)
    assert failing.returncode == 1
    assert "no map of the way" in failing.stderr
    assert failing.stderr.splitlines()[-1] == "failing: FAILED: the crawl could not begin; its log says why"
