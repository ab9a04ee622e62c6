"""Decompresses answers; passes gzipped sitemaps on still compressed, so that their reader can unpack them off the event
loop."""

from __future__ import annotations

from scrapy import Request
from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware
from scrapy.exceptions import DownloadFailedError, IgnoreRequest
from scrapy.http import Response
from scrapy.responsetypes import responsetypes


class Compression(HttpCompressionMiddleware):
    """Scrapy's middleware decompresses on the event loop, and rejects a body that exceeds the allowed size. A sitemap
    (`packed` in the request's meta) passes compressed; its reader unpacks it in slices up to the size limit, in a
    thread. Scrapy's also fails on a page that is sent as it is, and says that it were compressed."""

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        """The response, decompressed unless its request is `packed` and gzip is the only encoding. Raises
        DownloadFailedError where the body is neither compressed as it says nor markup."""
        encodings = [
            e.strip().lower() for v in response.headers.getlist("Content-Encoding") for e in v.split(b",")
        ]
        if request.meta.get("packed") and encodings and set(encodings) <= {b"gzip", b"x-gzip"}:
            return response
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
