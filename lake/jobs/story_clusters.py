"""Groups the pages of a whole lake into stories, and chooses the original page of each story.

The live tables hold what was known when a page landed; the clusters hold what is known now. The result is one Parquet
file, clusters/<when>.parquet, with a row for each page of articles, copies and revisions in its latest version.
Nothing else in the lake changes. Pages that were taken down are left out, and so are runs that have not ended: a copy
may have landed before its original. The next start of a crawl finishes runs that died.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from sys import intern

import pyarrow as pa
import pyarrow.parquet as pq

from cleaning import page_id
from dedupe import Counts, Document, Link, Member, SchemeMismatch, Signature, cluster_signed, original, sign
from lake.parquet import part_files
from lake.parquet.row_removal import remove_rows
from lake.runs.visit_history import VisitHistory
from lake.schema.columns import columns_of, row
from lake.schema.records import STORY_TABLES
from lake.storage.store import Store
from lake.storage.tombstones import parse_tombstones, tombstone_names

_COLUMNS = [
    "id", "outlet", "story_id", "run_id", "seq", "published_at", "fetched_at", "canonical_url",
    "syndication_credit", "word_count", "url", "requested_url",
]  # fmt: skip
_BATCH_ROWS = 10_000  # rows that are written at once
_MIN_CREDIT_LETTERS = 4  # a shorter outlet name occurs in too many credits by chance


@dataclass(frozen=True, slots=True)
class ClusteredPage:
    """A row of the result: a page and its story."""

    id: str
    outlet: str
    story_id: str  # stable: the first landed of the live stories that are this one story
    # as it landed; where it differs from story_id, that story was merged into this one, or split
    live_story_id: str
    original_id: str
    original_reason: str  # only, credited, earliest, fullest
    relation: str | None  # the page's surest relation to another of the story
    linked_id: str | None  # that other page
    similarity: float | None  # Jaccard, 0 to 1
    containment: float | None  # 0 to 1


@dataclass(frozen=True, slots=True)
class ClusterResult:
    """What `cluster_lake` wrote."""

    key: str  # of the Parquet file
    pages: int
    stories: int
    merged: int  # live story ids that no story has any more
    unfinished: int  # runs that were left out
    counts: Counts


@dataclass(slots=True)
class _Page:
    """The facts of a page, except for its signature."""

    id: str
    outlet: str
    story_id: str
    # fetch, run and seq of its latest row: a replay lands older fetches later
    latest: tuple[datetime, str, int]
    first_landed: tuple[str, int]  # run and seq of its first row
    published_at: datetime | None
    seen_at: datetime  # the first fetch
    canonical_url: str | None
    credit: str | None
    words: int

    @property
    def document(self) -> Document:
        """The page as dedupe wants it."""
        return Document(self.id, self.outlet, self.published_at, self.seen_at)


def cluster_lake(store: Store, window: timedelta | None) -> ClusterResult:
    """Group the pages of the lake into stories (an article and its copies), choose the original of each story, and write
    `clusters/<time>.parquet`.

    window: pages that were published further apart than this are never copies of one another; None: no limit. Memory holds a few hundred bytes for each
    page; a temporary file holds the signatures. Raises LakeError."""
    keys, unfinished = _finished_parts(store)
    pages = _latest_pages(store, keys)
    counts = Counts()
    stories: dict[str, list[str]] = {}
    links = {}
    for clustered in cluster_signed(_signed_documents(store, keys, pages), window, counts):
        stories.setdefault(clustered.cluster, []).append(clustered.id)
        links[clustered.id] = clustered.link
    visits = VisitHistory(store, ((p.outlet, p.first_landed[0], p.seen_at) for p in pages.values()))
    rows = (
        _clustered_page(page, story_id, choice, links[page.id])
        for ids in stories.values()
        for members in [[pages[id] for id in ids]]
        for story_id in [_choose_story_id(members, pages)]
        for choice in [original(_story_members(members, visits))]
        for page in members
    )
    key = f"clusters/{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.parquet"
    story_ids, data = _encode_pages(rows)
    store.put_new(key, data)
    # what was taken down meanwhile
    remove_rows(store, parse_tombstones(tombstone_names(store)), [key])
    live_story_ids = {page.story_id for page in pages.values()}
    return ClusterResult(key, len(pages), len(stories), len(live_story_ids - story_ids), unfinished, counts)


def _finished_parts(store: Store) -> tuple[list[str], int]:
    """The keys of the parts to read, and the number of runs that are left out. A run that ends while the lake is
    listed is left out too, because the listing may lack some of its parts. A run whose records were removed has ended
    long ago."""
    _, finished = _list_runs(store)
    keys = [key for table in STORY_TABLES for key in store.keys(f"{table}/")]
    started, _ = _list_runs(store)
    under_way = started - finished
    return [key for key in keys if _run_id_of(key) not in under_way], len(under_way)


def _list_runs(store: Store) -> tuple[set[str], set[str]]:
    """The ids of the runs with a start record, and of those with an end record."""
    names = {key.removeprefix("runs/") for key in store.keys("runs/")}
    started = {name.removesuffix(".started.json") for name in names if name.endswith(".started.json")}
    return started, {name.removesuffix(".json") for name in names if not name.endswith(".started.json")}


def _run_id_of(key: str) -> str:
    """The run id in a part's key."""
    return key.rpartition("/")[2].rpartition("-")[0]


