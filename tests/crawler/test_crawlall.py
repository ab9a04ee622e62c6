"""All outlets in one run: none holds another."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from crawler.discovery.all_outlets import shard_of
from demo.newsroom import Newsroom
from lake.parquet.reading import table
from lake.schema.records import STORY_TABLES, TABLES
from lake.storage.open_store import open_store
from tests.crawler.site import site
from tests.end_to_end.newsroom_crawl import QUICK, newsroom_crawl
from tests.lake.stories import page

pytestmark = pytest.mark.xdist_group("crawlall")

ROOT = Path(__file__).resolve().parents[2]


def feed(*urls):
    items = "".join(f"<item><title>x</title><link>{u}</link></item>" for u in urls)
    return f"<rss version='2.0'><channel><title>t</title>{items}</channel></rss>"


class Town:
    """Outlets on one site: /NAME/feed and what it lists, under http://NAME.test."""

    def __init__(self, folder, home):
        self._end = threading.Event()
        self.folder, self.port = folder, home.rpartition(":")[2]
        self.outlets = folder / "outlets"
        self.outlets.mkdir()
        self.names = []

    def add(self, name, **politeness):
        self.names.append(name)
        home = f"http://{name}.test:{self.port}"
        lines = [
            f'name = "{name}"', f'home = "{home}/"', f'domains = ["{name}.test"]',
            "[sources]", f'feeds = ["{home}/{name}/feed"]',
            "[politeness]", f"delay_s = {politeness.get('delay_s', 0.0)}",
        ]  # fmt: skip
        (self.outlets / f"{name}.toml").write_text("\n".join(lines))
        return home

    def hang(self):
        """An answer that does not come."""
        self._end.wait(300)

    def close(self):
        self._end.set()

    def command(self, *arguments):
        settings = {
            "LAKE_URI": str(self.folder / "lake"),
            "STATE_DIR": str(self.folder / "state"),
            "OUTLETS_DIR": str(self.outlets),
            "ALLOWED_NETWORKS": "127.0.0.0/8",
            "DNS_OVERRIDES": json.dumps({f"{name}.test": "127.0.0.1" for name in self.names}),
            "AUTOTHROTTLE_ENABLED": "0",
            "RETRY_TIMES": "0",
        }
        given = [part for name, value in settings.items() for part in ("-s", f"{name}={value}")]
        return [sys.executable, "-m", "scrapy", *arguments, *given]

    def crawl(self, *arguments):
        """crawlall of the town's outlets only."""
        command = self.command("crawlall", "--only", ",".join(self.names), *arguments)
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)

    def rows(self, name="articles"):
        return table(str(self.folder / "lake"), name).to_pylist()

    def records(self):
        store = open_store(str(self.folder / "lake"))
        return [json.loads(store.get(k)) for k in store.keys("runs/") if not k.endswith("started.json")]


DEADLINE_S = 10  # more than a busy machine needs for an outlet of one page


@pytest.fixture
def town(tmp_path):
    """A town whose pages are in `town.pages`, by path; a callable is called."""
    pages = {}

    def answer(path):
        found = pages.get(path)
        return found() if callable(found) else found

    with site(answer) as (home, asked):
        town = Town(tmp_path, home)
        town.pages, town.asked = pages, asked
        yield town
        town.close()


def one_story(town, name, place, **politeness):
    home = town.add(name, **politeness)
    town.pages[f"/{name}/feed"] = feed(f"{home}/{name}/a-story-of-today")
    town.pages[f"/{name}/a-story-of-today"] = page(f"{home}/x", place).body.decode()


# ---------------------------------------------------------------- as many crawls, in one


