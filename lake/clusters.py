"""A whole lake grouped into stories on one machine, with the original of each and why it is.

The live tables hold what was known at landing; this holds what is known now. The result is one Parquet file,
clusters/<when>.parquet, with a row for each page of articles, copies and revisions, in its latest version. Nothing
else in the lake changes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq

from cleaning import page_id
from dedupe import Document, Link, Member, SchemeMismatch, Signature, cluster_signed, original, sign
from lake import parts
from lake.records import STORY_TABLES
from lake.schema import columns_of, row
from lake.store import Store

_FACTS = [
    "id", "outlet", "story_id", "run_id", "seq", "published_at", "fetched_at", "canonical_url",
    "syndication_credit", "word_count",
]  # fmt: skip
_AT_ONCE = 10_000  # rows of the result
_CREDIT_LETTERS = 4  # a shorter outlet name stands in too many credits by chance


@dataclass(frozen=True, slots=True)
class Placed:
    """A row of the result: a page and its story."""

    id: str
    outlet: str
    story_id: str  # stable: of the live stories that are one, the first that landed
    live_story_id: (
        str  # as it landed; where it differs from story_id, that story was merged into this one, or split
    )
    original_id: str
    original_reason: str  # only, credited, earliest, fullest
    relation: str | None  # the page's surest relation to another of the story
    linked_id: str | None  # that other page
    similarity: float | None  # Jaccard, 0 to 1
    containment: float | None  # 0 to 1


@dataclass(frozen=True, slots=True)
class Done:
    key: str
    pages: int
    stories: int
    merged: int  # live stories that are no more


@dataclass(slots=True)
class _Page:
    """What is known of a page besides its signature."""

    id: str
    outlet: str
    story_id: str
    landed: tuple[str, int]  # run and seq of its latest row
    first_landed: tuple[str, int]
    published_at: datetime | None
    seen_at: datetime  # the first time
    canonical_url: str | None
    credit: str | None
    words: int

    @property
    def document(self) -> Document:
        return Document(self.id, self.outlet, self.published_at, self.seen_at)


def cluster_lake(store: Store, window: timedelta | None) -> Done:
    """Group, choose, write; memory holds a few hundred bytes for each page, a temporary file the signatures."""
    keys = [key for table in STORY_TABLES for key in store.keys(f"{table}/")]
    pages = _pages(store, keys)
    stories: dict[str, list[str]] = {}
    links = {}
    for found in cluster_signed(_signed(store, keys, pages), window):
        stories.setdefault(found.cluster, []).append(found.id)
        links[found.id] = found.link
    rows = (
        _placed(page, story_id, chosen, links[page.id])
        for ids in stories.values()
        for members in [[pages[id] for id in ids]]
        for story_id in [_story_id(members, pages)]
        for chosen in [original([_member(page, members) for page in members])]
        for page in members
    )
    key = f"clusters/{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.parquet"
    kept, data = _encoded(rows)
    store.put_new(key, data)
    live = {page.story_id for page in pages.values()}
    return Done(key, len(pages), len(stories), len(live - kept))


def _pages(store: Store, keys: Iterable[str]) -> dict[str, _Page]:
    """By id, in the latest version, with the time of the first fetch."""
    pages: dict[str, _Page] = {}
    for key in keys:
        for values in parts.read(store, key, _FACTS):
            place, seen_at = (values["run_id"], values["seq"]), values["fetched_at"]
            known = pages.get(values["id"])
            first = min(place, known.first_landed) if known else place
            seen = min(seen_at, known.seen_at) if known else seen_at
            if known and known.landed >= place:
                known.first_landed, known.seen_at = first, seen
                continue
            pages[values["id"]] = _Page(
                id=values["id"],
                outlet=values["outlet"],
                story_id=values["story_id"],
                landed=place,
                first_landed=first,
                published_at=values["published_at"],
                seen_at=seen,
                canonical_url=values["canonical_url"],
                credit=values["syndication_credit"],
                words=values["word_count"],
            )
    return pages


def _signed(store: Store, keys: Iterable[str], pages: dict[str, _Page]) -> Iterator[tuple[Document, bytes]]:
    """The latest version of each page; texts signed by another scheme are signed anew."""
    for key in keys:
        texts: dict[str, str] | None = None
        for values in parts.read(store, key, ["id", "run_id", "seq", "signature"]):
            page = pages[values["id"]]
            if (values["run_id"], values["seq"]) != page.landed:
                continue
            try:
                Signature.from_bytes(values["signature"])
            except SchemeMismatch:
                texts = texts or {r["id"]: r["text"] for r in parts.read(store, key, ["id", "text"])}
                values["signature"] = sign(texts[page.id]).to_bytes()
            yield page.document, values["signature"]


def _story_id(members: list[_Page], pages: dict[str, _Page]) -> str:
    """Of the live stories whose own page is among the members, the first that landed; a story that was split off
    one takes the id of its first page, which no other story can have."""
    ids = {page.id for page in members}
    live = {page.story_id for page in members} & ids
    return min(live or ids, key=lambda id: (pages[id].first_landed, id))


def _member(page: _Page, members: list[_Page]) -> Member:
    return Member(
        id=page.id,
        published_at=page.document.moment,
        seen_at=page.seen_at,
        words=page.words,
        credits=frozenset(
            other.id for other in members if other.outlet != page.outlet and _credits(page, other)
        ),
    )


def _credits(page: _Page, other: _Page) -> bool:
    """By rel=canonical, or by a credit that names the other's outlet."""
    with suppress(ValueError):
        if page.canonical_url and page_id(page.canonical_url) == other.id:
            return True
    name = _letters(other.outlet)
    return len(name) >= _CREDIT_LETTERS and name in _letters(page.credit or "")


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _placed(page: _Page, story_id: str, chosen: tuple[str, str], link: Link | None) -> Placed:
    return Placed(
        id=page.id,
        outlet=page.outlet,
        story_id=story_id,
        live_story_id=page.story_id,
        original_id=chosen[0],
        original_reason=chosen[1],
        relation=link.relation if link else None,
        linked_id=link.id if link else None,
        similarity=link.similarity if link else None,
        containment=link.containment if link else None,
    )


def _encoded(placed: Iterable[Placed]) -> tuple[set[str], bytes]:
    """The story ids, and the rows as Parquet."""
    columns, out, ids = columns_of(Placed), io.BytesIO(), set[str]()
    batch: list[dict[str, object]] = []
    with pq.ParquetWriter(out, columns, compression="zstd") as writer:
        for one in placed:
            ids.add(one.story_id)
            batch.append(row(one))
            if len(batch) == _AT_ONCE:
                writer.write_table(pa.Table.from_pylist(batch, schema=columns))
                batch.clear()
        writer.write_table(pa.Table.from_pylist(batch, schema=columns))
    return ids, out.getvalue()
