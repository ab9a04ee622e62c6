"""The demonstration newsroom against its gold: what a user gets from `scrapy crawl`, into a folder and into S3."""

import io
import re
from collections import Counter, defaultdict
from datetime import timedelta

import pyarrow.parquet as pq
import pytest

from demo.newsroom import Newsroom
from lake.jobs.story_clusters import cluster_lake
from lake.schema.records import STORY_TABLES
from lake.storage.open_store import open_store
from tests.end_to_end.newsroom_crawl import by_id, newsroom_crawl

pytestmark = pytest.mark.xdist_group("newsroom")

REDIRECTING = "/seaweed-house/"


@pytest.fixture(scope="module", params=["folder", "s3"])
def crawl(request, tmp_path_factory):
    """Day one, crawled once."""
    folder = tmp_path_factory.mktemp(request.param)
    with Newsroom(day=1) as room:
        if request.param == "folder":
            crawl = newsroom_crawl(room, folder, str(folder / "lake"))
        else:
            patch = request.getfixturevalue("session_environ")
            store = request.getfixturevalue("object_store")
            crawl = newsroom_crawl(room, folder, store.bucket("newsroom-test") + "/lake", patch)
        crawl.codes = crawl.run()
        yield crawl


def squash(text):
    return " ".join(text.split())


def test_every_crawl_exits_0(crawl):
    assert set(crawl.codes.values()) == {0}, crawl.errors


def test_every_gold_article_landed_once(crawl):
    landed = Counter(r["id"] for t in STORY_TABLES for r in crawl.rows(t))
    assert landed == dict.fromkeys(_story_of(crawl), 1)


def test_every_gold_copy_is_linked_to_its_story_and_no_other(crawl):
    told, found = defaultdict(set), defaultdict(set)
    for id_, story in _story_of(crawl).items():
        told[story].add(id_)
    for row in crawl.kept().values():
        found[row["story_id"]].add(row["id"])
    assert sorted(map(sorted, found.values())) == sorted(map(sorted, told.values()))


def _story_of(crawl):
    """Gold story by page id; of the aliases those that answer under an address of their own."""
    return {
        id_: page.story
        for id_, page in by_id(crawl.gold).items()
        if page.outcome in ("article", "copy", "alias") and not page.url.endswith(REDIRECTING)
    }


def test_no_template_page_is_merged(crawl):
    templates = {id_ for id_, page in by_id(crawl.gold).items() if page.template}
    rows = [r for r in crawl.kept().values() if r["id"] in templates]
    assert len(rows) == len(templates) > 5
    assert {r["relation"] for r in rows} == {None}


def test_a_page_under_two_addresses_is_an_alias_of_itself(crawl):
    """Which of the two addresses came first is a matter of timing."""
    aliases = {id_: page for id_, page in by_id(crawl.gold).items() if page.outcome == "alias"}
    links = [r for r in crawl.rows("copies") if r["relation"] == "alias"]
    assert len(links) == sum(not page.url.endswith(REDIRECTING) for page in aliases.values()) > 0
    assert all(r["id"] in aliases or r["copy_of"] in aliases for r in links)


def test_every_body_line_is_kept(crawl):
    rows = {r["id"]: r for r in crawl.kept().values()}
    lost = {
        page.url: [line for line in page.text_lines if squash(line) not in squash(rows[id_]["text"])]
        for id_, page in by_id(crawl.gold).items()
        if page.outcome in ("article", "copy")
    }
    assert {url: lines for url, lines in lost.items() if lines} == {}


def test_no_clutter_line_is_left_in_any_text(crawl):
    rows = {r["id"]: r for r in crawl.kept().values()}
    left = {}
    for id_, page in by_id(crawl.gold).items():
        if page.outcome in ("article", "copy"):
            lines = [squash(line) for line in rows[id_]["text"].splitlines()]
            found = [c for c in page.clutter_lines if _stands_in(squash(c), lines)]
            found += [t for t in (page.title, page.summary) if t and squash(t) in lines]
            if found:
                left[page.url] = found
    assert left == {}


def _stands_in(clutter, lines):
    return clutter in lines or (len(clutter.split()) >= 4 and any(clutter in line for line in lines))


@pytest.mark.parametrize("field", ["title", "summary", "language"])
def test_the_fields_are_those_of_the_gold(crawl, field):
    rows = {r["id"]: r for r in crawl.kept().values()}
    wrong = {
        page.url: (rows[id_][field], getattr(page, field))
        for id_, page in by_id(crawl.gold).items()
        if page.outcome in ("article", "copy")
        and squash(rows[id_][field] or "") != squash(getattr(page, field) or "")
    }
    assert wrong == {}


def test_the_ai_disclosures_and_rights_stand_in_their_columns(crawl):
    rows = {r["id"]: r for r in crawl.kept().values()}
    pages = {i: p for i, p in by_id(crawl.gold).items() if p.outcome in ("article", "copy")}
    for name in ("ai_disclosure", "rights"):
        told = {i: getattr(p, name) for i, p in pages.items() if getattr(p, name)}
        assert told
        missing = {
            pages[i].url: rows[i][name]
            for i, text in told.items()
            if squash(text) not in squash(rows[i][name] or "")
        }
        assert missing == {}, name


def test_authors_and_dates_are_those_of_the_gold(crawl):
    rows = {r["id"]: r for r in crawl.kept().values()}
    pages = {i: p for i, p in by_id(crawl.gold).items() if p.outcome in ("article", "copy")}
    assert {
        p.url: rows[i]["authors"] for i, p in pages.items() if rows[i]["authors"] != list(p.authors)
    } == {}
    wrong = {
        p.url: rows[i]["published_at"]
        for i, p in pages.items()
        if p.published_at and not _same_day(rows[i], p)
    }
    assert wrong == {}


