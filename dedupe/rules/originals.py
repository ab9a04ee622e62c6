"""Chooses which page of a story is the original, by evidence, once all pages of the story are known.

1. The page that the others credit, by rel=canonical or by naming its outlet as their source.
2. Otherwise the fullest text among the earliest pages. A claimed date alone proves nothing, so the time when a page
   was first seen counts too:
   - If a page of the story was seen soon after its publication, pages that were seen long after it are left out.
   - A page counts from the time it was first seen if the visit to its outlet before that should have found it, had
     it been as old as it claims.
   - If no page was seen soon after its publication, as in a backfill, there are only claims, and they are compared.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Reason = Literal["only", "credited", "earliest", "fullest"]

FRESH_WITHIN = timedelta(days=2)  # a page seen this soon after its claimed publication was new then
VISIT_ROUND = timedelta(hours=6)  # outlets are visited in turns: a page seen this much later may be as old
LISTING_DELAY = timedelta(hours=1)  # feeds list a page some time after its time of publication
SAME_TIME_WITHIN = timedelta(minutes=10)  # clocks and editors are no more exact than this
FULLER_RATIO = 1.1  # times as many words; a lower ratio may be one added line
_NO_DATE = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Member:
    """One page of a story. Times have a zone."""

    id: str
    published_at: datetime | None  # Document.moment
    seen_at: datetime | None  # first fetched
    words: int
    visited_at: datetime | None = None  # last visit to its outlet before seen_at; None: none is known
    credits: frozenset[str] = frozenset()  # ids of the story's pages that it names as its source


def original(members: Sequence[Member]) -> tuple[str, Reason]:
    """The id of the original and the reason for the choice. The order of the members does not matter.

    Raises ValueError where there are no members.
    """
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
    """The id of the page that most others credit; None if none is credited.

    A page that itself credits another is not chosen, unless all credited pages do.
    """
    votes = Counter(id for member in members for id in member.credits - {member.id})
    copies = {member.id for member in members if member.credits - {member.id}}
    sources = {id: count for id, count in votes.items() if id not in copies} or votes
    ids = {member.id for member in members} & sources.keys()
    return min(ids, key=lambda id: (-sources[id], id), default=None)


def _earliest_members(members: Sequence[Member]) -> list[Member]:
    """The members that were published first, within SAME_TIME_WITHIN, among those that may have been."""
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
    """Whether the page can be the first one of the story, whose first fresh sighting is given.

    It was seen within VISIT_ROUND of that sighting, or its outlet was not visited in between.
    """
    if member.seen_at is None or member.seen_at <= first_sighting + VISIT_ROUND:
        return True
    return member.visited_at is not None and member.visited_at <= first_sighting


def _with_corrected_date(member: Member) -> Member:
    """The member, dated at its first sighting where its claim cannot be true."""
    return replace(member, published_at=member.seen_at) if _should_have_been_seen(member) else member


def _should_have_been_seen(member: Member) -> bool:
    """Whether the outlet's visit before should have found the page, had it been as old as it claims."""
    return (
        member.published_at is not None
        and member.visited_at is not None
        and member.published_at + LISTING_DELAY < member.visited_at
    )
