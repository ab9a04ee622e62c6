"""Sources that fail, or list nothing of use, or only a part: what is landed all the same, and what is told of them."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from scrapy.exceptions import ResponseDataLossError
from scrapy.utils.test import get_crawler
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed

from crawler.discovery.outlet_spider import OutletSpider
from crawler.sources.failures import TORN, failure_text, is_torn
from crawler.sources.source import Source
from outlets import Outlet
from tests.crawler.outlet_crawl import PAGE, ROOT, crawl, index, urlset

NOW = datetime.now(UTC)


def rss(*paths, more=""):
    items = "".join(f"<item><title>t</title><link>{path}</link>{more}</item>" for path in paths)
    return f"<rss version='2.0'><channel><title>x</title>{items}</channel></rss>"


def whole(body, *headers):
    return b"\r\n".join((b"HTTP/1.1 200 OK", b"Connection: close", *headers, b"", body))


def too_short(body, missing=99):
    return whole(body, b"Content-Length: %d" % (len(body) + missing))


def without_last_chunk(body):
    return whole(b"%x\r\n%s\r\n" % (len(body), body), b"Transfer-Encoding: chunked")


@contextlib.contextmanager
def wire(answers):
    """(address, paths asked for): a site of raw answers, bytes as they go over the wire; {home} is its address."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            asked.append(self.path)
            given = answers.get(self.path, PAGE if self.path.startswith("/news/") else None)
            home = f"http://127.0.0.1:{self.server.server_address[1]}"
            if isinstance(given, bytes):
                given = given.replace(b"{home}", home.encode())
            if isinstance(given, str):
                given = given.replace("{home}", home).encode()
                given = whole(given, b"Content-Length: %d" % len(given))
            given = given or b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            with contextlib.suppress(OSError):
                self.wfile.write(given)
            self.close_connection = True

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


@pytest.fixture
def crawled(tmp_path):
    """crawled(answers, sources, *arguments) → (crawl, articles asked for)."""

    def crawled(answers, sources, *arguments):
        with wire(answers) as (home, asked):
            named = {kind: [home + path for path in paths] for kind, paths in sources.items()}
            done = crawl(tmp_path, home, *arguments, tables={"sources": named})
        return done, sorted({path for path in asked if path.startswith("/news/")})

    return crawled


def last_line(done):
    return done.log.rstrip().rpartition("\n")[2]


# ---------------------------------------------------------------- the transfer


@pytest.mark.parametrize(
    "torn",
    [
        without_last_chunk(rss("/news/a", "/news/b").encode()),
        too_short(rss("/news/a", "/news/b").encode()),
        too_short(rss("/news/a", "/news/b", "/news/long").encode()[:-33]),
        whole(urlset("/news/a", "/news/b", "/news/long").encode()[:-50]),  # ends where the connection does
        too_short(b"{home}/news/a\n{home}/news/b\n{home}/news/lo"),
    ],
    ids=["no last chunk", "too large a length", "cut", "cut, and no length", "lines"],
)
def test_an_only_source_that_is_torn_fails_the_run_and_lands_what_came(crawled, torn):
    done, articles = crawled({"/feed": torn}, {"feeds": ["/feed"]})
    assert articles == ["/news/a", "/news/b"]
    assert done.code == 1
    assert "FAILED: every source failed: http://127.0.0.1" in last_line(done)
    facts = done.sources["/feed"]
    assert facts["torn"] is True
    assert facts["damaged"] in (TORN, "it is cut off before its end")
    assert facts["visited"] is None  # the next run reads it whole


def test_a_torn_source_without_an_entry_is_dead_and_others_are_looked_for(crawled):
    answers = {"/feed": too_short(b"<rss version='2.0'><channel>"), "/": "<a href='/news/of-home'>a</a>"}
    done, articles = crawled(answers, {"feeds": ["/feed"]})
    assert articles == ["/news/of-home"]
    assert done.code == 0  # the home page did
    assert done.sources["/feed"]["error"] == f"{TORN}, and it is cut off before its first entry"
    assert "SOURCES: 1 source failed: " in last_line(done)


