"""Downloader middleware: takes a page whose transfer ended early, but only after all retries, and with a mark.

Servers name a wrong length, or send no last chunk, and browsers show their pages all the same. Whether a page is whole
cannot be told, so it lands with `text_is_partial`. Sources and robots.txt are not taken in part: such a transfer fails.
"""

from __future__ import annotations

import logging

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.retry import get_retry_request
from scrapy.exceptions import ResponseDataLossError
from scrapy.http import Response

from crawler.politeness.http_client import CAUSE_HEADER
from crawler.politeness.request_policy import REQUESTED_URL_KEY

log = logging.getLogger(__name__)

_FLAG = "dataloss"  # Scrapy sets it


class TornTransfers:
    """Downloader middleware in front of the decompression, which may fail on half a body."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self._retries = crawler.settings.getbool("RETRY_ENABLED")

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> TornTransfers:
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        """Have the body of a candidate, or of a later page of an article, whole or not."""
        if REQUESTED_URL_KEY in request.cb_kwargs:
            request.meta.setdefault("download_fail_on_dataloss", False)

    def process_response(self, request: Request, response: Response) -> Request | Response:
        """The response, or another request while retries are left. Raises ResponseDataLossError for a body of which
        nothing came."""
        if not is_torn(response) or REQUESTED_URL_KEY not in request.cb_kwargs:
            return response
        assert self.crawler.spider
        assert self.crawler.stats
        cause = response.headers.get(CAUSE_HEADER)
        why = f"the answer ended before its end: {cause.decode('latin-1') if cause else 'the connection was closed'}"
        if self._retries and not request.meta.get("dont_retry"):
            retry = get_retry_request(request, spider=self.crawler.spider, reason=ResponseDataLossError(why))
            if retry:
                return retry
        if not response.body:
            raise ResponseDataLossError(why)
        self.crawler.stats.inc_value("torn_pages")
        log.warning("%s is taken as far as it came: %s", request.url, why)
        return response


def is_torn(response: Response) -> bool:
    """Whether the body may be incomplete."""
    return _FLAG in response.flags
