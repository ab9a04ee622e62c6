"""A backfill and a crawl of the news at once, on one machine and one site: who asks the site, and when."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lake.parquet.reading import table
from tests.crawler.site import site
from tests.lake.stories import page

ROOT = Path(__file__).resolve().parents[2]
DELAY_S = 0.2
OLD, NEWS = [f"/old/{n}" for n in range(200)], [f"/news/{n}" for n in range(5)]


class Site:
    """Answers every page of two lists, and remembers when each was asked for; `held` is answered at the end only."""

    def __init__(self, held=None):
        self.asked, self.held, self.end = [], held, threading.Event()

    def __call__(self, path):
        self.asked.append((time.monotonic(), path))
        if path == self.held:
            self.end.wait(120)
        if path in ("/old", "/news"):
            return json.dumps([(p, None) for p in (OLD if path == "/old" else NEWS)])
        return page("http://x.test" + path, "bridge").body.decode() if path in OLD + NEWS else None

    def when(self, paths):
        return [moment for moment, path in self.asked if path in paths]

    def wait_for(self, paths, count):
        until = time.monotonic() + 60
        while len(self.when(paths)) < count:
            assert time.monotonic() < until
            time.sleep(0.02)


@pytest.fixture
def start(tmp_path):
    """Starts a crawl of a list; all are killed at the end."""
    running = []

    def start(home, listed, *more):
        command = [
            sys.executable, "-m", "scrapy", "crawl", "journal", "-s", "SPIDER_MODULES=tests.crawler.journal",
            "-a", f"home={home}", "-a", f"listed={listed}", "-s", "ALLOWED_NETWORKS=127.0.0.0/8",
            "-s", f"DOWNLOAD_DELAY={DELAY_S}", "-s", "DOWNLOAD_DELAY_JITTER=0", "-s", "AUTOTHROTTLE_ENABLED=0",
            "-s", f"STATE_DIR={tmp_path / 'state'}", "-s", f"LAKE_URI={tmp_path / 'lake'}", *more,
        ]  # fmt: skip
        running.append(subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=os.environ))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def ended(process):
    _, log = process.communicate(timeout=90)
    assert process.returncode == 0, log
    return log


def test_the_news_are_served_first_at_the_sites_pace_and_both_land(start, tmp_path):
    answers = Site()
    with site(answers) as (home, _):
        backfill = start(home, "/old", "-a", "backfill=1")
        answers.wait_for(OLD, 5)
        ended(start(home, "/news"))
        answers.wait_for(OLD, len(answers.when(OLD)) + 3)
        backfill.send_signal(signal.SIGTERM)
        log = ended(backfill)
    first, last = min(answers.when(NEWS)), max(answers.when(NEWS))
    assert not [moment for moment in answers.when(OLD) if first <= moment <= last]
    assert min(answers.when(OLD)) < first < last < max(answers.when(OLD))
    moments = sorted(answers.when(OLD + NEWS))  # a busy site notes one late, and the next in time
    assert min(b - a for a, b in zip(moments, moments[3:], strict=False)) > 3 * DELAY_S * 0.8
    assert "this backfill waits" in log
    assert re.search(r"'yielded/times': 1", log)
    rows = [r for t in ("articles", "copies") for r in table(str(tmp_path / "lake"), t).to_pylist()]
    assert sorted(urlsplit(r["url"]).path for r in rows) == sorted(
        p for _, p in answers.asked if p in OLD + NEWS
    )


def test_a_backfill_goes_on_when_the_news_died(start):
    answers = Site(held=NEWS[1])
    with site(answers) as (home, _):
        news = start(home, "/news")
        answers.wait_for(NEWS, 2)
        backfill = start(home, "/old", "-a", "backfill=1")
        assert any("this backfill waits" in line for line in backfill.stderr)
        time.sleep(3 * DELAY_S)
        assert answers.when(OLD) == []
        news.send_signal(signal.SIGKILL)
        answers.wait_for(OLD, 3)
        answers.end.set()


def test_a_backfill_that_waits_can_be_stopped(start):
    answers = Site(held="/news")
    with site(answers) as (home, _):
        backfill = start(home, "/old", "-a", "backfill=1")
        answers.wait_for(OLD, 3)
        news = start(home, "/news")
        answers.wait_for(["/news"], 1)
        backfill.send_signal(signal.SIGTERM)
        ended(backfill)
        assert news.poll() is None
        answers.end.set()
