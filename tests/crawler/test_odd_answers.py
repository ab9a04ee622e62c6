"""Odd and broken HTTP answers in a real crawl: what lands, with which mark, and what the rejects say."""

import gzip
import json
import os
import subprocess
import sys
import zlib
from collections import Counter

import pytest
from scrapy import Request
from scrapy.downloadermiddlewares.cookies import CookiesMiddleware
from scrapy.exceptions import NotConfigured
from scrapy.http import Response
from scrapy.utils.test import get_crawler

from crawler.politeness.cookies import Cookies
from lake.parquet.reading import table
from outlets import Outlet, Outlets
from tests.crawler.site import Raw, site
from tests.crawler.test_crawls import PRIVATE, ROOT
from tests.crawler.test_later_pages import page, prose

pytestmark = pytest.mark.xdist_group("odd")

HTML = "Content-Type: text/html; charset=utf-8"
REFRESH = '<meta http-equiv="refresh" content="{}">'


def answer(body, *fields, length=None):
    body = body if isinstance(body, bytes) else body.encode()
    length = len(body) if length is None else length
    fields = (HTML, *fields, *([f"Content-Length: {length}"] if length >= 0 else []))
    return Raw("\r\n".join(["HTTP/1.1 200 OK", *fields, "", ""]).encode("latin-1") + body)


def chunked(body, *, size="%x", end=b"0\r\n\r\n"):
    body = body.encode()
    return answer(
        (size % len(body)).encode() + b"\r\n" + body + b"\r\n" + end, "Transfer-Encoding: chunked", length=-1
    )


def follows(number, name):
    return f'<a rel="next" href="/{name}?page={number}">{number}</a>'


def packed(name, window):
    """A page, compressed. window: as zlib's wbits."""
    compressor = zlib.compressobj(wbits=window)
    return compressor.compress(page(name, lines=prose(name, lines=30)).encode()) + compressor.flush()


LONG = page("half", lines=prose("half", lines=40))
WHOLE = {
    "/plain": page("plain"),
    "/long-line": answer(page("long-line"), "Content-Security-Policy: default-src " + "https://cdn.example.net " * 900),
    "/x-cache": answer(page("x-cache"), "X-Cache : HIT", "X Powered By: y", ": z"),
    "/padded": chunked(page("padded"), size="%-6x"),
    "/identity": answer(page("identity"), "Transfer-Encoding: identity"),
    "/not-gzip": answer(page("not-gzip"), "Content-Encoding: gzip"),
    "/gzip-and-more": answer(packed("gzip-and-more", 31) + b"\0\0junk", "Content-Encoding: gzip"),
    "/deflate": answer(packed("deflate", 15), "Content-Encoding: deflate"),
    "/deflate-raw": answer(packed("deflate-raw", -15), "Content-Encoding: deflate"),
    "/inert": page("inert", head=f"<template>{REFRESH.format('0;url=/nowhere')}</template>"),
    "/itself": page("itself", head=REFRESH.format("2;url=/itself")),
    "/two-parts": page("two-parts", 1, more=follows(2, "two-parts")),
    "/two-parts?page=2": page("two-parts", 2),
}  # fmt: skip
TORN = {
    "/no-last-chunk": chunked(page("no-last-chunk"), end=b""),
    "/wrong-length": answer(page("wrong-length"), length=len(page("wrong-length")) + 500),
    "/half": answer(LONG[: len(LONG) // 2], length=len(LONG)),
    "/half-gzip": answer(
        gzip.compress(page("half-gzip").encode())[:-9], "Content-Encoding: gzip", length=10**6
    ),
    # the length fits what came
    "/gzip-without-end": answer(packed("gzip-without-end", 31)[:-300], "Content-Encoding: gzip"),
    "/gzip-without-trailer": answer(packed("gzip-without-trailer", 31)[:-8], "Content-Encoding: gzip"),
    "/deflate-without-end": answer(packed("deflate-without-end", -15)[:-200], "Content-Encoding: deflate"),
    "/torn-part": page("torn-part", 1, more=follows(2, "torn-part")),
    "/torn-part?page=2": chunked(page("torn-part", 2), end=b""),
}
BROKEN = {  # path → (answer, words of the detail)
    "/no-chunk": (
        answer(b"zz\r\nx", "Transfer-Encoding: chunked", length=-1),
        "b'zz' is not the size of a chunk",
    ),
    "/no-http": (Raw(b"SSH-2.0 OpenSSH\r\n\r\n"), "non-integer status code"),
    "/half-a-head": (Raw(b"HTTP/1.1 200 OK\r\nContent-Ty"), "no readable answer"),
    "/endless-line": (
        Raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000),
        "a header line of more than 262144 bytes",
    ),
    "/stub": (answer("<html><body><p>Too soon.", length=9000), "the transfer broke off (disconnect)"),
    "/not-brotli": (answer(b"\xff" * 99, "Content-Encoding: br"), "not what Content-Encoding says (br)"),
}


@pytest.fixture(scope="module")
def crawl(tmp_path_factory):
    """(answers of the site, paths asked for, run(*paths) → (exit code, log), rows(table))"""
    folder = tmp_path_factory.mktemp("odd")
    answers = {**WHOLE, **TORN, **{path: given for path, (given, _) in BROKEN.items()}, "/silent": Raw(b"")}
    environ = {**os.environ, "LAKE_URI": str(folder / "lake"), "STATE_DIR": str(folder / "state")}
    with site(answers.get) as (home, asked):

        def scrapy(*arguments):
            command = [sys.executable, "-m", "scrapy", *arguments, *PRIVATE]
            done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120)
            return done.returncode, done.stderr

        def run(*paths):
            """What begins with no slash is an argument."""
            arguments = [given for given in paths if not given.startswith("/")]
            paths = [given for given in paths if given.startswith("/")]
            (folder / "urls.txt").write_text("\n".join(home + path for path in paths))
            quick = ("-s", "DOWNLOAD_DELAY=0", "-s", "AUTOTHROTTLE_ENABLED=0", "-s", "RETRY_TIMES=1")
            return scrapy("crawl", "urls", "-a", f"file={folder / 'urls.txt'}", *quick, *arguments)

        def rows(*tables, lake="lake"):
            return {
                "/" + row["requested_url"].split("/", 3)[3]: row
                for name in tables
                for row in table(str(folder / lake), name).to_pylist()
            }

        first = [path for path in answers if "?" not in path]
        yield answers, asked, run, rows, run(*first), scrapy, folder


