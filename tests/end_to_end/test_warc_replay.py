"""Real pages as a WARC file: replayed, they give the rows that their crawl gives; broken, all but what is broken.

WARC_PAGES=420 takes so many pages instead of 100."""

import gzip
import importlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from lake.__main__ import main
from lake.parquet.reading import table
from lake.schema.records import STORY_TABLES
from lake.warc.record_reader import read_records
from tests.crawler.site import site

pytestmark = pytest.mark.xdist_group("real")
ROOT = Path(__file__).resolve().parents[2]
COUNT = int(os.environ.get("WARC_PAGES", "100"))
TABLES = (*STORY_TABLES, "rejects")
# when it was fetched, and where it lies
ITS_OWN = {"fetched_at", "landed_at", "run_id", "seq", "source", "day", "retry_at"}


@pytest.fixture(scope="module")
def bodies(shared):
    """Pages of three corpora in turn, none twice, as bytes."""
    sys.path.insert(0, str(shared / "measure" / "extraction"))
    try:
        evaluate = importlib.import_module("evaluate")
    finally:
        sys.path.pop(0)
    corpora = [getattr(evaluate, f"load_{n}")(shared / "pages" / n) for n in ("aeb", "fundus", "traf")]
    found = {}
    for place in range(max(map(len, corpora))):
        for pages in corpora:
            if place < len(pages):
                html = pages[place].html
                found.setdefault(html if isinstance(html, bytes) else html.encode(), None)
    assert len(found) >= COUNT
    return list(found)[:COUNT]


def scrapy(folder, spider, *given):
    settings = {
        "LAKE_URI": folder / "lake",
        "STATE_DIR": folder / "state",
        "ALLOWED_NETWORKS": "127.0.0.0/8",
        "DOWNLOAD_DELAY": 0,
        "AUTOTHROTTLE_ENABLED": 0,
        "CONCURRENT_REQUESTS": 1,  # the pages land in the order of the file: the first of two copies is the same
        "MAX_PARTS": 1,
    }
    more = [word for name, value in settings.items() for word in ("-s", f"{name}={value}")]
    command = [sys.executable, "-m", "scrapy", "crawl", spider, *given, *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


def rows(folder):
    """Every row of every table by page, without what is its own in each run."""
    return {
        (name, r["id"]): {k: v for k, v in r.items() if k not in ITS_OWN}
        for name in TABLES
        for r in table(str(folder / "lake"), name).to_pylist()
    }


def as_served(body):
    """As the site of the tests serves it: text, encoded anew."""
    return body.decode("utf-8", "replace")


@pytest.fixture(scope="module")
def crawled(bodies, tmp_path_factory):
    """(folder of the crawl, WARC file of the same pages)"""
    folder = tmp_path_factory.mktemp("crawled")
    with site(lambda path: as_served(bodies[int(path[2:])]) if path[1] == "p" else None) as (home, _):
        urls = [f"{home}/p{n}" for n in range(len(bodies))]
        (folder / "urls.txt").write_text("\n".join(urls))
        scrapy(folder, "urls", "-a", f"file={folder / 'urls.txt'}")
    with (folder / "pages.warc.gz").open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        for url, body in zip(urls, bodies, strict=True):
            headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Encoding", "gzip")]
            head = StatusAndHeaders("200 OK", headers, protocol="HTTP/1.1")
            packed = gzip.compress(as_served(body).encode(), 1)
            writer.write_record(
                writer.create_warc_record(url, "response", io.BytesIO(packed), len(packed), http_headers=head)
            )
    return folder, folder / "pages.warc.gz"


@pytest.fixture(scope="module")
def replayed(crawled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("replayed")
    scrapy(folder, "warc", "-a", f"files={crawled[1]}")
    return folder


def test_a_replay_gives_the_rows_of_the_crawl(crawled, replayed):
    there, here = rows(crawled[0]), rows(replayed)
    assert len(there) == COUNT
    assert here.keys() == there.keys()
    assert [key for key in there if here[key] != there[key]] == []
    bodies = [
        {r["id"]: r["body"] for r in table(str(f / "lake"), "raw").to_pylist()}
        for f in (crawled[0], replayed)
    ]
    assert bodies[0] == bodies[1]


def test_what_the_crawl_kept_comes_out_as_a_warc_and_gives_the_same_rows_again(crawled, tmp_path):
    assert main(["warc", "--lake", str(crawled[0] / "lake"), "--out", str(tmp_path / "out.warc.gz")]) == 0
    scrapy(tmp_path, "warc", "-a", f"files={tmp_path / 'out.warc.gz'}")
    kept = {key: r for key, r in rows(crawled[0]).items() if r.get("reason") != "tdm_reserved"}
    assert rows(tmp_path) == kept
    assert len(kept) >= 0.9 * COUNT


def test_a_broken_file_gives_the_rows_of_all_that_is_sound(crawled, replayed, tmp_path):
    data = bytearray(crawled[1].read_bytes())
    with crawled[1].open("rb") as file:
        places = [(r.field("WARC-Target-URI"), r.place.offset) for r in read_records(file)]
    spoilt = places[5], places[-1]
    data[places[5][1] + 60] ^= 0xFF
    data[places[9][1] : places[9][1]] = b"garbage\x1f\x8b\x08" * 30
    (tmp_path / "broken.warc.gz").write_bytes(data[:-200])
    log = scrapy(tmp_path, "warc", "-a", f"files={tmp_path / 'broken.warc.gz'}")
    assert "'warc/broken_records': 3" in log
    lost = {url for url, _ in spoilt}
    asked = {r["requested_url"] for r in table(str(tmp_path / "lake"), "raw").to_pylist()}
    assert asked == {url for url, _ in places} - lost
    sound = {key: r["url"] for key, r in rows(tmp_path).items()}
    assert len(sound) == COUNT - 2
