"""Chooses which sitemaps of an index are opened: those with fresh news, or those of an archive's window."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from crawler.sources.day_span import DaySpan
from crawler.sources.entries import Entry, newest
from crawler.sources.url_dates import sitemap_days
from outlets import Outlet

# names that publishing systems give to sitemaps without articles; used where the outlet file has no sitemaps_allow
_NO_ARTICLES = re.compile(
    r"(?:^|[/_.=-])(?:categor(?:y|ies)|tags?|post_tag|topics?|authors?|users?|taxonom(?:y|ies)|images?|videos?|podcasts?|pages?|"
    r"page-sitemap|nav|static|sections?|web-?stor(?:y|ies)|galler(?:y|ies)|products?)(?=[_./-]|\d|$)(?!/\d)",
    re.I,
)
_MONTH_OR_NUMBER = re.compile(r"(?<!\d)(?:19[89]\d|20\d\d)[-_./]?(\d\d)(?!\d)")


def fresh_sitemaps(children: Sequence[Entry], outlet: Outlet, since: date, limit: int) -> list[str]:
    """URLs of the child sitemaps that may list pages of the day since or later, newest first, at most limit."""
    dated_children = [
        _with_url_date(child, days)
        for child, days in _with_days(_allowed_sitemaps(children, outlet))
        if (days is None or days.last >= since)
        and (child.modified_at is None or child.modified_at.date() >= since)
    ]
    return [child.url for child in newest(dated_children, limit, newest_last=outlet.newest_last)]


def sitemaps_in_window(children: Sequence[Entry], outlet: Outlet, window: DaySpan) -> list[Entry]:
    """The child sitemaps that may list pages of the window, newest first, as the index lists them."""
    dated_children = [
        _with_url_date(child, days)
        for child, days in _with_days(_allowed_sitemaps(children, outlet))
        if (days is None or days.overlaps(window))
        and (child.modified_at is None or child.modified_at.date() >= window.first - timedelta(days=1))
    ]
    # the children with the index's own modified_at, which tells whether a sitemap has changed since it was read
    by_url = {child.url: child for child in children}
    return [
        by_url[c.url] for c in newest(dated_children, len(dated_children), newest_last=outlet.newest_last)
    ]


def _allowed_sitemaps(children: Iterable[Entry], outlet: Outlet) -> list[Entry]:
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
