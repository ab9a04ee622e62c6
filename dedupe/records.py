"""The records that callers pass to dedupe and get back: documents, links and verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

Relation = Literal[
    "alias",  # the same page of the same outlet under another URL
    "identical",  # the same words elsewhere
    "copy",  # the same story, edited: retitled, a local paragraph, another house style
    "truncated",  # a copy cut short
    "update",  # the same outlet's newer text of the same story under another URL
    "contains",  # a round-up or a quotation: linked, never merged
]


@dataclass(frozen=True, slots=True)
class Document:
    """An article as dedupe sees it, apart from its signature: id, outlet and times."""

    id: str
    outlet: str
    published_at: datetime | None = None  # as the page claims; without a zone: UTC
    seen_at: datetime | None = None  # when it was fetched; without a zone: UTC

    @property
    def moment(self) -> datetime | None:
        """The time of publication, with a zone: the claimed one or the first fetch, whichever is earlier.

        None if both are missing. A claim of midnight UTC is a day without an hour, so the end of that day counts.
        Otherwise a copy that gives only the day would come before an original that gives the hour.
        """
        times = [
            moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            for moment in (self.published_at and _end_of_day(self.published_at), self.seen_at)
            if moment
        ]
        return min(times, default=None)


def _end_of_day(moment: datetime) -> datetime:
    """The last microsecond of the day where the time is midnight; any other time unchanged."""
    if moment.time() != time.min or moment.date() == date.max:
        return moment
    return moment + timedelta(days=1, microseconds=-1)


@dataclass(frozen=True, slots=True)
class Link:
    """One verified relation of a new document to an older document."""

    id: str  # the older document
    story_id: str  # its story
    relation: Relation
    similarity: float  # Jaccard, 0 to 1
    containment: float  # |A & B| / min(|A|, |B|), 0 to 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """The story a new document belongs to, and the older document it copies.

    relation, copy_of, similarity and containment are None for an original.
    """

    story_id: str  # the document's own id for an original; never changes
    original_id: (
        str  # the story's earliest-published document, this one included; on equal times the least id
    )
    relation: Relation | None = None
    copy_of: str | None = None  # id of the nearest older document of that story
    similarity: float | None = None
    containment: float | None = None
    links: tuple[Link, ...] = ()  # all verified relations, best first
