"""What a feed or a sitemap lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice


class NotAList(ValueError):
    """Neither a feed nor a sitemap; the message says what came instead."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a source: an article, or a further sitemap; what the source does not say is None."""

    url: str
    published_at: datetime | None = None  # UTC
    modified_at: datetime | None = None  # UTC
    title: str | None = None
    language: str | None = None  # ISO 639-1, as the source claims it

    @property
    def latest_date(self) -> datetime | None:
        """The newest thing that is known to have happened to it."""
        known = [d for d in (self.published_at, self.modified_at) if d]
        return max(known, default=None)


def newest(listed: Sequence[Entry], limit: int, *, newest_last: bool = False) -> list[Entry]:
    """At most limit entries, newest first, those without a date behind the others in their order. Where no date
    tells and newest_last does not, half of them are taken from either end: nobody knows where the new ones stand."""
    dated = sorted((e for e in listed if e.latest_date), key=_age)
    undated = [e for e in listed if not e.latest_date]
    if newest_last:
        undated.reverse()
    room = max(0, limit - len(dated))
    if len(undated) > room and not newest_last:
        undated = undated[: room - room // 2] + undated[len(undated) - room // 2 :][::-1]
    return [*dated[:limit], *undated[:room]]


def _age(entry: Entry) -> float:
    assert entry.latest_date
    return -entry.latest_date.timestamp()


def batched(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    rest = iter(entries)
    while batch := list(islice(rest, size)):
        yield batch
