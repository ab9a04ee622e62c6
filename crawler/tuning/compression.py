"""Bodies that are unpacked where they are read."""

from __future__ import annotations

from scrapy import Request
from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware
from scrapy.http import Response


class Compression(HttpCompressionMiddleware):
    """Scrapy unpacks on the event loop and refuses what is larger than allowed; a sitemap (`packed` in the request's
    meta) is unpacked in slices by its reader, as far as the bound goes, in a thread."""

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        packed = [
            e.strip().lower() for v in response.headers.getlist("Content-Encoding") for e in v.split(b",")
        ]
        if request.meta.get("packed") and packed and set(packed) <= {b"gzip", b"x-gzip"}:
            return response
        return super().process_response(request, response)
