"""SIGKILL at random moments of the demonstration crawl, then the same commands again: an unbroken run's result.

KILLS sets the number of moments; a folder and S3 take turns, and so do the outlets' own spiders, one after the other,
and one `urls` crawl of all outlets at once."""

import os
import random
import signal
import time
from collections import Counter

import pytest

from demo.newsroom import Newsroom
from lake.parquet.part_files import read_rows
from lake.schema.records import TABLES
from lake.storage.open_store import open_store
from tests.end_to_end.newsroom_crawl import QUICK, newsroom_crawl

pytestmark = pytest.mark.xdist_group("kill")

KILLS = int(os.environ.get("KILLS", "6"))
OFTEN = ("-s", "FLUSH_ROWS=3")  # many flushes: many moments that could go wrong
SEED = 20261122


@pytest.fixture(scope="module")
def room():
    with Newsroom(day=1) as room:
        yield room


def commands(crawl, way):
    """The commands of one whole crawl of the newsroom."""
    if way == "outlets":
        return [(spider, *QUICK, *OFTEN) for spider in crawl.spiders]
    listed = crawl.place.state.parent / "urls.txt"
    listed.write_text("\n".join(p.url for p in crawl.gold if p.outcome != "not_a_candidate"))
    return [("urls", "-a", f"file={listed}", *QUICK, *OFTEN, "-s", "DOWNLOAD_SLOTS={}")]


@pytest.fixture(scope="module")
def unbroken(room, tmp_path_factory):
    """By way: the unbroken crawl, and how long each of its commands took."""
    found = {}
    for way in ("urls", "outlets"):
        folder = tmp_path_factory.mktemp(f"unbroken-{way}")
        crawl = newsroom_crawl(room, folder, str(folder / "lake"))
        seconds = []
        for command in commands(crawl, way):
            began = time.monotonic()
            assert crawl.place.crawl(*command).returncode == 0
            seconds.append(time.monotonic() - began)
        found[way] = crawl, seconds
    return found


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_killed_crawl_is_made_whole_by_the_next(room, unbroken, kill, tmp_path, request):
    way = "outlets" if kill % 6 == 5 else "urls"
    whole, seconds = unbroken[way]
    chance = random.Random(SEED + kill)
    if kill % 2:
        store = request.getfixturevalue("object_store")
        environ = request.getfixturevalue("session_environ")
        crawl = newsroom_crawl(room, tmp_path, store.bucket(f"kill-{kill}-{os.getpid()}") + "/lake", environ)
    else:
        crawl = newsroom_crawl(room, tmp_path, str(tmp_path / "lake"))
    todo = commands(crawl, way)
    victim = chance.randrange(len(todo))
    for command in todo[:victim]:
        assert crawl.place.crawl(*command).returncode == 0
    process = crawl.place.start(*todo[victim])
    time.sleep(seconds[victim] * chance.uniform(0.4, 1.0))  # the first part is Python starting
    process.send_signal(signal.SIGKILL)
    process.communicate()
    for command in todo:
        assert crawl.place.crawl(*command).returncode == 0

    assert set(crawl.kept()) == set(whole.kept())
    assert crawl.stories() == whole.stories()
    store = open_store(crawl.place.lake)
    for table in TABLES:
        rows = [
            row for key in store.keys(f"{table}/") for row in read_rows(store, key)
        ]  # a torn part would raise
        twice = {id_: n for id_, n in Counter(r["id"] for r in rows).items() if n > 1}
        assert twice == {}, (table, [(r["run_id"], r["seq"], r["id"]) for r in rows if r["id"] in twice])
    assert Counter(r["reason"] for r in crawl.rows("rejects")) == Counter(
        r["reason"] for r in whole.rows("rejects")
    )
    finished = {r["run_id"] for r in crawl.records()}
    assert {r["run_id"] for t in TABLES for r in crawl.rows(t)} <= finished
