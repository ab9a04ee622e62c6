"""Passes gzipped sitemaps on still compressed, so that their reader can unpack them off the event loop."""

from __future__ import annotations

from scrapy import Request
from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware
from scrapy.http import Response


class Compression(HttpCompressionMiddleware):
    """Scrapy's middleware decompresses on the event loop, and rejects a body that exceeds the allowed size. A sitemap
    (`packed` in the request's meta) passes compressed; its reader unpacks it in slices up to the size limit, in a
    thread."""

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        """The response, decompressed unless its request is `packed` and gzip is the only encoding."""
        encodings = [
            e.strip().lower() for v in response.headers.getlist("Content-Encoding") for e in v.split(b",")
        ]
        if request.meta.get("packed") and encodings and set(encodings) <= {b"gzip", b"x-gzip"}:
            return response
        return super().process_response(request, response)
