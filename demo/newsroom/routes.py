"""Every address of one day and what it answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from demo.newsroom import feeds
from demo.newsroom.pages import Page, Stray, pages, strays
from demo.newsroom.sites import SITES, Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

HTML = "text/html; charset=utf-8"
XML = "application/xml; charset=utf-8"
RSS = "application/rss+xml; charset=utf-8"
ATOM = "application/atom+xml; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Response:
    body: str
    content_type: str = HTML
    status: int = 200
    location: str | None = None


Routes = dict[tuple[str, str], Response]  # (host, path with its query) to answer


def routes(day: int, port: int, corrected_at: datetime) -> Routes:
    """corrected_at: when the day's corrections were made, as feeds tell it."""
    return {
        (site.domain, path): answer for site in SITES for path, answer in _of(site, day, port, corrected_at)
    }


def _of(site: Site, day: int, port: int, corrected_at: datetime) -> Iterator[tuple[str, Response]]:
    base = site.base(port)
    today = pages(site.name, day)
    yield "/robots.txt", Response(site.robots, PLAIN)
    for page in today:
        yield site.markup.path(page), Response(site.markup.render(page, base).html)
    for stray in strays(site.name):
        if stray.href.startswith("/"):
            yield stray.href, _stray(site, stray, today, base)
    for section in ("/", *site.sections):
        links = section_links(site, section, today)
        yield section, Response(site.markup.listing(section.strip("/").title() or site.title, links))
    yield from _feeds(site, today, base, corrected_at)


def section_links(site: Site, section: str, today: list[Page]) -> list[tuple[str, str]]:
    """(address, headline) of a section page, newest first; "/" lists every section."""
    name = section.strip("/")
    own = [(site.markup.path(page), page.title) for page in today if name in ("", page.section)]
    rest = [(stray.href, stray.label) for stray in strays(site.name) if name in ("", stray.section)]
    return own + rest


def _feeds(
    site: Site, today: list[Page], base: str, corrected_at: datetime
) -> Iterator[tuple[str, Response]]:
    if site.feed:
        listed = [feed_entry(site, page, base, corrected_at) for page in today]
        if site.feed.startswith("/atom"):
            yield site.feed, Response(feeds.atom(site.title, base, listed), ATOM)
        else:
            yield site.feed, Response(feeds.rss(site.title, base, listed), RSS)
    if site.broken == "/feed/":
        yield site.broken, Response("<h1>404 Not Found</h1>", HTML, 404)
    elif site.broken:
        yield site.broken, Response(feeds.torn(site.title), XML)


def feed_entry(site: Site, page: Page, base: str, corrected_at: datetime) -> feeds.Entry:
    summary = page.standfirst or (page.lines[0] if page.lines else page.title)
    updated = corrected_at if page.modified else page.published
    return feeds.Entry(page.title, base + site.markup.path(page), summary, page.published, updated)


def _stray(site: Site, stray: Stray, today: list[Page], base: str) -> Response:
    """A second address shows the page, an old one redirects to it, any other shows its label."""
    body = f"<!DOCTYPE html><html><head><title>{escape(stray.label)}</title></head>"
    body += f"<body><h1>{escape(stray.label)}</h1></body></html>"
    if not stray.of:
        return Response(body, status=stray.status)
    page = next(page for page in today if page.slug == stray.of)
    if stray.status == 301:
        return Response(body, status=301, location=base + site.markup.path(page))
    html = site.markup.render(page, base).html
    return Response(re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL))
