"""Log lines about items: an item is named, not printed, for it holds a whole page. Scrapy's setting LOG_FORMATTER."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scrapy import Spider
from scrapy.http import Response
from scrapy.logformatter import LogFormatter, LogFormatterResult
from twisted.python.failure import Failure

from cleaning import RawPage
from lake.schema.records import ProcessedPage, Reject


class ItemNames(LogFormatter):
    """Scrapy's log lines, with the pages and rows of this project in short form."""

    def scraped(self, item: Any, response: Response | Failure | None, spider: Spider) -> LogFormatterResult:
        return super().scraped(short_form(item), response, spider)

    def dropped(
        self, item: Any, exception: BaseException, response: Response | Failure | None, spider: Spider
    ) -> LogFormatterResult:
        named = short_form(item)
        line = super().dropped(named, exception, response, spider)
        if named is not item:
            is_told = named.rpartition(" ")[2] in str(exception)  # as crawler/pipeline/land.py does
            line["msg"] = "Dropped: %(exception)s" if is_told else "Dropped: %(exception)s; %(item)s"
        return line

    def item_error(
        self, item: Any, exception: BaseException, response: Response | Failure | None, spider: Spider
    ) -> LogFormatterResult:
        return super().item_error(short_form(item), exception, response, spider)


def short_form(item: Any) -> Any:
    """Return what the log says of an item: `page <URL>`, `articles row <URL>`; another item as it is."""
    if isinstance(item, RawPage):
        return f"page {item.requested_url}"
    if isinstance(item, Reject):
        return f"{item.reason} reject {item.requested_url}"
    if isinstance(item, ProcessedPage):
        return short_form(item.page or item.reject)
    if isinstance(item, Mapping) and "table" in item and "url" in item:  # crawler/pipeline/land.py
        return f"{item['table']} row {item['url']}"
    return item
