"""Crawls whose pages are cleaned in worker processes; the workers by themselves: tests/lake/test_workers.py."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

from lake.parquet.part_files import read_rows
from lake.storage.open_store import open_store
from tests.crawler.outlet_crawl import QUICK, ROOT
from tests.crawler.site import site
from tests.lake.test_workers import SLOW, children, cpu_s, endless, in_mid_page, is_gone, story, until

ENDLESS = endless().body
STORIES = [f"story{n}" for n in range(8)]


@contextmanager
def crawl(folder, *names, more=(), go=None):
    """A crawl of these pages, one after the other, by one worker: (process, what the site was asked for)."""

    def answer(path):
        if path == "/endless":
            go.wait(60)
            return ENDLESS
        return story(path).body if path.startswith("/story") else None

    with site(answer) as (home, asked):
        listed = folder / "urls.txt"
        listed.write_text("".join(f"{home}/{name}\n" for name in names))
        (folder / "mine.toml").write_text(
            f'name = "Mine"\nhome = "{home}/"\ndomains = ["127.0.0.1"]\n'
            f"[clutter]\nlines = {json.dumps(SLOW.lines)}\n"
        )
        settings = {
            "OUTLETS_DIR": folder,
            "LAKE_URI": folder / "lake",
            "STATE_DIR": folder / "state",
            "ALLOWED_NETWORKS": "127.0.0.0/8",
            "CLEAN_WORKERS": 1,
        }
        given = [part for name, value in settings.items() for part in ("-s", f"{name}={value}")]
        with subprocess.Popen(
            [sys.executable, "-m", "scrapy", "crawl", "urls", "-a", f"file={listed}", *given, *QUICK, *more],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process, asked
            finally:
                process.kill()


def rows(folder, table):
    store = open_store(str(folder / "lake"))
    return [values for key in store.keys(f"{table}/") for values in read_rows(store, key)]


def test_a_worker_killed_in_mid_page_costs_that_page_and_the_crawl_goes_on(tmp_path):
    go, names = threading.Event(), [STORIES[0], "endless", *STORIES[1:]]
    with crawl(tmp_path, *names, more=("-s", "FLUSH_ROWS=1"), go=go) as (process, _):
        until(lambda: rows(tmp_path, "raw"))  # the worker has loaded, and has nothing to do
        (worker,) = children(process.pid)
        before_s = cpu_s(worker)
        go.set()
        in_mid_page(worker, before_s)
        os.kill(worker, signal.SIGKILL)
        log = process.communicate(timeout=120)[1]
    assert process.returncode == 0
    (lost,) = rows(tmp_path, "rejects")
    assert (lost["reason"], lost["detail"]) == ("quarantined", "its worker died of SIGKILL")
    assert lost["retry_at"]
    raw = {values["id"]: values["body"] for values in rows(tmp_path, "raw")}
    assert raw[lost["id"]] == ENDLESS
    landed = [values for table in ("articles", "copies") for values in rows(tmp_path, table)]
    assert len(landed) == len(STORIES) == len(raw) - 1
    assert "a page is quarantined, its worker died of SIGKILL" in log
    (record,) = (p for p in (tmp_path / "lake" / "runs").glob("*.json") if "started" not in p.name)
    assert json.loads(record.read_text())["counts"]["rejects/quarantined"] == 1


def test_a_crawl_that_is_told_to_stop_lands_what_its_workers_are_at(tmp_path):
    with crawl(tmp_path, *STORIES, *(f"story-{n}" for n in range(200))) as (process, asked):
        until(lambda: len(asked) > 2 * len(STORIES))
        (worker,) = until(lambda: children(process.pid))
        for pid in (worker, process.pid):  # as systemd does it, and a container's end
            os.kill(pid, signal.SIGTERM)
        process.communicate(timeout=120)
    assert is_gone(worker)
    landed = [values for table in ("articles", "copies", "rejects") for values in rows(tmp_path, table)]
    assert len(landed) >= 2 * len(STORIES)
    assert {values["reason"] for values in rows(tmp_path, "rejects")} <= {"unreachable"}


def test_a_crawl_whose_workers_cannot_start_stops_and_fails(tmp_path):
    with crawl(tmp_path, *STORIES, more=("-s", "CLEAN_BYTES=1000000")) as (process, _):
        log = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert "(workers_failed)" in log
    assert "pages failed in the pipeline" in log
