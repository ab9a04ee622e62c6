"""JOBDIR: a crawl that was stopped goes on with the same command; nothing is fetched twice, nothing is lost."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lake.parquet.reading import table
from tests.crawler.outlet_crawl import ROOT, crawl, index, urlset
from tests.crawler.site import site
from tests.crawler.test_later_pages import page

STORIES = [f"/news/{number}" for number in range(12)]


def story(path):
    return page(f"story {path}")


def feed(paths, home=""):
    items = "".join(f"<item><title>t</title><link>{home}{path}</link></item>" for path in paths)
    return f"<rss version='2.0'><channel>{items}</channel></rss>"


class Paper:
    """A site with a feed, a section of two pages and an index of sitemaps; `crawl` runs in one job's folder."""

    def __init__(self, folder, home, asked):
        self.folder, self.home, self.asked = folder, home, asked
        self.before_answer = None
        self.sources = {"feeds": [f"{home}/feed"]}

    def crawl(self, *arguments, job=True):
        given = ("-s", f"JOBDIR={self.folder}/job") if job else ()
        return crawl(self.folder, self.home, *given, *arguments, tables={"sources": self.sources})

    def rows(self, name="articles"):
        return [row["url"] for row in table(str(self.folder / "lake"), name).to_pylist()]

    def times_asked(self):
        """The paths that were asked for more than once."""
        return {path for path in self.asked if self.asked.count(path) > 1}


@pytest.fixture
def answers():
    return {"/feed": feed(STORIES)}


@pytest.fixture
def paper(tmp_path, answers):
    papers = []

    def answer(path):
        if given := papers[0].before_answer:
            given(path)
        return story(path) if path.startswith("/news/") else answers.get(path)

    with site(answer) as (home, asked):
        papers.append(Paper(tmp_path, home, asked))
        yield papers[0]


def test_a_stopped_job_goes_on_and_fetches_nothing_twice(paper):
    first = paper.crawl("-s", "CLOSESPIDER_PAGECOUNT=7")
    assert first.record["reason"] == "closespider_pagecount"
    second = paper.crawl("-s", "CLOSESPIDER_PAGECOUNT=4")
    third = paper.crawl()
    assert [done.code for done in (first, second, third)] == [0, 0, 0], third.log
    assert len(set(paper.rows())) == len(paper.rows()) == len(STORIES)
    assert paper.times_asked() == set()
    assert third.record["reason"] == "finished"
    assert third.record["candidates"] == third.record["counts"]["articles"]


def test_a_job_that_asks_for_known_pages_is_stopped_by_a_signal_and_goes_on(paper, tmp_path):
    paper.crawl(job=False)
    paper.asked.clear()
    pid_file = tmp_path / "pid"

    def stop_at_the_third_page(path):
        if len(paper.asked) == 4:
            os.kill(int(pid_file.read_text()), signal.SIGTERM)

    paper.before_answer = stop_at_the_third_page
    first = paper.crawl("-a", "fresh=1", "--pidfile", str(pid_file))
    assert (first.code, first.record["reason"]) == (0, "shutdown")
    done = paper.crawl("-a", "fresh=1")
    assert done.code == 0
    assert first.record["candidates"] == len(STORIES) > done.record["candidates"] > 0
    assert paper.times_asked() == set()


def test_a_finished_job_starts_anew_and_an_entry_that_has_left_the_feed_is_not_lost(paper, answers):
    paper.crawl("-s", "CLOSESPIDER_PAGECOUNT=4")
    answers["/feed"] = feed(["/news/20"])
    assert paper.crawl().code == 0
    assert len(paper.rows()) == len(STORIES)
    done = paper.crawl("-a", "fresh=0", "-s", "SOURCE_INTERVAL_MAX_S=0")
    assert done.code == 0
    assert done.record["candidates"] == 1
    assert len(paper.rows()) == len(STORIES) + 1


def test_what_another_run_landed_meanwhile_is_not_fetched_again(paper):
    first = paper.crawl("-s", "CLOSESPIDER_PAGECOUNT=7")  # robots.txt and tdmrep.json count, too
    paper.crawl(job=False)
    before = len(paper.asked)
    done = paper.crawl()
    assert done.code == 0, done.log
    assert len(paper.rows()) == len(set(paper.rows())) == len(STORIES)
    assert len(paper.asked) == before
    assert done.record["skipped"] == {"known": len(STORIES) - first.record["counts"]["articles"]}