def test_it_gives_what_a_crawl_of_each_outlet_gives_in_one_set_of_parts(tmp_path):
    with Newsroom(day=1) as room:
        each = newsroom_crawl(room, tmp_path / "each", str(tmp_path / "each" / "lake"))
        assert set(each.run().values()) == {0}
        crawl = newsroom_crawl(room, tmp_path / "all", str(tmp_path / "all" / "lake"))
        only = ("-a", f"only={','.join(crawl.spiders)}")
        done = crawl.place.crawl("all", *QUICK, *only)
        assert done.returncode == 0, done.stderr
        assert crawl.stories() == each.stories()
        assert {(r["reason"], r["id"]) for r in crawl.rows("rejects")} == {
            (r["reason"], r["id"]) for r in each.rows("rejects")
        }
        (record,) = crawl.records()
        assert len(record["parts"]) == sum(bool(crawl.rows(name)) for name in TABLES)
        assert record["outlets"].keys() == set(crawl.spiders)
        assert all(o["ended"] == "finished" for o in record["outlets"].values())
        assert sum(o.get("articles", 0) for o in record["outlets"].values()) == record["counts"]["articles"]
        assert {key for key, o in record["outlets"].items() if o["sources"]} == set(crawl.spiders)

        before = crawl.counts()
        again = crawl.place.crawl("all", *QUICK, *only)
        assert again.returncode == 0, again.stderr
        assert crawl.counts() == before


# ---------------------------------------------------------------- none holds another


def test_an_outlet_that_hangs_holds_no_other(town):
    one_story(town, "one", "bridge")
    one_story(town, "two", "library")
    town.add("stuck")
    town.pages["/stuck/feed"] = town.hang
    done = town.crawl("-s", f"OUTLET_DEADLINE_S={DEADLINE_S}", "-s", f"DOWNLOAD_TIMEOUT={2 * DEADLINE_S}")
    assert done.returncode == 1
    assert "FAILED: stuck: deadline" in done.stderr
    assert sorted(r["outlet"] for r in town.rows()) == ["one", "two"]
    (record,) = town.records()
    assert {k: o["ended"] for k, o in record["outlets"].items()} == {
        "one": "finished", "two": "finished", "stuck": "deadline",
    }  # fmt: skip
    assert record["outlets"]["one"]["seconds"] < DEADLINE_S


def test_an_outlet_that_holds_the_event_loop_is_given_up_and_named(town):
    """Each answer of `heavy` costs 0.4 s of computing: tests/crawler/spin.py."""
    one_story(town, "one", "bridge")
    home = town.add("heavy", delay_s=0.2)
    paths = [f"/heavy/a-story-of-today-{n}" for n in range(8)]
    town.pages["/heavy/feed"] = feed(*(home + path for path in paths))
    for path in paths:
        town.pages[path] = page(home + path, "library").body.decode()
    spin = {"tests.crawler.spin.Spin": 100}
    done = town.crawl("-s", "OUTLET_HELD_S=1", "-s", f"SPIDER_MIDDLEWARES={json.dumps(spin)}")
    assert done.returncode == 1
    assert "FAILED: heavy: given up, for it held up the event loop (OUTLET_HELD_S)" in done.stderr
    assert [r["outlet"] for r in town.rows() if r["outlet"] != "heavy"] == ["one"]
    (record,) = town.records()
    assert record["outlets"]["one"]["ended"] == "finished"
    heavy = record["outlets"]["heavy"]
    assert heavy["ended"] == "loop_held"
    assert 1 < heavy["held_loop_s"] < 3.5
    assert "spin.py:" in done.stderr
    assert re.search(r"'left': [1-8]", done.stderr)
    assert "'lost/" not in done.stderr


def test_memory_that_is_used_up_ends_with_1_and_each_outlet_s_record_says_why(town):
    one_story(town, "one", "bridge")
    town.add("stuck")
    town.pages["/stuck/feed"] = town.hang
    done = town.crawl(
        "-s", "MEMUSAGE_LIMIT_MB=20", "-s", "MEMUSAGE_CHECK_INTERVAL_SECONDS=3", "-s", "DOWNLOAD_TIMEOUT=4",
        "-s", "LOG_LEVEL=WARNING",
    )  # fmt: skip
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert "FAILED: stopped early: the process took more than 20 MB of memory (MEMUSAGE_LIMIT_MB)" in last
    (record,) = town.records()
    assert record["outlets"]["stuck"]["ended"] == "memusage_exceeded"