def _same_day(row, page):
    return row["published_at"] is not None and row["published_at"].date() == page.published_at.date()


def test_every_reject_has_its_reason(crawl):
    told = {p.url: p.reason for p in crawl.gold if p.outcome == "reject"}
    assert {r["url"].rstrip("/"): r["reason"] for r in crawl.rows("rejects")} == {
        u.rstrip("/"): r for u, r in told.items()
    }


def test_every_candidate_has_exactly_one_outcome(crawl):
    for record in crawl.records():
        outcomes = sum(
            record["counts"].get(n, 0) for n in ("articles", "copies", "revisions", "rejects", "unchanged")
        )
        assert outcomes == record["candidates"], record["spider"]
        assert record["spider_errors"] == 0
    assert sum(r["candidates"] for r in crawl.records()) == sum(
        p.outcome != "not_a_candidate" for p in crawl.gold
    )


def test_raw_holds_every_fetched_page_that_gave_a_row(crawl):
    rows = [
        r["id"]
        for t in ("articles", "copies", "revisions", "rejects")
        for r in crawl.rows(t)
        if r.get("reason") != "robots"
    ]
    assert Counter(r["id"] for r in crawl.rows("raw")) == Counter(rows)


def test_dead_sources_are_named_and_the_others_go_on(crawl):
    dead = {url for r in crawl.records() for url, s in r["sources"].items() if s["error"]}
    assert {re.sub(r":\d+", "", url) for url in dead} == {
        "http://ambercoastherald.test/podcast/feed/",
        "http://karstledger.test/feed/",
    }


def test_no_private_address_robots_page_or_decoy_was_fetched(crawl):
    asked = {(r.host, r.path.partition("?")[0].rstrip("/")) for r in crawl.room.requests}
    decoys = [p for p in crawl.gold if p.outcome == "not_a_candidate" or p.reason == "robots"]
    assert len(decoys) > 10
    fetched = {
        p.url for p in decoys
        if p.url.startswith("http") and (p.url.split("/")[2].partition(":")[0], "/" + p.url.split("/", 3)[3].rstrip("/")) in asked
    }  # fmt: skip
    assert fetched == set()


def test_robots_txt_comes_first_and_the_contactless_agent_says_so(crawl):
    for host in crawl.room.hosts:
        mine = [r for r in crawl.room.requests if r.host == host]
        assert mine[0].path == "/robots.txt"
        assert {r.user_agent for r in mine} == {"pressline/0.1 (private networks only)"}


def test_the_same_crawl_again_fetches_no_page_and_adds_no_row_but_its_run_records(crawl):
    before, records, asked = crawl.counts(), len(crawl.records()), len(crawl.room.requests)
    assert set(crawl.run().values()) == {0}
    for file in crawl.place.state.glob("index-*"):
        file.unlink()
    assert set(crawl.run().values()) == {0}
    assert crawl.counts() == before
    again = crawl.records()[records:]
    assert len(again) == 2 * len(crawl.spiders)
    assert [record["candidates"] for record in again] == [0] * len(again)
    pages = {(p.url.split("/")[2].partition(":")[0], "/" + p.url.split("/", 3)[3]) for p in crawl.gold}
    assert not {(r.host, r.path.partition("?")[0]) for r in crawl.room.requests[asked:]} & pages


def test_a_fresh_crawl_fetches_every_page_and_finds_nothing_new(crawl):
    before, asked = crawl.counts(), len(crawl.room.requests)
    assert set(crawl.run("-a", "fresh=1").values()) == {0}
    assert crawl.counts() == before
    assert len(crawl.room.requests) - asked > before["raw"]


def test_the_next_day_brings_new_stories_a_late_copy_and_a_revision(crawl):
    before = {(r["id"], r["content_hash"]) for r in crawl.kept().values()}
    crawl.room.turn_to(2)
    crawl.day = 2
    # the newsroom's stories are dated long before the crawl
    assert set(crawl.run("-s", "CHANGE_WINDOW_DAYS=100000", "-s", "CHANGE_INTERVAL_S=0").values()) == {0}
    new = {key: row for key, row in crawl.kept().items() if key not in before}
    told = Counter("revision" if p.revised else p.outcome for p in crawl.gold if p.day == 2 or p.revised)
    known = {id_ for id_, _ in before}
    found = Counter(
        "revision" if r["id"] in known else "copy" if r["relation"] else "article" for r in new.values()
    )
    assert found == told
    assert min(told["revision"], told["copy"], told["article"]) > 0
    test_every_gold_copy_is_linked_to_its_story_and_no_other(crawl)


def test_a_batch_over_the_lake_chooses_the_right_originals(crawl):
    store, gold_of = open_store(crawl.place.lake), by_id(crawl.gold)
    done = cluster_lake(store, timedelta(days=30))
    stories = defaultdict(list)
    for row in pq.read_table(io.BytesIO(store.get(done.key))).to_pylist():
        stories[row["story_id"]].append(row)
    judged = [
        gold_of[rows[0]["original_id"]].outcome in ("article", "alias")
        for rows in stories.values()
        if "copy" in {gold_of[row["id"]].outcome for row in rows}
    ]
    assert len(judged) >= 5
    assert sum(judged) >= 0.95 * len(judged)
