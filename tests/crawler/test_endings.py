"""How a crawl ended: only what is known to be good is good."""

import pytest
from scrapy import Spider
from scrapy.utils.test import get_crawler

from crawler.reports.endings import ending_of


class Picky(Spider):
    name = "picky"
    good_reasons = ("enough",)


def ending(reason, *, crawling=True, spider=Spider, **settings):
    crawler = get_crawler(spider, settings)
    crawler.spider, crawler.crawling = spider(name="x"), crawling
    return ending_of(crawler, reason)


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (ending("finished"), None),
        (ending("shutdown", crawling=False), "as asked, by SIGTERM or Ctrl-C"),
        (ending("closespider_pagecount", CLOSESPIDER_PAGECOUNT=20),
         "as asked, the answers reached 20 (CLOSESPIDER_PAGECOUNT)"),
        (ending("closespider_itemcount", CLOSESPIDER_ITEMCOUNT="10"),
         "as asked, the rows reached 10 (CLOSESPIDER_ITEMCOUNT)"),
        (ending("closespider_timeout", CLOSESPIDER_TIMEOUT="0.5"),
         "as asked, 0.5 s were over (CLOSESPIDER_TIMEOUT)"),
        (ending("lease_lost"), "another machine has the outlet"),
        (ending("enough", spider=Picky), "by the spider itself (enough)"),
    ],
)  # fmt: skip
def test_an_end_that_was_wanted_is_no_failure(ended, words):
    assert (ended.words, ended.is_failure) == (words, False)
    assert ended.is_whole is (words is None)


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (ending("memusage_exceeded", MEMUSAGE_LIMIT_MB=60),
         "the process took more than 60 MB of memory (MEMUSAGE_LIMIT_MB)"),
        (ending("closespider_errorcount", CLOSESPIDER_ERRORCOUNT=1),
         "the errors in the spider reached 1 (CLOSESPIDER_ERRORCOUNT)"),
        (ending("closespider_timeout_no_item", CLOSESPIDER_TIMEOUT_NO_ITEM=90),
         "no row came out within 90 s (CLOSESPIDER_TIMEOUT_NO_ITEM)"),
        (ending("closespider_pagecount_no_item", CLOSESPIDER_PAGECOUNT_NO_ITEM=7),
         "answers without a row reached 7 (CLOSESPIDER_PAGECOUNT_NO_ITEM)"),
        (ending("closespider_timeout"), "its close reason is 'closespider_timeout'"),  # nobody asked for it
        (ending("shutdown"), "the engine stopped by itself, on an error; the log says which"),
        (ending("start_error"), "start() of the spider failed; the log says why"),
        (ending("spool_full", SPOOL_BYTES=2**30), "the store is away, and more than 1073741824 bytes wait on disk (SPOOL_BYTES)"),
        (ending("cancelled"), "its close reason is 'cancelled'"),
        (ending("enough"), "its close reason is 'enough'"),
        (ending("bandwidth_exceeded", spider=Picky), "its close reason is 'bandwidth_exceeded'"),
        (ending(""), "its close reason is ''"),
        (ending("Finished"), "its close reason is 'Finished'"),
    ],
)  # fmt: skip
def test_any_other_end_is_a_failure_in_words(ended, words):
    assert (ended.words, ended.is_failure, ended.is_whole) == (f"stopped early: {words}", True, False)