def test_the_later_steps_of_an_outlet_wait_for_itself_alone(town):
    """A feed that is dead leads to the home page, while another outlet hangs."""
    home = town.add("one")
    town.pages["/"] = f'<a href="{home}/one/a-story-of-today">x</a>'
    town.pages["/one/a-story-of-today"] = page(f"{home}/x", "bridge").body.decode()
    town.add("stuck")
    town.pages["/stuck/feed"] = town.hang
    done = town.crawl("-s", f"OUTLET_DEADLINE_S={DEADLINE_S}", "-s", f"DOWNLOAD_TIMEOUT={2 * DEADLINE_S}")
    assert [r["outlet"] for r in town.rows()] == ["one"], done.stderr
    assert town.records()[0]["outlets"]["one"]["seconds"] < DEADLINE_S


def test_an_outlet_whose_sources_are_dead_is_named_and_costs_no_other(town):
    one_story(town, "one", "bridge")
    town.add("dead")
    town.pages["/dead/feed"] = (500, "", {})
    town.pages["/"] = (500, "", {})
    done = town.crawl()
    assert done.returncode == 1
    assert "dead: no source answered" in done.stderr
    assert [r["outlet"] for r in town.rows()] == ["one"]


def test_what_an_outlet_leaves_at_its_deadline_is_for_the_next_run(town):
    home = town.add("slow", delay_s=1.0)
    paths = [f"/slow/a-story-of-today-{n}" for n in range(30)]
    town.pages["/slow/feed"] = feed(*(home + path for path in paths))
    for n, path in enumerate(paths):
        town.pages[path] = page(home + path, ("bridge", "library")[n % 2], title=f"Story {n}").body.decode()
    done = town.crawl("-s", "OUTLET_DEADLINE_S=5")
    assert done.returncode == 1
    assert "slow: deadline" in done.stderr
    assert "'lost/" not in done.stderr
    landed = sum(len(town.rows(name)) for name in (*STORY_TABLES, "rejects"))
    (record,) = town.records()
    assert 0 < landed < 12
    assert record["candidates"] == 30
    assert f"'left': {30 - landed}" in done.stderr


def test_an_outlet_that_another_crawl_has_is_passed_over_and_named(town):
    one_story(town, "one", "bridge")
    one_story(town, "busy", "library")
    town.pages["/busy/feed"] = town.hang
    command = town.command("crawl", "busy", "-s", "DOWNLOAD_TIMEOUT=300")
    other = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while "/busy/feed" not in town.asked:
            assert time.monotonic() < until
            time.sleep(0.1)
        done = town.crawl()
        assert done.returncode == 0, done.stderr
        assert f"busy is being crawled by process {other.pid}" in done.stderr
        assert [r["outlet"] for r in town.rows()] == ["one"]
        assert town.records()[0]["outlets"]["busy"]["ended"] == "held"
        town.names = ["busy"]
        assert town.crawl().returncode == 3
    finally:
        other.kill()
        other.wait()


def test_nothing_is_asked_for_where_the_lake_cannot_be_opened(town):
    one_story(town, "one", "bridge")
    one_story(town, "two", "library")
    (town.folder / "lake").mkdir()  # the check before the crawl finds nothing wrong
    (town.folder / "lake" / "runs").write_text("a file where the folder should be")
    done = town.crawl()
    assert done.returncode == 1
    assert "FAILED" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert town.asked == []


# ---------------------------------------------------------------- shards on several machines


def machine(town, name, shard):
    """A crawl of a shard in a container of its own, without a volume."""
    settings = {
        "STATE_DIR": town.folder / name,
        "SEE_OTHERS_S": 0.2,
        "FLUSH_ROWS": 2,
        "DOWNLOAD_TIMEOUT": 300,
    }
    given = [text for key, value in settings.items() for text in ("-s", f"{key}={value}")]
    command = [*town.command("crawlall", "--only", ",".join(town.names), "--shard", shard), *given]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def until(true):
    end = time.monotonic() + 90
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def knows(state, count):
    """Whether the index of a machine knows so many articles."""
    for path in state.glob("index-*.sqlite"):
        with closing(sqlite3.connect(path)) as db, suppress(sqlite3.Error):
            return (
                db.execute("SELECT count(*) FROM pages WHERE content_hash IS NOT NULL").fetchone()[0] >= count
            )
    return False