def test_what_a_browser_shows_lands_whole(crawl):
    _, asked, _, rows, (code, log), *_ = crawl
    assert code == 0, log
    landed = rows("articles", "copies")
    assert {path: landed[path]["text_is_partial"] for path in WHOLE if "?" not in path} == {
        path: False for path in WHOLE if "?" not in path
    }
    assert landed["/two-parts"]["parts"] == 2
    assert all(Counter(asked)[path] == 1 for path in WHOLE)


def test_a_torn_page_lands_with_a_mark_after_its_retries(crawl):
    _, asked, _, rows, (_, log), *_ = crawl
    landed, raw = rows("articles", "copies"), rows("raw")
    for path in TORN:
        if "?" not in path:
            assert landed[path]["text_is_partial"], path
        broken = path != "/torn-part"
        assert (raw[path]["truncated"], Counter(asked)[path]) == (
            ("disconnect", 2) if broken else (None, 1)
        ), path
    assert landed["/no-last-chunk"]["text"].splitlines() == prose("no-last-chunk")
    assert landed["/torn-part"]["text"].splitlines() == [*prose("torn-part"), *prose("torn-part", 2)]
    assert 0 < landed["/half"]["word_count"] < landed["/plain"]["word_count"] * 6
    assert "'torn_pages': 9" in log  # with the stub, of which no article was made


def test_what_cannot_be_read_says_why_and_is_tried_again(crawl):
    rejects = crawl[3]("rejects")
    for path, (_, words) in BROKEN.items():
        assert rejects[path]["reason"] == "broken_http", rejects[path]
        assert words in rejects[path]["detail"]
        assert rejects[path]["retry_at"]
    assert rejects["/silent"]["reason"] == "unreachable"
    assert "no answer: Connection was closed cleanly" in rejects["/silent"]["detail"]


