"""The records that cross dedupe's door."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
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
    published_at: datetime | None = None


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

    story_id: str  # the document's own id for an original
    relation: Relation | None = None
    copy_of: str | None = None  # id of the nearest older document of that story
    similarity: float | None = None
    containment: float | None = None
    links: tuple[Link, ...] = ()  # all verified relations, best first
