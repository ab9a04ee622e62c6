"""Which page of a story is the original: by evidence, once all of the story is known.

1. The page that the others credit: by rel=canonical, or by naming its outlet as their source.
2. Else the fullest text among the earliest. First seen counts: a page is taken to be as old as it claims only if
   no other page of the story was seen fresh long before it was seen; a claimed date alone proves nothing. A page that
   claims to have been there when its outlet was visited before, and was not found, is as old as its first sight. Where
   no page was seen fresh, as in a backfill, there are only claims, and they are compared.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Reason = Literal["only", "credited", "earliest", "fullest"]

FRESH_WITHIN = timedelta(
    days=2
)  # seen so soon after its claimed publication, a page was new when it was seen
VISIT_ROUND = timedelta(
    hours=6
)  # outlets are not all visited at once: what is seen so much later may be as old
LISTING_DELAY = timedelta(hours=1)  # feeds name a page some time after the hour that it bears
SAME_TIME_WITHIN = timedelta(minutes=10)  # published at the same time, as far as clocks and editors are exact
FULLER_RATIO = 1.1  # times as many words; less is an added line
_NO_DATE = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Member:
    """One page of a story; times with a zone."""

    id: str
    published_at: datetime | None  # Document.moment
    seen_at: datetime | None  # first fetched
    words: int
    visited_at: datetime | None = (
        None  # when its outlet was visited before that; None: never, as far as is known
    )
    credits: frozenset[str] = frozenset()  # ids of the story's pages that it names as its source


def original(members: Sequence[Member]) -> tuple[str, Reason]:
    """The id of the original, and why it is; the order of the members does not matter. At least one is wanted."""
    if len(members) == 1:
        return members[0].id, "only"
    credited = _most_credited(members)
    if credited:
        return credited, "credited"
    earliest = _earliest_members(members)
    fullest = min(earliest, key=lambda m: (-m.words, m.id))
    first = min(earliest, key=lambda m: (m.published_at or _NO_DATE, m.id))
    if fullest.words > FULLER_RATIO * first.words:
        return fullest.id, "fullest"
    return first.id, "earliest"


def _most_credited(members: Sequence[Member]) -> str | None:
    """The page named by most; not one that itself names another, unless they name one another."""
    votes = Counter(id for member in members for id in member.credits - {member.id})
    copies = {member.id for member in members if member.credits - {member.id}}
    sources = {id: count for id, count in votes.items() if id not in copies} or votes
    ids = {member.id for member in members} & sources.keys()
    return min(ids, key=lambda id: (-sources[id], id), default=None)


def _earliest_members(members: Sequence[Member]) -> list[Member]:
    """Those that were published first, among those that may have been."""
    fresh_sightings = [
        m.seen_at
        for m in members
        if m.seen_at
        and m.published_at
        and m.seen_at - m.published_at <= FRESH_WITHIN
        and not _should_have_been_seen(m)
    ]
    if fresh_sightings:
        members = [_with_corrected_date(m) for m in members if _may_be_first(m, min(fresh_sightings))]
    start = min(m.published_at or _NO_DATE for m in members)
    return [m for m in members if (m.published_at or _NO_DATE) - start <= SAME_TIME_WITHIN]


def _may_be_first(member: Member, first_sighting: datetime) -> bool:
    """Not seen too late after the first sight of the story, unless its outlet was not visited in between."""
    if member.seen_at is None or member.seen_at <= first_sighting + VISIT_ROUND:
        return True
    return member.visited_at is not None and member.visited_at <= first_sighting


def _with_corrected_date(member: Member) -> Member:
    return replace(member, published_at=member.seen_at) if _should_have_been_seen(member) else member


def _should_have_been_seen(member: Member) -> bool:
    """By the visit before, if it was as old as it claims."""
    return (
        member.published_at is not None
        and member.visited_at is not None
        and member.published_at + LISTING_DELAY < member.visited_at
    )