def _latest_pages(store: Store, keys: Iterable[str]) -> dict[str, _Page]:
    """The pages by id, in their latest version, with the time of the first fetch; without pages that were taken
    down."""
    pages: dict[str, _Page] = {}
    taken_down = parse_tombstones(tombstone_names(store))
    for key in keys:
        for values in part_files.read_rows(store, key, _COLUMNS):
            if taken_down.covers(values):  # it landed during the takedown
                continue
            place, fetched_at = (intern(values["run_id"]), values["seq"]), values["fetched_at"]
            version = (fetched_at, *place)
            earlier = pages.get(values["id"])
            first_landed = min(place, earlier.first_landed) if earlier else place
            first_seen_at = min(fetched_at, earlier.seen_at) if earlier else fetched_at
            if earlier and earlier.latest >= version:
                earlier.first_landed, earlier.seen_at = first_landed, first_seen_at
                continue
            pages[values["id"]] = _Page(
                id=values["id"],
                outlet=intern(values["outlet"]),
                story_id=values["id"] if values["story_id"] == values["id"] else values["story_id"],
                latest=version,
                first_landed=first_landed,
                published_at=values["published_at"],
                seen_at=first_seen_at,
                canonical_url=values["canonical_url"],
                credit=values["syndication_credit"],
                words=values["word_count"],
            )
    return pages


def _signed_documents(
    store: Store, keys: Iterable[str], pages: dict[str, _Page]
) -> Iterator[tuple[Document, bytes]]:
    """The latest version of each page with its signature. Texts whose signatures are of another scheme are signed
    again."""
    for key in keys:
        texts: dict[str, str] | None = None
        for values in part_files.read_rows(store, key, ["id", "fetched_at", "run_id", "seq", "signature"]):
            page = pages.get(values["id"])
            if page is None or (values["fetched_at"], values["run_id"], values["seq"]) != page.latest:
                continue
            try:
                Signature.from_bytes(values["signature"])
            except SchemeMismatch:
                texts = texts or {
                    r["id"]: r["text"] for r in part_files.read_rows(store, key, ["id", "text"])
                }
                values["signature"] = sign(texts[page.id]).to_bytes()
            yield page.document, values["signature"]


def _choose_story_id(members: list[_Page], pages: dict[str, _Page]) -> str:
    """The id of the first landed live story whose first page is among the members. Where there is none, because the
    story was split off another, the id of its first landed page, which no other story can have."""
    ids = {page.id for page in members}
    live_ids = {page.story_id for page in members} & ids
    return min(live_ids or ids, key=lambda id: (pages[id].first_landed, id))


def _story_members(pages: list[_Page], visits: VisitHistory) -> list[Member]:
    """The pages of a story, with what the choice of its original depends on."""
    outlet_of = {page.id: page.outlet for page in pages}
    # by outlet: a credit names an outlet, and means its earliest page of the story
    earliest: dict[str, _Page] = {}
    for page in sorted(pages, key=_publication_order, reverse=True):
        earliest[page.outlet] = page
    pages_by_name = {_letters_only(outlet): page for outlet, page in earliest.items()}
    return [
        Member(
            id=page.id,
            published_at=page.document.moment,
            seen_at=page.seen_at,
            words=page.words,
            visited_at=visits.last_visit_before(page.outlet, page.first_landed[0], page.seen_at),
            credits=frozenset(_credited_pages(page, pages_by_name, outlet_of)),
        )
        for page in pages
    ]


def _publication_order(page: _Page) -> tuple[datetime, str]:
    """Sort key: the time of publication, or of the first fetch where that is unknown."""
    return page.document.moment or page.seen_at, page.id


def _credited_pages(page: _Page, pages_by_name: dict[str, _Page], outlet_of: dict[str, str]) -> Iterator[str]:
    """The ids of pages of other outlets that a page names by rel=canonical, or by a syndication credit that contains
    the outlet's name."""
    with suppress(ValueError):
        canonical_id = page_id(page.canonical_url) if page.canonical_url else page.id
        if outlet_of.get(canonical_id, page.outlet) != page.outlet:
            yield canonical_id
    credit = _letters_only(page.credit or "")
    for name, other in pages_by_name.items() if credit else ():
        if len(name) >= _MIN_CREDIT_LETTERS and name in credit and other.outlet != page.outlet:
            yield other.id


def _letters_only(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _clustered_page(page: _Page, story_id: str, choice: tuple[str, str], link: Link | None) -> ClusteredPage:
    return ClusteredPage(
        id=page.id,
        outlet=page.outlet,
        story_id=story_id,
        live_story_id=page.story_id,
        original_id=choice[0],
        original_reason=choice[1],
        relation=link.relation if link else None,
        linked_id=link.id if link else None,
        similarity=link.similarity if link else None,
        containment=link.containment if link else None,
    )


def _encode_pages(pages: Iterable[ClusteredPage]) -> tuple[set[str], bytes]:
    """The story ids, and the rows encoded as Parquet."""
    columns, out, ids = columns_of(ClusteredPage), io.BytesIO(), set[str]()
    batch: list[dict[str, object]] = []
    with pq.ParquetWriter(out, columns, compression="zstd") as writer:
        for page in pages:
            ids.add(page.story_id)
            batch.append(row(page))
            if len(batch) == _BATCH_ROWS:
                writer.write_table(pa.Table.from_pylist(batch, schema=columns))
                batch.clear()
        writer.write_table(pa.Table.from_pylist(batch, schema=columns))
    return ids, out.getvalue()
