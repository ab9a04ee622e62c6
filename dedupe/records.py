"""The records that cross dedupe's door."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

Relation = Literal[
    "alias",  # the same page of the same outlet under another address
    "identical",  # the same words elsewhere
    "copy",  # the same story, edited: retitled, a local paragraph, another house style
    "truncated",  # a copy cut short
    "update",  # the same outlet's newer text of the same story under another address
    "contains",  # a round-up or a quotation: linked, never merged
]


@dataclass(frozen=True, slots=True)
class Document:
    """What the index knows of an article besides its signature."""

    id: str
    outlet: str
    published_at: datetime | None = None  # as the page claims; without a zone: UTC
    seen_at: datetime | None = None  # when it was fetched; without a zone: UTC

    @property
    def moment(self) -> datetime | None:
        """By when it was published: as claimed, or as first seen if the claim is missing or later than that.

        A claim of midnight, UTC, names a day and no hour: its end counts, or a copy that gives the day alone
        would come before an original that gives the hour.
        """
        times = [
            moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            for moment in (self.published_at and _end_of_day(self.published_at), self.seen_at)
            if moment
        ]
        return min(times, default=None)


def _end_of_day(moment: datetime) -> datetime:
    if moment.time() != time.min or moment.date() == date.max:
        return moment
    return moment + timedelta(days=1, microseconds=-1)


@dataclass(frozen=True, slots=True)
class Link:
    """One verified relation of a new document to an older one."""

    id: str  # the older document
    story_id: str  # its story
    relation: Relation
    similarity: float  # Jaccard, 0 to 1
    containment: float  # |A & B| / min(|A|, |B|), 0 to 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """relation, copy_of, similarity and containment are None for an original."""

    story_id: str  # the document's own id for an original; never changes
    original_id: str  # the story's earliest-published document, this one included; of equal ones the least id
    relation: Relation | None = None
    copy_of: str | None = None  # id of the nearest older document of that story
    similarity: float | None = None
    containment: float | None = None
    links: tuple[Link, ...] = ()  # all verified relations, best first
