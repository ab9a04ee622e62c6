"""A whole batch at once: the same verdicts, joined."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from dedupe.groups import Groups, Tie, join_supported
from dedupe.index import WINDOW, Index, microseconds
from dedupe.records import Document
from dedupe.relation import MERGING
from dedupe.signature import Signature, sign

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dedupe.records import Link

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

STAGED = """
CREATE TABLE staged (
    id TEXT PRIMARY KEY,
    outlet TEXT NOT NULL,
    moment INTEGER NOT NULL, -- as dedupe_documents.published
    signature BLOB NOT NULL
);
CREATE INDEX staged_in_time ON staged (moment, id);
"""


@dataclass(frozen=True, slots=True)
class Clustered:
    """A document's place in a batch."""

    id: str
    cluster: str  # the least id in it
    link: Link | None  # the surest relation to another of the cluster, if there is one


def cluster(documents: Iterable[tuple[Document, str]], window: timedelta | None = WINDOW) -> dict[str, str]:
    """Document id to the id of its cluster, the least in it; of an id seen twice the last text counts."""
    signed = ((document, sign(text).to_bytes()) for document, text in documents)
    return {found.id: found.cluster for found in cluster_signed(signed, window)}


def cluster_signed(
    signed: Iterable[tuple[Document, bytes]], window: timedelta | None = WINDOW
) -> Iterator[Clustered]:
    """The same from signatures (Signature.to_bytes), in the order of ids; raises SchemeMismatch.

    1. Stage each signature as it comes, in a temporary file, so that memory holds ids and links only; then take all
       in the order of publication, so that the order of the input does not matter.
    2. Judge and add one after the other, as a crawl does.
    3. Judge once more: by now the boilerplate of every outlet is known and every text has met every other.
    4. Texts of the same words are one; join the rest along the links, the surest first.
    """
    with TemporaryDirectory(prefix="cluster-") as folder:
        connection = sqlite3.connect(Path(folder) / "batch.sqlite", isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -262144"):
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(STAGED)
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT OR REPLACE INTO staged VALUES (?, ?, ?, ?)",
            ((d.id, d.outlet, microseconds(d.moment), data) for d, data in signed),
        )
        links = _links(connection, window)
        ids = [id for (id,) in connection.execute("SELECT id FROM staged ORDER BY id")]
        connection.close()
    yield from _joined(ids, links)


def _joined(ids: list[str], links: list[tuple[str, Link]]) -> Iterator[Clustered]:
    equal = Groups(ids)
    for id, link in links:
        if link.relation == "identical":
            equal.join(id, link.id)
    text_of = equal.names()
    joined = Groups(set(text_of.values()))
    join_supported(joined, _ties(text_of, links))
    name_of = joined.names()
    surest: dict[str, Link] = {}
    for id, link in links:
        if name_of[text_of[id]] == name_of[text_of[link.id]]:
            surest.setdefault(id, link)
    for id in ids:
        yield Clustered(id, name_of[text_of[id]], surest.get(id))


def _links(connection: sqlite3.Connection, window: timedelta | None) -> list[tuple[str, Link]]:
    """Each document's merging links, best first."""
    index = Index(connection, window)
    for document, signature in _in_time(connection):
        index.add(document, signature, index.judge(document, signature).story_id)
    return [
        (document.id, link)
        for document, signature in _in_time(connection)
        for link in index.judge(document, signature).links
        if link.relation in MERGING
    ]


def _in_time(connection: sqlite3.Connection) -> Iterator[tuple[Document, Signature]]:
    for id, outlet, moment, data in connection.execute(
        "SELECT id, outlet, moment, signature FROM staged ORDER BY moment, id"
    ):
        yield Document(id, outlet, seen_at=_time(moment)), Signature.from_bytes(data)


def _time(moment: int) -> datetime | None:
    """None for what is no time of a calendar: UNDATED."""
    try:
        return _EPOCH + timedelta(microseconds=moment)
    except OverflowError:
        return None


def _ties(text_of: dict[str, str], links: list[tuple[str, Link]]) -> Iterable[Tie]:
    for id, link in links:
        first, second = sorted((text_of[id], text_of[link.id]))
        if first != second:
            yield Tie(first, second, link.similarity, link.containment)