def test_shards_without_volumes_see_each_other_s_pages_whatever_is_killed(town):
    """What one lands the other knows in mid-run; and so does a container that replaces a killed one, at its start."""
    ones = [f"one{n}" for n in range(20) if shard_of(f"one{n}", 2) == 0][:2]
    others = [f"other{n}" for n in range(20) if shard_of(f"other{n}", 2) == 1][:2]
    home = town.add(ones[0])
    paths = {topic: f"/{ones[0]}/a-story-of-the-{topic}" for topic in ("bridge", "library")}
    town.pages[f"/{ones[0]}/feed"] = feed(*(home + path for path in paths.values()))
    for topic, path in paths.items():
        town.pages[path] = page(home + path, topic).body.decode()
    town.add(ones[1])
    town.pages[f"/{ones[1]}/feed"] = town.hang  # its crawl goes on
    for outlet, topic in zip(others, paths, strict=True):
        one_story(town, outlet, topic)
    of_other, go_on = town.pages[f"/{others[0]}/feed"], threading.Event()
    town.pages[f"/{others[0]}/feed"] = lambda: go_on.wait(120) and of_other
    town.pages[f"/{others[1]}/feed"] = feed()
    first, second = machine(town, "first", "0/2"), machine(town, "second", "1/2")
    try:
        until(lambda: knows(town.folder / "second", 2))
        go_on.set()
        _, told = second.communicate(timeout=90)
        assert town.rows("copies")[0]["outlet"] == others[0], told
        (record,) = town.records()
        assert record["other_runs"]["rows"] == 2
        assert record["other_runs"]["missed"] == 0
        assert "'other_runs/looks'" in told
    finally:
        go_on.set()
        first.kill()
        first.communicate()
        second.kill()
    shutil.rmtree(town.folder / "first")
    one_story(town, others[1], "library")
    third = machine(town, "third", "1/2")
    _, told = third.communicate(timeout=90)
    assert sorted(row["outlet"] for row in town.rows("copies")) == sorted(others), told
    assert {row["outlet"] for row in town.rows()} == {ones[0]}


# ---------------------------------------------------------------- which outlets


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--only", "onne"), "did you mean 'one'?"),
        (("--shard", "4/4"), "'4/4' is not i/n"),
        (("--shard", "x"), "'x' is not i/n"),
        (("-a", "since=2026-01-01"), "a backfill is one outlet's"),
        (("one",), "crawlall takes no spider"),
    ],
)
def test_a_wrong_choice_is_told_before_anything_is_asked(town, given, told):
    town.add("one")
    done = subprocess.run(
        town.command("crawlall", *given), cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert town.asked == []


def test_an_outlet_is_in_one_shard_and_stays_there():
    names = [f"outlet{n}" for n in range(1000)]
    shards = [[n for n in names if shard_of(n, 8) == index] for index in range(8)]
    assert sorted(name for shard in shards for name in shard) == sorted(names)
    assert all(90 < len(shard) < 160 for shard in shards)
    assert [shard_of(name, 4) for name in ("herald", "gazette", "post", "sun")] == [3, 3, 2, 3]


def test_a_shard_without_an_outlet_is_no_failure(town):
    town.add("one")
    empty = next(i for i in range(8) if shard_of("one", 8) != i)
    done = town.crawl("--shard", f"{empty}/8")
    assert done.returncode == 0, done.stderr


def test_the_settings_of_the_command_line_hold(town):
    one_story(town, "one", "bridge")
    done = town.crawl("--concurrency", "3")
    assert "'CONCURRENT_REQUESTS': '3'" in done.stderr
    assert os.environ.get("LAKE_URI") is None or done.returncode == 0
