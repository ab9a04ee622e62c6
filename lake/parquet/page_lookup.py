"""Looks up one page in articles, copies and revisions: its last landed row, its verified relations, and the older page that
it was matched with.

It scans the tables by page id, writes nothing and needs no index.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lake.parquet.reading import scan_rows
from lake.schema.records import STORY_TABLES, Table

_PAGE_COLUMNS = [
    "id", "story_id", "relation", "copy_of", "similarity", "containment", "links", "run_id", "seq", "landed_at",
]  # fmt: skip
_MATCHED_PAGE_COLUMNS = ["id", "url", "outlet", "title", "text", "published_at", "run_id", "seq"]


@dataclass(frozen=True, slots=True)
class MatchLink:
    """One verified relation of a page to an older page."""

    id: str  # of the older page
    relation: str
    similarity: float  # Jaccard similarity, 0 to 1
    containment: float  # share of the smaller text that both have, 0 to 1


@dataclass(frozen=True, slots=True)
class MatchedPage:
    """The page that the looked-up page was matched with, from the latest row of that page."""

    id: str
    url: str
    outlet: str
    title: str
    text: str
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class LandedPage:
    """The latest row of the looked-up page. relation and other are None if the page is an original."""

    table: Table
    landed_at: datetime
    story_id: str
    relation: str | None
    similarity: float | None
    containment: float | None
    links: tuple[MatchLink, ...]  # all verified relations, best first
    other: MatchedPage | None  # None also if its row is no longer in the lake


def find_page(uri: str, page: str) -> LandedPage | None:
    """Return the row of an article, copy or revision that the latest run wrote for this page; None if there is none.

    uri: of the lake; page: the page's id. Raises OSError if the lake cannot be read, and DamagedObject."""
    latest = _latest_row(uri, page, _PAGE_COLUMNS)
    if latest is None:
        return None
    table, row = latest
    other = _latest_row(uri, row["copy_of"], _MATCHED_PAGE_COLUMNS) if row["copy_of"] else None
    return LandedPage(
        table=table,
        landed_at=row["landed_at"],
        story_id=row["story_id"],
        relation=row["relation"],
        similarity=row["similarity"],
        containment=row["containment"],
        links=tuple(
            MatchLink(**{name: link[name] for name in MatchLink.__slots__}) for link in row["links"] or ()
        ),
        other=MatchedPage(**{name: other[1][name] for name in MatchedPage.__slots__}) if other else None,
    )


def _latest_row(uri: str, page: str, columns: list[str]) -> tuple[Table, dict[str, Any]] | None:
    """Return the row of the latest run, with its table. The order of run ids is that of their start times."""
    import pyarrow.dataset as ds

    candidates = [
        (table, row)
        for table in STORY_TABLES
        for row in scan_rows(uri, table, columns, ds.field("id") == page)
    ]
    return max(candidates, key=lambda candidate: (candidate[1]["run_id"], candidate[1]["seq"]), default=None)
