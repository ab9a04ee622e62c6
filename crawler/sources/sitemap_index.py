"""Chooses which sitemaps of an index are opened: those with fresh news, or those of an archive's window."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlsplit

from crawler.sources.day_span import DaySpan
from crawler.sources.entries import Entry, Listing, newest
from crawler.sources.url_dates import sitemap_days
from outlets import Outlet

# names that publishing systems give to sitemaps without articles; used where the outlet file has no sitemaps_allow
_NO_ARTICLES = re.compile(
    r"(?:^|[/_.=-])(?:categor(?:y|ies)|tags?|post_tag|topics?|authors?|users?|taxonom(?:y|ies)|images?|videos?|podcasts?|pages?|"
    r"page-sitemap|nav|static|sections?|web-?stor(?:y|ies)|galler(?:y|ies)|products?)(?=[_./-]|\d|$)(?!/\d)",
    re.I,
)
# the path of a sitemap, where a list of pages names it: a page for readers as /sitemap/ or /sitemap.html is none
_LIST_PATH = re.compile(
    r"\.xml(?:\.gz)?$|/[^/]*sitemap[^/]*\.(?:gz|txt|php|aspx?|ashx)$|/sitemaps?(?:[-_]|\d)[^/.]*$", re.I
)
_MONTH_OR_NUMBER = re.compile(r"(?<!\d)(?:19[89]\d|20\d\d)[-_./]?(\d\d)(?!\d)")


def fresh_sitemaps(children: Sequence[Entry], outlet: Outlet, since: date, limit: int) -> list[str]:
    """URLs of the child sitemaps that may list pages of the day since or later, newest first, at most limit."""
    dated_children = [
        _with_url_date(child, days)
        for child, days in _possible_sitemaps(children, outlet, since)
        if child.modified_at is None or child.modified_at.date() >= since
    ]
    return [child.url for child in newest(dated_children, limit, newest_last=outlet.newest_last)]


def stale_sitemaps(children: Sequence[Entry], outlet: Outlet, since: date) -> list[str]:
    """URLs of the child sitemaps that nothing but a lastmod before the day since speaks against, newest first. Many
    sites write a lastmod once and never again. Where it is the same for all, it does not tell which is the newest."""
    stale = [
        _with_url_date(child, days)
        for child, days in _possible_sitemaps(children, outlet, since)
        if child.modified_at is not None and child.modified_at.date() < since
    ]
    if len({child.modified_at for child in stale}) > 1:
        stale = newest(stale, len(stale))
    elif outlet.newest_last:
        stale.reverse()
    else:  # from both ends in turn
        stale = [stale.pop(-(n % 2)) for n in range(len(stale))]
    return [child.url for child in stale]


def of_this_hour(urls: Sequence[str], now: datetime) -> list[str]:
    """The first of the URLs, and each hour another one of the rest."""
    rest = urls[1:]
    return [*urls[:1], *([rest[int(now.timestamp() // 3600) % len(rest)]] if rest else [])]


def _possible_sitemaps(
    children: Sequence[Entry], outlet: Outlet, since: date
) -> list[tuple[Entry, DaySpan | None]]:
    """The allowed children whose URLs do not say that they are older than since, each with the days that it says."""
    return [
        (child, days)
        for child, days in _with_days(allowed_sitemaps(children, outlet))
        if days is None or days.last >= since
    ]


def with_listed_sitemaps(content: Listing, outlet: Outlet) -> Listing:
    """The content of a list with the sitemaps among its pages as children: some sites name sitemaps where pages
    belong. A page that the outlet wants stays one, whatever its address looks like."""
    sitemaps = [
        p
        for p in content.pages
        if _is_sitemap_address(p.url) and outlet.owns(p.url) and not outlet.wants(p.url)
    ]
    if not sitemaps:
        return content
    urls = {sitemap.url for sitemap in sitemaps}
    pages = [page for page in content.pages if page.url not in urls]
    return replace(content, pages=pages, children=[*content.children, *sitemaps])


def _is_sitemap_address(url: str) -> bool:
    try:
        return bool(_LIST_PATH.search(urlsplit(url).path))
    except ValueError:
        return False


def why_unusable(content: Listing, outlet: Outlet, above: Collection[str] = ()) -> str | None:
    """Why an outlet can use nothing that a list names; None where it can, and where the list is empty. above: the
    addresses of the list itself and of the indexes that led to it."""
    if content.children:
        if allowed := allowed_sitemaps(content.children, outlet):
            if content.pages or any(c.url not in above and c.url.startswith("http") for c in allowed):
                return None
            return f"{_counted(content.children, 'sitemap')} listed, none of the web but itself and those that name it"
        kinds = "sitemaps_allow or sitemaps_deny" if outlet.sitemaps_allow else "their names or sitemaps_deny"
        return f"{_counted(content.children, 'sitemap')} listed, none to be opened, by {kinds}"
    if not content.pages or any(outlet.wants(page.url) for page in content.pages):
        return None
    if any(outlet.owns(page.url) for page in content.pages):
        return f"{_counted(content.pages, 'address')} listed, none of an article by [articles] allow and deny"
    return f"{_counted(content.pages, 'address')} listed, none of the outlet"


def _counted(entries: Sequence[Entry], noun: str) -> str:
    plural = "" if len(entries) == 1 else "es" if noun.endswith("s") else "s"
    return f"{len(entries)} {noun}{plural}"


def sitemaps_in_window(children: Sequence[Entry], outlet: Outlet, window: DaySpan) -> list[Entry]:
    """The child sitemaps that may list pages of the window, newest first, as the index lists them."""
    dated_children = [
        _with_url_date(child, days)
        for child, days in _with_days(allowed_sitemaps(children, outlet))
        if (days is None or days.overlaps(window))
        and (child.modified_at is None or child.modified_at.date() >= window.first - timedelta(days=1))
    ]
    # the children with the index's own modified_at, which tells whether a sitemap has changed since it was read
    by_url = {child.url: child for child in children}
    return [
        by_url[c.url] for c in newest(dated_children, len(dated_children), newest_last=outlet.newest_last)
    ]


def allowed_sitemaps(children: Iterable[Entry], outlet: Outlet) -> list[Entry]:
    """The children that the outlet file's sitemaps_allow and sitemaps_deny admit. Without sitemaps_allow, those whose
    name says that they list no articles are dropped."""
    return [
        child
        for child in children
        if not any(p.search(child.url) for p in outlet.sitemaps_deny)
        and (
            any(p.search(child.url) for p in outlet.sitemaps_allow)
            if outlet.sitemaps_allow
            else not _NO_ARTICLES.search(child.url.partition("://")[2].partition("/")[2])
        )
    ]


def _with_days(children: list[Entry]) -> list[tuple[Entry, DaySpan | None]]:
    """Each child with the days that its URL names. A number behind a year is a month only if it can be one in all
    URLs: where there is a 2019-14, 2019-12 is no month either."""
    numbers = [int(n) for child in children for n in _MONTH_OR_NUMBER.findall(child.url)]
    months = all(1 <= n <= 12 for n in numbers)
    return [(child, sitemap_days(child.url, months=months)) for child in children]


def _with_url_date(child: Entry, days: DaySpan | None) -> Entry:
    """The child with the last day in its URL as its only date: that says more about its pages than the date when the
    file was last written."""
    return replace(child, published_at=None, modified_at=_noon(days.last)) if days else child


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)
