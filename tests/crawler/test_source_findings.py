"""What the sources of an outlet mean for its crawl: one rule for an outlet alone and among all."""

import pytest

from crawler.reports.source_findings import findings, why_failed

GOOD = {"kind": "feed", "found": 3, "error": None}
EMPTY = {"kind": "feed", "found": 0, "error": None}
DEAD = {"kind": "feed", "found": 0, "error": "answered 404"}
TORN = {"kind": "feed", "found": 2, "error": None, "damaged": "the transfer broke off", "torn": True}
DAMAGED = {"kind": "sitemap", "found": 2, "error": None, "damaged": "XML: line 2"}
UNUSABLE = {
    "kind": "sitemap",
    "found": 0,
    "error": None,
    "unusable": "3 addresses listed, none of the outlet",
}
BOUND = {"kind": "feed", "found": 9, "error": None, "capped": {"entries": 60_000, "bytes": 50}}
UNSEEN_HOME = {"kind": "home", "found": 0, "error": None}
INDEX = {"kind": "sitemap", "found": 0, "error": None, "children": 2}


def child(facts, of="/index"):
    return {**facts, "named_by": of}


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        ({}, None),
        ({"/a": GOOD}, None),
        ({"/a": EMPTY}, None),
        ({"/a": BOUND}, None),
        ({"/a": DAMAGED}, None),
        ({"/a": GOOD, "/b": DEAD, "/c": UNUSABLE}, None),
        ({"/a": EMPTY, "/b": TORN}, None),
        ({"/a": INDEX}, None),  # nothing in it is new
        ({"/index": INDEX, "/1": child(DEAD), "/2": child(GOOD)}, None),
        ({"/a": DEAD}, "no source answered: /a: answered 404"),
        ({"/a": DEAD, "/b": DEAD}, "no source answered: /a: answered 404, and 1 more"),
        ({"/a": TORN}, "every source failed: /a: the transfer broke off"),
        ({"/a": UNUSABLE}, "every source failed: /a: 3 addresses listed, none of the outlet"),
        ({"/a": TORN, "/b": DEAD}, "every source failed: /a: the transfer broke off, and 1 more"),
        ({"/a": DEAD, "/": UNSEEN_HOME}, "no source answered: /a: answered 404"),
        (
            {"/index": INDEX, "/1": child(DEAD), "/2": child(DEAD)},
            "no source answered: /1: answered 404, and 1 more",
        ),
        (
            {"/index": INDEX, "/i": child(INDEX), "/1": child(DEAD, "/i")},
            "no source answered: /1: answered 404",
        ),
        ({"/index": {**INDEX, "unusable": "no"}}, "every source failed: /index: no"),
    ],
)
def test_a_crawl_has_failed_where_each_of_its_sources_has(sources, told):
    assert why_failed(sources) == told


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (EMPTY, []),
        (DEAD, ["1 source failed: /b: answered 404"]),
        (UNUSABLE, ["1 source listed nothing usable: /b: 3 addresses listed, none of the outlet"]),
        (TORN, ["1 source read only in part: /b: the transfer broke off"]),
        (DAMAGED, ["1 source read only in part: /b: XML: line 2"]),
        (
            BOUND,
            ["1 source read only in part: /b: as far as SITEMAP_ENTRIES (60000), SITEMAP_BYTES (50) goes"],
        ),
    ],
)
def test_what_one_of_several_sources_lacks_is_told(facts, told):
    assert list(findings({"/a": GOOD, "/b": facts})) == told


def test_of_many_an_example_is_told():
    assert list(findings({"/a": GOOD, "/b": DEAD, "/c": DEAD})) == [
        "2 sources failed: /b: answered 404, and 1 more"
    ]


def test_what_the_fault_tells_is_not_told_again():
    assert list(findings({"/a": TORN})) == []


def test_a_sitemap_without_articles_beside_others_of_its_index_is_nothing_to_tell():
    sources = {"/index": INDEX, "/1": child(UNUSABLE), "/2": child(GOOD)}
    assert list(findings(sources)) == []
    assert list(findings({**sources, "/2": child(DEAD), "/c": GOOD}))[1].startswith(
        "1 source listed nothing usable: /1"
    )


def test_children_with_nothing_but_a_lastmod_of_long_ago_fail_their_index_alone_together():
    frozen = child({"frozen": "9 addresses listed, each with a lastmod of long ago"})
    sources = {"/index": GOOD, "/a": frozen}
    assert (
        why_failed(sources) == "every source failed: /a: 9 addresses listed, each with a lastmod of long ago"
    )
    assert list(findings({**sources, "/feed": GOOD})) == [
        "1 source listed nothing usable: /a: 9 addresses listed, each with a lastmod of long ago"
    ]
    assert list(findings({**sources, "/b": child({})})) == []
