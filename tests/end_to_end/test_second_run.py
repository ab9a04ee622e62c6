"""The newsroom crawled twice in a row: what the second run asks for, and what it costs the sites."""

import re
import resource

import pytest

from demo.newsroom import Newsroom
from tests.end_to_end.newsroom_crawl import newsroom_crawl

pytestmark = pytest.mark.xdist_group("second run")

MOST_BYTES = 20_000  # of one outlet
MOST_CPU_S = 3.0
BUSY = 2.0  # how much longer the same takes on a machine that has other work, and compiles what it loads


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    """(crawl, rows after the first run, rows after the second, requests of the second, its CPU seconds)."""
    folder = tmp_path_factory.mktemp("twice")
    with Newsroom(port=0) as room:
        crawl = newsroom_crawl(room, folder, str(folder / "lake"))
        assert set(crawl.run().values()) == {0}, crawl.errors
        before, asked, began_s = crawl.counts(), len(room.requests), cpu_s()
        assert set(crawl.run().values()) == {0}, crawl.errors
        yield crawl, before, crawl.counts(), room.requests[asked:], cpu_s() - began_s


def cpu_s():
    """Of all processes that have ended, with those that they had started."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def latest(crawl):
    return crawl.records()[-len(crawl.spiders) :]


def test_it_lands_no_row(second):
    _, before, after, *_ = second
    assert after == before
    assert before["articles"] > 0


def test_it_asks_each_source_once_and_nothing_else(second):
    crawl, _, _, asked, _ = second
    sources = [re.sub(r"^https?://(?:www\.)?", "", url) for r in latest(crawl) for url in r["sources"]]
    paths = sorted(f"{r.host}:{crawl.room.port}{r.path}" for r in asked)
    assert paths == sorted(sources)  # robots.txt and tdmrep.json are kept for a day


def test_each_source_that_answers_says_that_nothing_has_changed(second):
    crawl, *_ = second
    sources = [facts for record in latest(crawl) for facts in record["sources"].values()]
    living = [facts for facts in sources if not facts["error"]]
    assert living
    assert all(facts["unchanged"] for facts in living)


def test_it_costs_an_outlet_little(second):
    crawl, *_ = second
    assert max(record["bytes_received"] for record in latest(crawl)) <= MOST_BYTES


def test_it_costs_this_machine_little(second):
    crawl, *_, spent_s = second
    an_outlet = spent_s / len(crawl.spiders)  # a process each
    print(f"{an_outlet:.2f} s of CPU for an outlet")
    assert an_outlet <= MOST_CPU_S * BUSY


def test_it_says_why_there_is_so_little(second):
    crawl, *_ = second
    for told in crawl.errors.values():
        assert re.search(r"\d+ sources? unchanged → nothing new → ", told), told
