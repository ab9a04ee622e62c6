"""Downloader middleware: takes a page whose transfer ended early, but only after all retries, and with a mark.

Servers name a wrong length, or send no last chunk, and browsers show their pages all the same. Whether a page is whole
cannot be told, so it lands with `text_is_partial`. Sources and robots.txt are not taken in part: such a transfer fails.
"""

from __future__ import annotations

import logging
import zlib

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.retry import get_retry_request
from scrapy.exceptions import ResponseDataLossError
from scrapy.http import Response

from crawler.politeness.http_client import CAUSE_HEADER
from crawler.politeness.request_policy import REQUESTED_URL_KEY

log = logging.getLogger(__name__)

_FLAG = "dataloss"  # Scrapy sets it
# zlib's wbits for each content coding; deflate is sent with a header or without
_WINDOWS = {b"gzip": (31,), b"x-gzip": (31,), b"deflate": (15, -15)}
_SLICE_BYTES = 2**16
_MAX_BYTES = 8 * 2**20


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
        if REQUESTED_URL_KEY not in request.cb_kwargs:
            return response
        if not is_torn(response):
            if not _is_packed_in_part(response):
                return response
            response.flags.append(_FLAG)
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


def _is_packed_in_part(response: Response) -> bool:
    """Whether the compressed body has no end: whoever packed it was stopped, and its length fits what came."""
    encodings = b",".join(response.headers.getlist("Content-Encoding")).lower().split(b",")
    windows = _WINDOWS.get(encodings[-1].strip(), ())
    return any(_has_no_end(response.body, window) for window in windows)


def _has_no_end(body: bytes, window: int) -> bool:
    """Whether a body is packed in this way, and ends before its end. window: as zlib's wbits."""
    packed, out_bytes = zlib.decompressobj(window), 0
    try:
        for start in range(0, len(body), _SLICE_BYTES):
            piece = body[start : start + _SLICE_BYTES]
            while piece and not packed.eof:
                out_bytes += len(packed.decompress(piece, _SLICE_BYTES))
                piece = packed.unconsumed_tail
            if packed.eof or out_bytes > _MAX_BYTES:  # a bomb is refused elsewhere
                return False
    except zlib.error:  # packed in another way, or not at all
        return False
    return out_bytes > 0


def is_torn(response: Response) -> bool:
    """Whether the body may be incomplete."""
    return _FLAG in response.flags
