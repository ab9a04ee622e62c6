"""What sites send besides articles is read in processes of their own: as Scrapy would read it, within bounds."""

import asyncio
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from scrapy.http import HtmlResponse, TextResponse, XmlResponse

from crawler.inspection.single_pages import _url_in
from crawler.reading.jobs import ListJob, PageJob, Reading, RefreshJob, read
from crawler.reading.meta_refresh import may_refresh
from crawler.reading.page_text import PageText
from crawler.reading.source_readers import SourceReaders, page_text
from crawler.sources.source import Source, SourceLimits
from lake.workers.process_pool import WorkerLimits
from outlets import Outlet
from tests.crawler.outlet_crawl import PAGE, ROOT, crawl, urlset
from tests.crawler.site import site

OURS = Outlet("ours", "Ours", "https://example.org/", ("example.org",))
LIMITS = SourceLimits(2000, 5, 20, 50_000, 50 << 20, timedelta(days=3))
URL = "https://example.org/section/?page=1"


def sitemap(*paths, **changes):
    body = urlset(*(f"https://example.org/{path}" for path in paths)).encode()
    facts = {"stopped": False, "torn": False, "source": Source(URL, "sitemap"), "above": (URL,)}
    return ListJob(body, URL, None, outlet=OURS, limits=LIMITS, **{**facts, **changes})


def many_attributes(end=b"<a href=/a>a</a>"):
    """Small to send, and as good as endless to parse."""
    return b"<html><body " + b" ".join(b"a%d=1" % n for n in range(300_000)) + b">" + end


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"<a href='/\xc3\xa9'>x</a><a href=' b '>", {}),
        (b"<a href='/\xe9'>x</a>", {"Content-Type": "text/html; charset=latin-1"}),
        (b"<meta charset=windows-1251><a href='/\xe9'>", {"Content-Type": "text/html"}),
        ("\ufeff<a href='/é'>".encode("utf-16-le"), {"Content-Type": "text/html; charset=utf-8"}),
        ("<p>Они сказали, что всё готово.</p>".encode("cp1251") * 20 + b"<a href=/x>", {}),
        (b"<base href='//other.example/sub/'><a href=a><a href=a><a href='http://[x'>", {}),
        (b"<link rel=next href=?page=2><a rel='nofollow next' href=/b>b</a>", {}),
        (b"<a href='\n?page=2'>2</a><a href='data:,x'><a href='#top'>", {}),
        (b"", {}),
        (b"\0<a href=/z\0>", {}),
    ],
)
@pytest.mark.parametrize("kind", [HtmlResponse, XmlResponse, TextResponse])
def test_a_page_is_read_as_scrapy_reads_it(body, headers, kind):
    response = kind(URL, body=body, headers=headers)
    page = page_text(response)
    assert page.text == response.text
    assert page.base == response.urljoin("")
    assert page.links == list(dict.fromkeys(response.css("a::attr(href)").getall()))
    links = [link.strip() for link in page.links if "[" not in link]
    assert [entry.url for entry in page.entries()] == [response.urljoin(link) for link in links]


def test_a_reader_finds_what_this_process_would_find():
    jobs = [
        sitemap(*range(1000)),
        sitemap("a", source=Source(URL, "sitemap", archive=True)),
        ListJob(b"no list", URL, None, False, False, Source(URL, "feed"), (), OURS, LIMITS),
        PageJob(PageText(b"<a href=/a>a</a><a href='?page=2'>2</a><a href=/feed/>", URL), OURS, 2000),
        RefreshJob(PageText(b"<meta http-equiv=refresh content='0;url=/b'>", URL), ()),
        RefreshJob(PageText(b"<meta http-equiv=refresh content='0;url=//['>", URL), ()),
    ]  # fmt: skip
    readers = SourceReaders(WorkerLimits())
    assert not readers._processes.counts  # where nothing is to be read, no process is started
    found = [readers.read(job, "ours").result(60) for job in jobs]
    asyncio.run(readers.close())
    assert [without_places(reading) for reading in found] == [without_places(read(job)) for job in jobs]
    assert len(found[0].pages) == 1000
    assert found[2].error == "neither XML nor addresses"
    assert found[4].refresh.url == "https://example.org/b"
    assert "ValueError" in found[5].traceback


