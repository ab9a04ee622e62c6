"""From a response to the page that goes down the pipeline."""

from __future__ import annotations

from datetime import UTC, datetime

from scrapy.http import Response

from cleaning import Header, RawPage, canonical, host_of, page_id
from crawler.outlet_files import known_outlets

HEADERS_THAT_MATTER = (
    "content-type", "content-language", "last-modified", "etag", "date", "link", "x-robots-tag", "tdm-reservation",
    "tdm-policy",
)  # fmt: skip


def page_of(response: Response, requested_url: str | None = None, source: str | None = None) -> RawPage:
    """The RawPage of a response: all that a hand-written spider has to yield."""
    return RawPage(
        id=page_id(response.url),
        url=canonical(response.url),
        requested_url=requested_url or response.url,
        outlet=outlet_of(response.url),
        status=response.status,
        headers=tuple(
            Header(name, value.decode("latin-1"))
            for name in HEADERS_THAT_MATTER
            for value in response.headers.getlist(name)
        ),
        body=response.body,
        fetched_at=datetime.now(UTC),
        source=source,
        tdm=tuple(response.request.meta.get("tdm", ())) if response.request else (),
    )


def outlet_of(url: str) -> str:
    """The outlet's name by the address's domain; the host itself where no file knows it."""
    found = known_outlets().find(host_of(url))
    return found.key if found else host_of(url)
