"""The working folder fails in mid-crawl: nothing more is fetched, what landed stays, and it is told where and why."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from lake.jobs.verify import verify
from lake.parquet.part_files import read_rows
from lake.storage.open_store import open_store
from tests.crawler.site import site
from tests.lake.small_disk import small_disk
from tests.lake.stories import page

ROOT = Path(__file__).resolve().parents[2]
PAGES = 20
AWAITED = "nothing more is fetched"


@contextmanager
def a_site(log):
    """Stories that have nothing in common. From the 9th on they are answered when the log tells that the crawl stops."""
    stories = {
        f"/{number}": page(f"http://x.test/{number}", "bridge", extra=" ".join(f"word{number}x{n}" for n in range(900)))
        .body.decode()
        for number in range(PAGES)
    }  # fmt: skip
    asked = []

    def answer(path):
        if path in stories:
            asked.append(path)
            until = time.monotonic() + 60
            while len(asked) >= 9 and AWAITED not in log.read_text() and time.monotonic() < until:
                time.sleep(0.05)
        return stories.get(path)

    with site(answer) as (home, _):
        yield home, asked


def crawl(folder, home, *settings):
    (folder / "urls.txt").write_text("\n".join(f"{home}/{number}" for number in range(PAGES)))
    given = {
        "STATE_DIR": folder / "state", "LAKE_URI": folder / "lake", "ALLOWED_NETWORKS": "127.0.0.0/8", "DOWNLOAD_DELAY": 0,
        "AUTOTHROTTLE_ENABLED": 0, "RETRY_TIMES": 0, "CONCURRENT_REQUESTS_PER_DOMAIN": 1, "FLUSH_ROWS": 4,
        "CONCURRENT_REQUESTS": 4, "LOG_FILE": folder / "log",
    }  # fmt: skip
    options = [part for name, value in given.items() for part in ("-s", f"{name}={value}")]
    command = [sys.executable, "-m", "scrapy", "crawl", "urls", "-a", f"file={folder / 'urls.txt'}"]
    return subprocess.run(
        [*command, *options, *settings],
        cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def assert_no_traceback(folder, done):
    assert "Traceback" not in done.stderr + (folder / "log").read_text()


def articles(lake):
    store = open_store(str(lake))
    keys = [key for table in ("articles", "copies") for key in store.keys(f"{table}/")]
    return sorted(row["url"] for key in keys for row in read_rows(store, key))


def assert_goes_on(folder, home):
    """The same command with a sound folder has all of it in the end, once."""
    again = crawl(folder, home)
    assert again.returncode == 0, again.stderr
    found = articles(folder / "lake")
    assert found == sorted(f"{home}/{number}" for number in range(PAGES))
    assert verify(open_store(str(folder / "lake"))).faults == []


def test_a_full_disk_of_the_working_folder_stops_the_crawl(tmp_path):
    with a_site(tmp_path / "log") as (home, asked):
        with small_disk(tmp_path / "state", "700k"):
            done = crawl(tmp_path, home)
        landed = articles(tmp_path / "lake")
        assert done.returncode == 1
        assert_no_traceback(tmp_path, done)
        last = done.stderr.splitlines()[-1]
        assert f"STATE_DIR: {tmp_path / 'state'}/index-" in last
        assert "database or disk is full; free space on its disk" in last
        assert 0 < len(landed) < PAGES
        assert len(asked) < 15
        assert_goes_on(tmp_path, home)


def test_a_working_folder_that_fails_when_outlets_begin_ends_the_crawl(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "turns").write_text("a file where a folder is needed")
    given = (
        "-s",
        f"STATE_DIR={tmp_path}/state",
        "-s",
        f"LAKE_URI={tmp_path}/lake",
        "-s",
        "CONTACT=news@example.org",
    )
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", "crawlall", "-a", "shard=0/200", *given],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"STATE_DIR: {tmp_path}/state/turns" in done.stderr
    assert "Traceback" not in done.stderr
