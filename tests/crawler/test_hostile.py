"""A newsroom that wears crawlers out: crawled within its bounds, and with what is good in it found."""

import gzip
import json
import re
import resource
from functools import cache

import pytest

from crawler.discovery.source_spider import MAX_DEPTH
from tests.crawler.outlet_crawl import PAGE, crawl, index, urlset
from tests.crawler.site import site

pytestmark = pytest.mark.xdist_group("hostile")

ENTRIES, PAGES, FILES = 30, 4, 6  # SOURCE_ENTRIES, SECTION_PAGES, SITEMAP_FILES


@cache
def million():
    return gzip.compress(
        b"<urlset>" + b"".join(b"<url><loc>/news/million/%d</loc></url>" % n for n in range(1_000_000)), 1
    )


@cache
def bomb():
    return gzip.compress(b"<urlset>" + b"<!-- -->" * (20 * 2**20), 6)  # 160 MiB from less than one


@cache
def robots():
    """More agents and rules than anybody reads, in a megabyte, and behind the bound one more rule."""
    agents = "".join(f"User-agent: bot{n}\n" for n in range(12_000))
    rules = "".join(f"Disallow: /no/{n}\n" for n in range(50_000))
    return gzip.compress(f"{agents}User-agent: *\n{rules}Disallow: /\n".encode())


