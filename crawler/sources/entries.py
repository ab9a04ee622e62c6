"""Entry, one item of a feed, a sitemap or a section page; Listing, what one list holds; the order of entries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappush, heappushpop
from itertools import islice
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")
MAX_ADDRESS_LENGTH = 2**14  # characters; whatever takes an address apart can rely on it


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


@dataclass(frozen=True, slots=True)
class Listing:
    """The content of one list (feed, sitemap, text file), as far as it could be read."""

    pages: list[Entry]  # newest first
    children: list[Entry] = field(default_factory=list)  # sitemaps that an index lists, in the file's order
    # for each limit that was reached: "bytes" → the limit, "entries" → the number of entries in the file
    capped: dict[str, int] = field(default_factory=dict)
    damaged: str | None = None  # what is wrong with it, where entries may be missing
    torn: bool = False  # it ends before its end: entries are missing
    malformed: int = 0  # entries whose addresses cannot be read, which are left out


class NewestEntries:
    """Collects entries and keeps the newest, at most `limit` pages and as many child sitemaps. A malformed address is
    counted and left out here, so that whatever reads the entries can take each address apart."""

    def __init__(self, limit: int, *, newest_last: bool = False) -> None:
        """newest_last: entries without a date are added in ascending order."""
        self.seen = 0  # pages and children, whether kept or dropped
        self.without_address = 0  # entries that are neither
        self.malformed = 0  # of these, those with an address that cannot be taken apart
        self.children: list[Entry] = []
        self.limit, self._newest_last = limit, newest_last
        self._dated: list[tuple[float, int, Entry]] = []  # a heap, the oldest first; ranks are unique
        self._undated: list[Entry] = []

    def add(self, entry: Entry) -> None:
        """Take a page."""
        if not self._is_sound(entry):
            return
        self.seen += 1
        if not entry.latest_date:
            self._undated.append(entry)
            if len(self._undated) > 3 * self.limit:  # the newest may be at either end
                del self._undated[self.limit : -self.limit]
            return
        rank = self.seen if self._newest_last else -self.seen
        push = heappush if len(self._dated) < self.limit else heappushpop
        push(self._dated, (entry.latest_date.timestamp(), rank, entry))

    def add_child(self, entry: Entry) -> None:
        """Take a sitemap that an index lists."""
        if not self._is_sound(entry):
            return
        self.seen += 1
        if len(self.children) < self.limit:
            self.children.append(entry)

    def add_malformed(self) -> None:
        """Count an entry whose address cannot be taken apart."""
        self.malformed += 1
        self.without_address += 1

    def _is_sound(self, entry: Entry) -> bool:
        try:
            if len(entry.url) > MAX_ADDRESS_LENGTH:
                raise ValueError("too long")
            urlsplit(entry.url)
        except ValueError:  # http://[url]/, most often a template that was not filled in
            self.add_malformed()
            return False
        return True

    def newest(self) -> list[Entry]:
        """The pages that were kept, newest first, those without a date behind them."""
        pages = [entry for _, _, entry in sorted(self._dated, reverse=True)]
        return newest([*pages, *self._undated], self.limit, newest_last=self._newest_last)


def newest(entries: Sequence[Entry], limit: int, *, newest_last: bool = False) -> list[Entry]:
    """At most limit entries: those with a date first, newest first, then the undated ones in their order, or reversed
    with newest_last. Of too many, half are undated ones if there are as many: a new one may have no date, or none that
    is credible. Of too many undated ones, half are taken from either end of the list unless newest_last is set: the new
    ones may be at either end."""
    dated = sorted((e for e in entries if e.latest_date), key=_newest_first)
    undated = [e for e in entries if not e.latest_date]
    if newest_last:
        undated.reverse()
    undated_limit = max(limit - len(dated), min(len(undated), limit // 2))
    if len(undated) > undated_limit and not newest_last:
        undated = (
            undated[: undated_limit - undated_limit // 2] + undated[len(undated) - undated_limit // 2 :][::-1]
        )
    undated = undated[:undated_limit]
    return [*dated[: limit - len(undated)], *undated]


def _newest_first(entry: Entry) -> float:
    assert entry.latest_date
    return -entry.latest_date.timestamp()


def batched(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """The things in lists of at most size."""
    remaining = iter(things)
    while batch := list(islice(remaining, size)):
        yield batch