def test_a_bound_of_ours_is_told_and_fails_nothing(crawled):
    """A feed larger than its bound is read up to there, announced or not, packed or not; so are the other lists."""
    long = rss(*(f"/news/{n}" for n in range(60)), more=f"<description>{'words ' * 400}</description>")
    done, articles = crawled(
        {"/feed": long, "/endless": whole(long.encode() * 30)},
        {"feeds": ["/feed", "/endless"]},
        *("-s", "SITEMAP_BYTES=30000"),
    )
    assert done.code == 0, done.log
    assert 5 < len(articles) < 20
    for path in ("/feed", "/endless"):
        facts = done.sources[path]
        assert (facts["capped"], facts["error"]) == ({"bytes": 30000}, None)
        assert "torn" not in facts
    assert "SOURCES: 2 sources read only in part: " in last_line(done)
    assert "SITEMAP_BYTES (30000)" in last_line(done)
    assert done.record["bytes_received"] < 1_000_000  # nothing was asked for beyond it


# ---------------------------------------------------------------- what it lists


@pytest.mark.parametrize(
    ("answers", "kind", "told"),
    [
        (
            {"/s": urlset("http://elsewhere.example/news/a")},
            "sitemaps",
            "1 address listed, none of the outlet",
        ),
        ({"/s": urlset("/tag/a", "/about")}, "sitemaps", "2 addresses listed, none of an article"),
        (
            {"/s": index("/tag-sitemap.xml")},
            "sitemaps",
            "1 sitemap listed, none to be opened, by their names",
        ),
        ({"/s": index("/s")}, "sitemaps", "1 sitemap listed, none of the web but itself"),
        (
            {"/s": index("http://[url]/a.xml", "ftp://127.0.0.1/b.xml")},
            "sitemaps",
            "1 sitemap listed, none of the web",
        ),
        (
            {"/s": index("/t.xml"), "/t.xml": index("/s", "/t.xml")},
            "sitemaps",
            "2 sitemaps listed, none of the web but",
        ),
        (
            {"/s": index(("/t.xml", "2020-01-01")), "/t.xml": urlset(("/news/a", "2020-01-01"))},
            "sitemaps",
            "1 address listed, each with a lastmod of long ago",
        ),
        ({"/s": index("/one.xml")}, "sitemaps", "answered 404"),
        ({"/s": urlset("/deeper-sitemap.xml")}, "sitemaps", "answered 404"),
        (
            {"/s": "<!doctype html><html><body>We are moving.</body></html>"},
            "feeds",
            "a web page came instead",
        ),
        ({"/s": rss("").replace("<link></link>", "")}, "feeds", "none of its entries has an address"),
        ({"/s": "<urlset><url><url loc='/news/a'/></url></urlset>"}, "sitemaps", "none of its entries has"),
        ({"/s": "<a href='/about'>About</a>"}, "sections", "1 address listed, none of an article"),
        ({"/s": "<p>Please enable JavaScript.</p>"}, "sections", "it has no link"),
    ],
)
def test_an_only_source_that_lists_nothing_usable_fails_every_run(tmp_path, answers, kind, told):
    with wire(answers) as (home, _):
        for _ in range(2):  # what it listed is remembered
            tables = {"sources": {kind: [f"{home}/s"]}}
            done = crawl(tmp_path, home, "-s", "SOURCE_INTERVAL_MAX_S=0", tables=tables)
            assert done.code == 1, done.log
            assert told in last_line(done)


def test_an_empty_list_is_no_failure(crawled):
    done, _ = crawled({"/feed": rss(), "/s.xml": urlset()}, {"feeds": ["/feed"], "sitemaps": ["/s.xml"]})
    assert done.code == 0, done.log
    assert "SOURCES" not in last_line(done)


def test_broken_sources_among_good_ones_are_told_and_cost_themselves(crawled):
    day = (NOW - timedelta(hours=2)).isoformat(timespec="seconds")
    answers = {
        "/good": rss("/news/good"),
        "/page": "<html>no</html>",
        "/torn": too_short(rss("/news/torn").encode()),
        "/emoji": rss("/news/emoji", more="<description>&#55357;&#56832;&#x110000;</description>"),
        "/gml": rss("/news/gml", more="<gml:pos>1 2</gml:pos>"),
        "/frozen.xml": index(*((f"{{home}}/f{n}.xml", "2020-01-01") for n in range(5))),
        **{f"/f{n}.xml": urlset((f"/news/old{n}", "2020-01-01")) for n in range(4)},
        "/f4.xml": urlset(("/news/frozen", day)),
        "/listed.xml": urlset(
            "{home}/part-1.xml", "{home}/map/sitemap2.php", "{home}/sitemap.html", "/news/listed"
        ),
        "/part-1.xml": urlset("/news/part"),
        "/map/sitemap2.php": urlset("/news/map"),
        "/net.xml": urlset(("/news/net", day)).replace(
            "<urlset>", '<?xml version="1.0" encoding="utf-16"?><urlset>'
        ),
    }
    sources = {
        "feeds": ["/good", "/page", "/torn", "/emoji", "/gml"],
        "sitemaps": ["/frozen.xml", "/listed.xml", "/net.xml"],
    }
    done, articles = crawled(answers, sources)
    names = ["emoji", "frozen", "gml", "good", "listed", "map", "net", "part", "torn"]
    assert articles == [f"/news/{name}" for name in names]
    assert done.code == 0, done.log
    assert "; SOURCES: 1 source failed: http" in last_line(done)
    assert "1 source read only in part: http" in last_line(done)
    assert done.sources["/f4.xml"]["named_by"].endswith("/frozen.xml")
    assert "'source_errors'" not in done.log
    assert "/sitemap.html" not in done.sources