def without_places(reading: Reading):
    return {
        **{name: getattr(reading, name) for name in Reading.__slots__},
        "traceback": bool(reading.traceback),
    }


def test_a_page_that_is_never_read_costs_no_other_source():
    """Nor those of another outlet, which are read meanwhile; and after three the outlet's others are not tried."""
    readers = SourceReaders(WorkerLimits(deadline_s=2, slow_s=0.3))
    page = PageText(many_attributes(), URL)
    hung = [readers.read(PageJob(page, OURS, 2000), "hostile") for _ in range(3)]
    hung.append(readers.read(RefreshJob(page, ()), "hostile"))
    good = [readers.read(sitemap(f"news/{n}"), "good").result(60) for n in range(5)]
    assert [len(reading.pages) for reading in good] == [1] * 5
    errors = [future.result(60).error for future in hung]
    assert errors[:3] == ["its worker gave no answer in 2 s"] * 3
    assert errors[3].startswith("its outlet was given up")
    asyncio.run(readers.close())


def test_an_address_that_is_too_long_is_left_out_where_it_is_read():
    reading = read(sitemap("news/a", source=Source(URL, "feed")))
    assert len(reading.pages) == 1
    item = "<item><link>https://example.org/{}</link></item>"
    feed = f"<rss version='2.0'><channel>{item.format('a' * 20_000)}{item.format('b')}</channel></rss>"
    job = ListJob(feed.encode(), URL, None, False, False, Source(URL, "feed"), (), OURS, LIMITS)
    assert (len(read(job).pages), read(job).malformed) == (1, 1)
    page = PageText(f"<a href=/{'a' * 20_000}>a</a><a href=/b>b</a>".encode(), URL)
    assert [entry.url for entry in page.entries()] == ["https://example.org/b"]


@pytest.mark.parametrize(
    ("search", "bait"),
    [
        (may_refresh, b"http-equiv=" + b" " * 1_000_000),
        (may_refresh, b"http-equiv" + b" " * 500_000 + b"=" + b"\n" * 500_000),
        (may_refresh, b"http-equiv='" * 80_000),
        (_url_in, b"<link " * 300_000),
        (_url_in, b"<link rel=canonical " * 100_000),
        (_url_in, b"<meta property = og:url" + b" " * 1_000_000),
        (_url_in, (b"<link" + b" rel=  " * 1000 + b">") * 100),
        (_url_in, b"<link rel=canonical href=" + b" " * 1_000_000 + b">"),
    ],
)
def test_what_is_never_closed_is_searched_once(search, bait):
    began = time.thread_time()
    assert not search(bait)
    assert time.thread_time() - began < 1


def test_a_reader_loads_nothing_that_it_does_not_need():
    heavy = ("scrapy", "twisted", "trafilatura", "datasketch", "numpy", "pyarrow", "boto3")
    code = f"import sys, crawler.reading.jobs as j; j.load(); print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_section_page_that_cannot_be_read_in_time_is_a_dead_source(tmp_path):
    pages = {"/hostile": many_attributes(), "/s.xml": urlset("/news/a"), "/news/a": PAGE}
    with site(pages.get) as (home, _):
        sources = {"sections": [f"{home}/hostile"], "sitemaps": [f"{home}/s.xml"]}
        done = crawl(
            tmp_path, home, "-s", "CLEAN_DEADLINE_S=5", "-s", "CLEAN_WORKERS=1", tables={"sources": sources}
        )
    assert done.sources["/hostile"]["error"] == "its worker gave no answer in 5 s"
    assert (done.sources["/s.xml"]["found"], done.record["counts"]["articles"]) == (1, 1)
    assert done.code == 0, done.log
