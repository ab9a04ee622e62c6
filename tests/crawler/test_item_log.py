"""The log names items; it does not print a page."""

import logging

import pytest
from scrapy import Spider
from scrapy.exceptions import DropItem
from scrapy.utils.log import logformatter_adapter
from scrapy.utils.project import get_project_settings
from scrapy.utils.test import get_crawler

from crawler.reports.item_log import ItemNames
from lake.schema.records import ProcessedPage, reject
from tests.lake.stories import page

URL = "http://x.test/a"
PAGE = page(URL, "bridge")
REJECT = reject(PAGE, "too_short", "4 words")
ROW = {"table": "articles", "url": URL, "title": "t", "text": "long " * 1000}


@pytest.fixture
def said(caplog):
    """What the log says of an item's way."""
    spider, names = Spider.from_crawler(get_crawler(Spider), name="x"), ItemNames()
    caplog.set_level(logging.DEBUG)

    def said(way, item, *exception):
        line = getattr(names, way)(item, *exception, response=None, spider=spider)
        logging.getLogger("x").log(*logformatter_adapter(line))
        return caplog.messages[-1]

    return said


@pytest.mark.parametrize(
    ("item", "name"),
    [
        (PAGE, f"page {URL}"),
        (ProcessedPage(PAGE), f"page {URL}"),
        (ProcessedPage(None, reject=REJECT), f"too_short reject {URL}"),
        (REJECT, f"too_short reject {URL}"),
        (ROW, f"articles row {URL}"),
        ({"own": 1}, "{'own': 1}"),  # of another pipeline: as Scrapy has it
    ],
)
def test_an_item_is_named(said, item, name):
    assert said("item_error", item, ValueError("x")) == f"Error processing {name}"
    assert said("scraped", item).splitlines()[-1] == name


def test_why_it_was_dropped_stands_in_the_same_line(said):
    assert said("dropped", PAGE, DropItem("seen by mine")) == f"Dropped: seen by mine; page {URL}"
    ours = DropItem(f"no article (too_short): {URL}", log_level="INFO")
    assert said("dropped", ProcessedPage(PAGE), ours) == f"Dropped: no article (too_short): {URL}"


def test_the_project_uses_it():
    assert get_project_settings()["LOG_FORMATTER"] == "crawler.reports.item_log.ItemNames"