# ---------------------------------------------------------------- among all outlets


def test_among_all_outlets_the_one_whose_source_is_torn_is_named(tmp_path):
    folder = tmp_path / "outlets"
    folder.mkdir()
    answers = {
        "/well": rss("/news/a"),
        "/torn": too_short(rss("/news/b").encode()),
        "/page": "<html>no</html>",
    }
    with wire(answers) as (home, _):
        port = home.rpartition(":")[2]
        for name, feeds in (("one", ["/torn"]), ("two", ["/well", "/page"])):
            site = f"http://{name}.example:{port}"
            (folder / f"{name}.toml").write_text(
                f'name = "x"\nhome = "{site}/"\ndomains = ["{name}.example"]\n[articles]\nallow = ["^/news/"]\n'
                f"[sources]\nfeeds = {json.dumps([site + path for path in feeds])}\n[politeness]\ndelay_s = 0\n"
            )
        settings = {
            "OUTLETS_DIR": folder,
            "LAKE_URI": tmp_path / "lake",
            "STATE_DIR": tmp_path / "state",
            "ALLOWED_NETWORKS": "127.0.0.0/8",
            "DNS_OVERRIDES": json.dumps({"one.example": "127.0.0.1", "two.example": "127.0.0.1"}),
            "DOWNLOAD_DELAY": 0,
            "AUTOTHROTTLE_ENABLED": 0,
            "RETRY_TIMES": 0,
        }
        given = [part for name, value in settings.items() for part in ("-s", f"{name}={value}")]
        done = subprocess.run(
            [sys.executable, "-m", "scrapy", "crawlall", "--only", "one,two", *given],
            cwd=ROOT,
            env={k: v for k, v in os.environ.items() if k != "CONTACT"},
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 1, done.stderr
    line = done.stderr.rstrip().rpartition("\n")[2]
    assert f"FAILED: one: every source failed: http://one.example:{port}/torn: {TORN}" in line
    assert f"SOURCES: two: 1 source failed: http://two.example:{port}/page: a web page came" in line


# ---------------------------------------------------------------- the boundary, and the words


@pytest.mark.parametrize(
    "error", [RecursionError(), KeyError("where"), UnicodeEncodeError("utf-8", "x", 0, 1, "no")]
)
def test_whatever_the_reading_of_a_source_raises_costs_that_source(error, caplog):
    outlet = Outlet("mine", "Mine", "https://example.org/", ("example.org",))
    spider_class = type("Mine", (OutletSpider,), {"name": "mine", "outlet": outlet})
    spider = spider_class.from_crawler(get_crawler(spider_class, {"TWISTED_REACTOR": None}))
    source = Source("https://example.org/feed", "feed")
    spider.sources[source.url] = source.facts()

    async def reading():
        yield "a request"
        raise error

    async def read():
        return [request async for request in spider._contained(reading(), source)]

    assert asyncio.run(read()) == ["a request"]
    assert spider.sources[source.url]["error"].startswith(f"it cannot be read: {type(error).__name__}: ")
    assert spider.crawler.stats.get_value("source_errors") == 1
    assert "mine: https://example.org/feed cannot be read" in caplog.text


def test_a_failure_always_has_a_text():
    lost = ResponseFailed([Failure(ConnectionLost())])
    torn = ResponseDataLossError()
    torn.__cause__ = lost
    for error in (torn, lost, Exception(), TimeoutError(), RecursionError(), KeyError()):
        assert failure_text(error).strip()
        assert "Failure" not in failure_text(error)
    assert failure_text(torn).startswith(TORN)
    assert failure_text(ValueError("no such thing")) == "no such thing"
    assert is_torn(torn)
    assert not is_torn(lost)