def answers(path, home):
    if path.startswith("/news/"):
        return PAGE
    if n := re.fullmatch(r"/calendar/(\d+)", path):  # a day for every day, for ever, and never a story
        return f"<a href='/calendar/{int(n[1]) - 1}'>before</a><a rel='next' href='/calendar/{int(n[1]) + 1}'>next</a>"
    if n := re.fullmatch(r"/endless(?:/page/(\d+)/)?", path):  # a new story on every page
        page = int(n[1] or 1)
        return f"<a href='/news/endless/{page}'>x</a><a href='/endless/page/{page + 1}/'>older</a>"
    if n := re.fullmatch(r"/deep/(\d+)\.xml", path):  # an index behind an index behind an index
        return index(f"{home}/deep/{int(n[1]) + 1}.xml")
    if path == "/million.xml.gz":
        return 200, million(), {"Content-Type": "application/octet-stream"}
    if path == "/bomb.xml":
        return 200, bomb(), {"Content-Type": "application/xml", "Content-Encoding": "gzip"}
    if path == "/robots.txt":
        return 200, robots(), {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    return {
        "/.well-known/tdmrep.json": "[" + '{"location": "/no/*x*", "tdm-reservation": 1},' * 900 + "0]",
        "/moved.xml": (301, "", {"Location": "/moved/to.xml"}),
        "/moved/to.xml": urlset("/news/moved"),
        "/loop.xml": index(f"{home}/loop.xml", f"{home}/loop/2.xml"),
        "/loop/2.xml": index(f"{home}/loop.xml", f"{home}/loop/2.xml", f"{home}/loop/good.xml"),
        "/loop/good.xml": urlset("/news/behind-the-loop"),
        "/wide.xml": index(*(f"{home}/wide/{n}.xml" for n in range(5000))),
        "/turning": (302, "", {"Location": "/turning"}),
    }.get(path)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """(crawl, paths asked for, seconds of CPU)"""
    base = []
    with site(lambda path: answers(path, base[0])) as (home, asked):
        base.append(home)
        sources = {
            "feeds": [f"{home}/dead.rss", f"{home}/turning"],
            "sitemaps": [
                f"{home}/{name}"
                for name in ("moved.xml", "million.xml.gz", "bomb.xml", "loop.xml", "deep/0.xml", "wide.xml")
            ],
            "sections": [f"{home}/calendar/1", f"{home}/endless"],
        }
        settings = {
            "SOURCE_ENTRIES": ENTRIES,
            "SECTION_PAGES": PAGES,
            "SITEMAP_FILES": FILES,
            "CONCURRENT_REQUESTS_PER_DOMAIN": 4,
            "EXTENSIONS": json.dumps({"tests.crawler.lag.Lag": 0}),
        }
        given = [part for name, value in settings.items() for part in ("-s", f"{name}={value}")]
        began = cpu_s()
        done = crawl(tmp_path_factory.mktemp("hostile"), home, *given, tables={"sources": sources})
        return done, list(asked), cpu_s() - began


def cpu_s():
    """Of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_it_ends_well_and_soon(hostile):
    done, asked, seconds = hostile
    assert done.code == 0, done.log
    assert seconds < 90
    assert len(asked) < 100


def test_what_is_good_in_it_is_found(hostile):
    done, asked, _ = hostile
    assert {"/news/moved", "/news/behind-the-loop"} <= set(asked)
    assert done.sources["/moved.xml"]["moved_to"].endswith("/moved/to.xml")


def test_a_long_robots_txt_is_read_up_to_its_bound(hostile):
    done, asked, _ = hostile
    assert len(robots()) < 500 * 1024
    assert re.search(r"'robots_cut/127.0.0.1:\d+': 1", done.log)
    assert "only the first 512000 bytes of its robots.txt are read" in done.log
    assert asked.count("/robots.txt") == 1


def test_every_candidate_has_an_outcome(hostile):
    done, asked, _ = hostile
    counts = {
        name: int(found[1])
        for name in ("articles?", "cop(?:y|ies)", "rejects?")
        if (found := re.search(rf"(\d+) {name}", done.log))
    }
    assert (
        done.record["candidates"] == sum(counts.values()) == len([p for p in asked if p.startswith("/news/")])
    )
    assert "lost/" not in done.log


def test_no_address_is_asked_for_twice(hostile):
    _, asked, _ = hostile
    assert sorted(p for p in set(asked) if asked.count(p) > 1) == ["/turning"]
    assert asked.count("/turning") == 1 + 5  # REDIRECT_MAX_TIMES


def test_dead_sources_are_named(hostile):
    done, _, _ = hostile
    assert done.sources["/dead.rss"]["error"] == "answered 404"
    assert done.sources["/turning"]["error"]
    assert "'dead_sources': " in done.log


def test_a_million_entries_give_as_many_candidates_as_the_bound_says(hostile):
    done, asked, _ = hostile
    assert len([p for p in asked if p.startswith("/news/million/")]) == ENTRIES
    assert done.sources["/million.xml.gz"]["capped"] == {"entries": 1_000_000, "followed": ENTRIES}
    assert "'capped/followed': " in done.log


def test_a_bomb_costs_its_bound(hostile):
    done, _, _ = hostile
    assert done.sources["/bomb.xml"]["capped"] == {"bytes": 50 * 2**20}
    assert done.sources["/bomb.xml"]["found"] == 0


def test_indexes_are_followed_as_deep_and_as_far_as_the_bounds_say(hostile):
    done, asked, _ = hostile
    assert [p for p in asked if p.startswith("/deep/")] == [f"/deep/{n}.xml" for n in range(MAX_DEPTH + 1)]
    assert done.sources[f"/deep/{MAX_DEPTH}.xml"]["capped"] == {"depth": MAX_DEPTH}
    assert len([p for p in asked if p.startswith("/wide/")]) == FILES
    assert done.sources["/wide.xml"]["capped"] == {"files": FILES}


def test_sections_without_an_end_are_left(hostile):
    done, asked, _ = hostile
    assert [p for p in asked if p.startswith("/calendar/")] == ["/calendar/1"]  # nothing new on it
    assert len([p for p in asked if p.startswith("/endless")]) == PAGES
    assert done.sources["/endless"]["capped"] == {"pages": PAGES}


def test_the_event_loop_is_never_held_up_for_long(hostile):
    done, _, _ = hostile
    lag = {name: float(ms) for name, ms in re.findall(r"'lag/(\w+)': ([\d.]+)", done.log)}
    assert lag["p99"] <= 50, lag
    assert lag["max"] <= 2000, lag
