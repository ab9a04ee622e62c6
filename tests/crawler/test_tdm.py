"""Reservations of text and data mining, crawled: TDM = respect, tag, ignore."""

import json
import re

import pytest

from cleaning.metadata.reservations import is_reserved
from crawler.politeness.tdmrep import parse_rules, rule_matches
from lake.parquet.reading import table
from tests.crawler.outlet_crawl import crawl, urlset
from tests.crawler.site import site
from tests.lake.stories import page

WHERE = "/.well-known/tdmrep.json"
STORY, OTHER = (page("http://x.test/a", story).body.decode() for story in ("bridge", "library"))
ROBOTS = "User-agent: *\nAllow: /\nUser-agent: OtherBot\nDisallow: /\n"


@pytest.fixture
def crawled(tmp_path):
    """crawled(answers, *arguments) → (crawl, paths asked for, rows(table))."""

    def crawled(answers, *arguments):
        listed = urlset(*(path for path in answers if path.startswith("/news/")))
        with site({"/robots.txt": ROBOTS, "/map.xml": listed, **answers}.get) as (home, asked):
            done = crawl(tmp_path, home, *arguments, tables={"sources": {"sitemaps": [f"{home}/map.xml"]}})
        assert done.code == 0, done.log
        return done, asked, lambda name: table(str(tmp_path / "lake"), name).to_pylist()

    return crawled


def rep(*rules):
    """(location, value) as a tdmrep.json."""
    return json.dumps([{"location": place, "tdm-reservation": value} for place, value in rules])


def told(done):
    return re.search(r"^mine: (.*) → /", done.log, re.M)[1]


BEFORE = {WHERE: rep(("/news/a", 1), ("/*", 0)), "/news/a": STORY, "/news/b": OTHER}


def test_what_the_host_reserves_is_not_fetched(crawled):
    done, asked, rows = crawled(BEFORE)
    assert asked.count(WHERE) == 1
    assert "/news/a" not in asked
    (reject,) = rows("rejects")
    assert (reject["reason"], reject["status"]) == ("tdm_reserved", None)
    assert reject["tdm"] == ["robots.txt forbids it to: otherbot", "tdmrep.json /news/a: 1"]
    assert [(row["tdm"][1:], row["tdm_reserved"]) for row in rows("articles")] == [
        (["tdmrep.json /*: 0"], False)
    ]
    assert "1 left because text and data mining is reserved (TDM)" in told(done)


AFTER = {
    "/news/a": STORY.replace("<head>", "<head><meta name='robots' content='noai'>"),
    "/news/b": (200, OTHER, {"TDM-Reservation": "1"}),
}


def test_what_a_page_reserves_leaves_no_body(crawled):
    assert "noai" in AFTER["/news/a"]
    done, _, rows = crawled(AFTER)
    assert {row["reason"] for row in rows("rejects")} == {"tdm_reserved"}
    assert [row["body"] for row in rows("raw")] == [b"", b""]
    found = {line for row in rows("raw") for line in row["tdm"]}
    assert found == {"robots.txt forbids it to: otherbot", "meta robots: noai", "header tdm-reservation: 1"}
    assert rows("articles") == []
    assert "2 left because text and data mining is reserved" in told(done)


def test_tag_fetches_and_says_so_in_the_row(crawled):
    done, asked, rows = crawled({**BEFORE, "/news/b": AFTER["/news/b"]}, "-s", "TDM=tag")
    assert WHERE in asked
    assert {(row["tdm_reserved"], row["tdm"][-1]) for row in rows("articles")} == {
        (True, "tdmrep.json /news/a: 1"),
        (True, "header tdm-reservation: 1"),
    }
    assert "reserved" not in told(done)


def test_ignore_does_not_ask_and_leaves_nothing_out(crawled):
    _, asked, rows = crawled({**BEFORE, "/news/b": AFTER["/news/b"]}, "-s", "TDM=ignore")
    assert WHERE not in asked
    assert len(rows("articles")) == 2


def test_a_policy_that_is_none_ends_the_crawl_with_2(tmp_path):
    done = crawl(tmp_path, "http://127.0.0.1:9", "-s", "TDM=perhaps")
    assert done.code == 2
    assert "TDM: 'perhaps'; expected respect, tag or ignore" in done.log


@pytest.mark.parametrize("status", [404, 503])
def test_a_host_without_the_file_reserves_nothing(crawled, status):
    _, _, rows = crawled({WHERE: (status, "", {}), "/news/a": STORY})
    assert len(rows("articles")) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"{}", b"[1, null, []]", b"[" * 100_000, b'[{"location": 1, "tdm-reservation": 1}]'],
)
def test_what_is_no_list_of_rules_holds_none(body):
    assert parse_rules(body) == []


@pytest.mark.parametrize(
    ("place", "path", "expected"),
    [
        ("/", "/news/a", True),
        ("/news", "/news/a", True),
        ("/news/", "/new", False),
        ("/*.html$", "/a/b.html", True),
        ("/*.html$", "/a/b.html?p=2", False),
        ("/*/print", "/a/print/2", True),
        ("/a$", "/a", True),
        ("/a$", "/ab", False),
        ("*", "/a", True),
        ("/a*b*b$", "/ab", False),
        ("/" + "*a" * 200 + "$", "/" + "a" * 2000 + "b", False),  # at once
    ],
)
def test_places_are_patterns_as_in_robots_txt(place, path, expected):
    assert rule_matches(place, path) is expected


def test_more_rules_than_can_be_matched_in_time_reserve_the_rest():
    rules = parse_rules(rep(*((f"/free/{n}", 0) for n in range(1500))).encode())
    assert len(rules) == 1001
    assert rules[-1] == ("*", "tdmrep.json (more than can be read): 1")
    rules = parse_rules(rep(("/a", 0), ("/" + "*a" * 40_000, 0)).encode())
    assert [place for place, _ in rules] == ["/a", "*"]
    assert parse_rules(b'\xef\xbb\xbf [{"location": "/a"', is_cut=True) == rules[-1:]
    assert parse_rules(b"<!doctype html><p>" * 100, is_cut=True) == []


def test_a_place_cannot_speak_for_its_rule():
    (rule,) = parse_rules(b'[{"location": "/a: 0 \\ud800\\n", "tdm-reservation": 1}]')
    assert rule[1] == "tdmrep.json /a:?0???: 1"
    assert is_reserved([rule[1]])
