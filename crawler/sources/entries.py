"""Entry, one item of a feed, a sitemap or a section page, and the order in which entries are followed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice


class NotAList(ValueError):
    """The body is neither a feed nor a sitemap; the message says what it is instead."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a source: an article, or a sitemap that an index lists. None where the source gives no value."""

    url: str
    published_at: datetime | None = None  # UTC
    modified_at: datetime | None = None  # UTC
    title: str | None = None
    language: str | None = None  # ISO 639-1, as the source claims it

    @property
    def latest_date(self) -> datetime | None:
        """The later one of publication and modification date; None where the entry has neither."""
        dates = [d for d in (self.published_at, self.modified_at) if d]
        return max(dates, default=None)


def newest(entries: Sequence[Entry], limit: int, *, newest_last: bool = False) -> list[Entry]:
    """At most limit entries: those with a date first, newest first, then the undated ones in their order, or reversed
    with newest_last. Of too many undated ones, half are taken from either end of the list unless newest_last is set:
    the new ones may be at either end."""
    dated = sorted((e for e in entries if e.latest_date), key=_newest_first)
    undated = [e for e in entries if not e.latest_date]
    if newest_last:
        undated.reverse()
    undated_limit = max(0, limit - len(dated))
    if len(undated) > undated_limit and not newest_last:
        undated = (
            undated[: undated_limit - undated_limit // 2] + undated[len(undated) - undated_limit // 2 :][::-1]
        )
    return [*dated[:limit], *undated[:undated_limit]]


def _newest_first(entry: Entry) -> float:
    assert entry.latest_date
    return -entry.latest_date.timestamp()


def batched(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    """The entries in lists of at most size."""
    remaining = iter(entries)
    while batch := list(islice(remaining, size)):
        yield batch