def test_sections_indexes_and_dead_pages_are_settled_in_the_second_run(paper, answers):
    home = paper.home
    links = "".join(f'<a href="{path}">{path}</a>' for path in STORIES[:4])
    more = "".join(f'<a href="{path}">{path}</a>' for path in STORIES[2:7])
    answers |= {
        "/world": f'<html><body>{links}<a rel="next" href="/world?page=2">next</a></body></html>',
        "/world?page=2": f"<html><body>{more}</body></html>",
        "/maps.xml": index(f"{home}/a.xml", f"{home}/b.xml"),
        "/a.xml": urlset(*(home + path for path in STORIES[6:10])),
        "/b.xml": urlset(*(home + path for path in [*STORIES[9:], "/gone"])),
    }
    paper.sources = {"sections": [f"{home}/world"], "sitemaps": [f"{home}/maps.xml"]}
    codes = [paper.crawl("-s", f"CLOSESPIDER_PAGECOUNT={count}").code for count in (2, 5, 9)]
    done = paper.crawl()
    assert [*codes, done.code] == [0, 0, 0, 0], done.log
    assert len(paper.rows()) == len(set(paper.rows())) == len(STORIES)
    assert {path for path in paper.times_asked() if path.startswith("/news/")} == set()


def test_a_list_of_addresses_goes_on_too(paper, tmp_path):
    file = tmp_path / "list.txt"
    file.write_text("\n".join(paper.home + path for path in STORIES))
    command = [sys.executable, "-m", "scrapy", "crawl", "urls", "-a", f"file={file}"]
    settings = {
        "JOBDIR": tmp_path / "job",
        "LAKE_URI": tmp_path / "lake",
        "STATE_DIR": tmp_path / "state",
        "ALLOWED_NETWORKS": "127.0.0.0/8",
        "DOWNLOAD_DELAY": 0,
        "AUTOTHROTTLE_ENABLED": 0,
        "CONCURRENT_REQUESTS": 1,
    }
    given = [part for name, value in settings.items() for part in ("-s", f"{name}={value}")]
    for bound in ("5", "0"):
        done = subprocess.run(
            [*command, *given, "-s", f"CLOSESPIDER_PAGECOUNT={bound}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
    assert len(paper.rows()) == len(set(paper.rows())) == len(STORIES)
    assert paper.times_asked() == set()


def test_a_killed_job_is_told_and_begins_anew(paper, tmp_path):
    pid_file = tmp_path / "pid"

    def kill_at_the_third_page(path):
        if len(paper.asked) == 5:
            os.kill(int(pid_file.read_text()), signal.SIGKILL)

    paper.before_answer = kill_at_the_third_page
    assert paper.crawl("--pidfile", str(pid_file)).code == -signal.SIGKILL
    done = paper.crawl()
    assert done.code == 0, done.log
    assert "was killed" in done.log
    assert len(paper.rows()) == len(set(paper.rows())) == len(STORIES)


def test_a_folder_that_is_not_this_crawls_own_is_refused(paper, tmp_path):
    job = tmp_path / "job"
    job.mkdir()
    (job / "pressline.json").write_text(json.dumps({"spider": "other", "running": False}))
    done = paper.crawl()
    assert done.code == 2
    assert "holds the job of the spider 'other'" in done.log
    (job / "pressline.json").unlink()
    with (job / "pressline.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "another crawl is at work" in paper.crawl().log
    done = paper.crawl("-s", f"JOBDIR={paper.folder / 'outlets' / 'mine.toml'}")
    assert done.code == 2
    assert "cannot be written" in done.log
    assert paper.asked == []


def test_crawlall_keeps_no_job_and_says_so(paper, tmp_path):
    crawl(tmp_path, paper.home, tables={"sources": paper.sources})
    command = [sys.executable, "-m", "scrapy", "crawlall", "--only", "mine"]
    done = subprocess.run(
        [*command, "-s", f"JOBDIR={tmp_path / 'job'}", "-s", "ALLOWED_NETWORKS=127.0.0.0/8"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "OUTLETS_DIR": str(tmp_path / "outlets"), "LAKE_URI": str(tmp_path / "other")},
    )
    assert done.returncode == 2
    assert "JOBDIR" in done.stderr
    assert not Path(tmp_path / "other").exists()


def test_an_archive_goes_on_too(paper, answers):
    entries = [(paper.home + path, f"2026-03-{number + 1:02d}") for number, path in enumerate(STORIES)]
    answers["/a.xml"] = urlset(*entries)
    paper.sources = {"sitemaps": [f"{paper.home}/a.xml"]}
    days = ("-a", "since=2026-03-01", "-a", "until=2026-03-31")
    first = paper.crawl(*days, "-s", "CLOSESPIDER_PAGECOUNT=7")
    done = paper.crawl(*days)
    assert (first.code, done.code) == (0, 0), done.log
    assert 0 < first.record["counts"]["articles"] < len(STORIES)
    assert len(paper.rows()) == len(set(paper.rows())) == len(STORIES)
    assert {path for path in paper.times_asked() if path.startswith("/news/")} == set()
    assert done.record["sources"][f"{paper.home}/a.xml"]["error"] is None
