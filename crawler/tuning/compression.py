"""Decompresses answers; passes gzipped lists on still compressed, so that their reader can unpack them off the event
loop, and stops their download at its bound."""

from __future__ import annotations

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware
from scrapy.exceptions import DownloadFailedError, IgnoreRequest, StopDownload
from scrapy.http import Response
from scrapy.responsetypes import responsetypes


class Compression(HttpCompressionMiddleware):
    """Scrapy's middleware decompresses on the event loop, and rejects a body that exceeds the allowed size. The answer
    to a request whose meta has `packed` (a number of bytes) passes compressed; its reader unpacks it in slices up to
    the size limit, in a thread. Of a body with more bytes the first ones pass, flagged as `download_stopped`. Scrapy's also
    fails on a page that is sent as it is, and says that it were compressed."""

    def __init__(self, *, crawler: Crawler) -> None:
        super().__init__(crawler=crawler)
        crawler.signals.connect(self._on_bytes_received, signals.bytes_received)

    def process_request(self, request: Request) -> Request | Response | None:  # type: ignore[override]
        """Begin to count the bytes of the answer; a retry begins anew."""
        if request.meta.get("packed"):
            request.meta["packed_received"] = 0
        return super().process_request(request)

    def _on_bytes_received(self, data: bytes, request: Request) -> None:
        if bound := request.meta.get("packed"):
            request.meta["packed_received"] += len(data)
            if request.meta["packed_received"] > bound:
                raise StopDownload(fail=False)

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        """The response, decompressed unless its request is `packed` and gzip is the only encoding. Raises
        DownloadFailedError where the body is neither compressed as it says nor markup."""
        bound = request.meta.get("packed")
        encodings = [
            e.strip().lower() for v in response.headers.getlist("Content-Encoding") for e in v.split(b",")
        ]
        if bound and encodings and set(encodings) <= {b"gzip", b"x-gzip"}:
            return response
        if bound:  # the request has no download_maxsize of its own, and any other packing may be a bomb
            request = request.replace(meta={**request.meta, "download_maxsize": bound})
        try:
            return super().process_response(request, response)
        except IgnoreRequest:  # too large
            raise
        except Exception as error:  # each decompressor has its own
            if not response.body.lstrip().startswith(b"<"):
                names = b", ".join(encodings).decode("latin-1")
                raise DownloadFailedError(
                    f"the body is not what Content-Encoding says ({names}): {error or type(error).__name__}"
                ) from error
        headers = response.headers.copy()
        del headers["Content-Encoding"]
        kind = responsetypes.from_args(headers=headers, url=response.url, body=response.body)
        return response.replace(cls=kind, headers=headers)
