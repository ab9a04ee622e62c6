"""Which of the sitemaps that an index names are worth opening: those of fresh news, or those of an archive's window."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from crawler.sources.day_span import DaySpan
from crawler.sources.entries import Entry, newest
from crawler.sources.url_dates import sitemap_days
from outlets import Outlet

# where the outlet file does not say which, by the names that publishing systems give to what holds no articles
_NO_ARTICLES = re.compile(
    r"(?:^|[/_.=-])(?:categor(?:y|ies)|tags?|post_tag|topics?|authors?|users?|taxonom(?:y|ies)|images?|videos?|podcasts?|pages?|"
    r"page-sitemap|nav|static|sections?|web-?stor(?:y|ies)|galler(?:y|ies)|products?)(?=[_./-]|\d|$)(?!/\d)",
    re.I,
)
_MONTH_OR_NUMBER = re.compile(r"(?<!\d)(?:19[89]\d|20\d\d)[-_./]?(\d\d)(?!\d)")


def fresh_sitemaps(children: Sequence[Entry], outlet: Outlet, since: date, limit: int) -> list[str]:
    """The children that may hold pages newer than a day, newest first, at most limit."""
    kept = [
        _dated(child, days)
        for child, days in _with_days(_admitted(children, outlet))
        if (days is None or days.last >= since)
        and (child.modified_at is None or child.modified_at.date() >= since)
    ]
    return [child.url for child in newest(kept, limit, newest_last=outlet.newest_last)]


def sitemaps_in_window(children: Sequence[Entry], outlet: Outlet, window: DaySpan) -> list[Entry]:
    """The children that may hold pages of a window, newest first."""
    kept = [
        _dated(child, days)
        for child, days in _with_days(_admitted(children, outlet))
        if (days is None or days.meets(window))
        and (child.modified_at is None or child.modified_at.date() >= window.first - timedelta(days=1))
    ]
    told = {
        child.url: child for child in children
    }  # with the change that the index tells: has it been read since?
    return [told[c.url] for c in newest(kept, len(kept), newest_last=outlet.newest_last)]


def _admitted(children: Iterable[Entry], outlet: Outlet) -> list[Entry]:
    """As the outlet file has it; where it does not say, those whose name speaks of something else are left out."""
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
    """A number behind a year is a month only if it is one in all of them: 2019-14 tells that 2019-12 is none either."""
    numbers = [int(n) for child in children for n in _MONTH_OR_NUMBER.findall(child.url)]
    months = all(1 <= n <= 12 for n in numbers)
    return [(child, sitemap_days(child.url, months=months)) for child in children]


def _dated(child: Entry, days: DaySpan | None) -> Entry:
    """The days of the address say more about the pages than when the file was last written."""
    return replace(child, published_at=None, modified_at=_noon(days.last)) if days else child


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)
