"""Makes a RawPage (cleaning/records.py), the item that the pipelines take, from a Scrapy response."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from scrapy.http import Response

from cleaning import Header, RawPage, canonical, host_of, page_id
from crawler.outlet_files import known_outlets
from crawler.politeness.torn_transfers import is_torn

LISTED_TITLE_META = "listed_title"  # key of a request's meta: the title that the source gave for the page
HEADERS_THAT_MATTER = (
    "content-type", "content-language", "last-modified", "etag", "date", "link", "x-robots-tag", "tdm-reservation",
    "tdm-policy",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ArchivedArticle:
    """A paginated article all of whose pages an archive holds: an item that the pipelines take as one."""

    first: RawPage
    later: tuple[RawPage, ...]  # in order, with part_of and part


def page_of(response: Response, asked: str | None = None, source: str | None = None) -> RawPage:
    """Return the RawPage of a response. A spider of your own has to yield nothing else.

    asked: the URL before redirects, if it is another one. source: the URL of the feed, sitemap or section page
    that listed the page."""
    return RawPage(
        id=page_id(response.url),
        url=canonical(response.url),
        requested_url=asked or response.url,
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
        listed_title=response.request.meta.get(LISTED_TITLE_META) if response.request else None,
        truncated="disconnect" if is_torn(response) else "unspecified" if response.status == 206 else None,
    )


def outlet_of(url: str) -> str:
    """Return the key of the outlet that owns the URL's domain; the host itself where no outlet file does."""
    known_outlet = known_outlets().find(host_of(url))
    return known_outlet.key if known_outlet else host_of(url)