def test_the_mark_survives_export_replay_and_another_cleaning(crawl):
    _, _, _, rows, _, scrapy, folder = crawl
    lake = str(folder / "lake")
    subprocess.run(
        [sys.executable, "-m", "lake", "warc", "--lake", lake, "--out", str(folder / "out.warc.gz")],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    code, log = scrapy(
        "crawl", "warc", "-a", f"files={folder}/out.warc.gz", "-s", f"LAKE_URI={folder}/replayed"
    )
    assert code == 0, log
    replayed, landed = rows("articles", "copies", lake="replayed"), rows("articles", "copies")
    for path in ("/wrong-length", "/half", "/plain"):
        assert replayed[path]["text_is_partial"] == landed[path]["text_is_partial"]
    code, log = scrapy("reclean")
    assert code == 0, log
    assert rows("revisions") == {}


def test_when_the_site_recovers_all_land(crawl):
    answers, _, run, rows, *_ = crawl
    again = (*BROKEN, "/silent")
    for path in again:
        answers[path] = page(path)
    assert "7 to be tried again → nothing new" in run(*again)[1]  # an hour has not passed
    code, log = run(*again, "-a", "fresh=1")
    assert code == 0, log
    assert set(again) <= rows("articles", "copies").keys()


# ---------------------------------------------------------------- cookies


def test_a_cookie_for_all_sites_of_a_suffix_stays_in_its_outlets_jar(monkeypatch):
    known = Outlets(
        Outlet(key, key, f"http://{key}.co.test/", (f"{key}.co.test",), cookies=True)
        for key in ("crumb", "crust")
    )
    monkeypatch.setattr("crawler.politeness.cookies.known_outlets", lambda: known)
    cookies = Cookies.from_crawler(get_crawler(settings_dict={"COOKIES_ENABLED": False}))
    first = Request("http://crumb.co.test/a")
    setting = {"Set-Cookie": ["one=1; Domain=co.test", "two=2"]}
    cookies.process_response(first, Response(first.url, headers=setting))
    sent = {}
    for host in ("crumb.co.test", "www.crumb.co.test", "crust.co.test", "co.test"):
        cookies.process_request(request := Request(f"http://{host}/b", headers={"Cookie": "own=1"}))
        sent[host] = sorted((request.headers.get("Cookie") or b"").split(b"; "))
    assert sent == {
        "crumb.co.test": [b"one=1", b"two=2"],
        "www.crumb.co.test": [b"one=1", b"two=2"],
        "crust.co.test": [b""],
        "co.test": [b"own=1"],  # of no outlet: what a spider sets itself stays
    }


def test_scrapys_own_cookies_take_their_place_and_without_any_nothing_is_loaded(monkeypatch):
    assert isinstance(
        Cookies.from_crawler(get_crawler(settings_dict={"COOKIES_ENABLED": True})), CookiesMiddleware
    )
    monkeypatch.setattr("crawler.politeness.cookies.known_outlets", lambda: Outlets([]))
    with pytest.raises(NotConfigured):
        Cookies.from_crawler(get_crawler(settings_dict={"COOKIES_ENABLED": False}))


def test_cookies_are_kept_for_the_outlets_that_say_so_and_the_others_name_the_cure(tmp_path):
    """In a crawl of all outlets and in a list; each outlet has a jar of its own."""
    sent = []

    def answer_to(path, cookies):
        name = path.split("/")[1]
        sent.append((path, cookies))
        if path.endswith("/feed"):
            return f"<rss version='2.0'><channel><item><link>/{name}/news/a</link></item></channel></rss>"
        if "/news/" not in path:
            return None
        if f"seen={name}" in cookies:
            return page(path)
        return 302, "", {"Location": path, "Set-Cookie": f"seen={name}; Path=/"}

    with site(answer_to, with_cookies=True) as (home, _):
        port = home.rpartition(":")[2]
        outlets = tmp_path / "outlets"
        outlets.mkdir()
        for name in ("crumb", "crust", "dry"):
            root = f"http://{name}.test:{port}"
            (outlets / f"{name}.toml").write_text(
                f'name = "{name}"\nhome = "{root}/"\ndomains = ["{name}.test"]\n[sources]\nfeeds = ["{root}/{name}/feed"]\n'
                f'[articles]\nallow = ["/news/"]\n[politeness]\ndelay_s = 0\ncookies = {str(name != "dry").lower()}\n'
            )
        names = json.dumps({f"{name}.test": "127.0.0.1" for name in ("crumb", "crust", "dry", "far")})
        more = [
            *PRIVATE,
            "-s",
            f"OUTLETS_DIR={outlets}",
            "-s",
            f"DNS_OVERRIDES={names}",
            "-s",
            "AUTOTHROTTLE_ENABLED=0",
        ]
        listed = [f"http://{name}.test:{port}/{name}/news/b" for name in ("crumb", "dry", "far")]
        (tmp_path / "urls.txt").write_text("\n".join(listed))
        environ = {**os.environ, "LAKE_URI": str(tmp_path / "lake"), "STATE_DIR": str(tmp_path / "state")}
        for what in (
            ["crawlall", "--only", "crumb,crust,dry"],
            ["crawl", "urls", "-a", f"file={tmp_path}/urls.txt"],
        ):
            done = subprocess.run(
                [sys.executable, "-m", "scrapy", *what, *more, "-s", "DOWNLOAD_DELAY=0"],
                cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
    lake = str(tmp_path / "lake")
    articles = [row for name in ("articles", "copies") for row in table(lake, name).to_pylist()]
    assert sorted(row["url"].split("/", 3)[3] for row in articles) == [
        "crumb/news/a",
        "crumb/news/b",
        "crust/news/a",
    ]
    rejects = table(lake, "rejects").to_pylist()
    assert sorted(row["url"].split("/", 3)[3] for row in rejects) == [
        "dry/news/a",
        "dry/news/b",
        "far/news/b",
    ]
    assert all("`cookies = true` under [politeness]" in row["detail"] for row in rejects)
    assert all(not cookies or cookies == f"seen={path.split('/')[1]}" for path, cookies in sent)
    assert not any(cookies for path, cookies in sent if "dry" in path or "far" in path)
