"""The signatures of all that landed, in SQLite tables inside the caller's connection."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from dedupe import boilerplate
from dedupe.boilerplate import Boilerplate
from dedupe.records import Document, Link, Verdict
from dedupe.relation import MERGING, Page, compare, page_of
from dedupe.scheme import SCHEME, SchemeMismatch
from dedupe.signature import FIRST_POSTING, Signature, posting_keys

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

BUCKET_ROWS = 32  # a key met more often (a phrase of the trade, a template) finds nothing anyway
CANDIDATES = 32  # verified per document, those with most keys in common first
EQUALS = 8  # word-for-word equal documents looked at: the earliest
UNDATED = 2**63 - 1  # sorts after every date, and lets the index serve the order

TABLES = """
CREATE TABLE IF NOT EXISTS dedupe_scheme (scheme TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS dedupe_documents (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    outlet TEXT NOT NULL,
    published INTEGER NOT NULL, -- microseconds since 1970, UTC; UNDATED for none
    story_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    signature BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS dedupe_documents_digest ON dedupe_documents (digest, published, id);
CREATE INDEX IF NOT EXISTS dedupe_documents_outlet ON dedupe_documents (outlet, seq);
CREATE TABLE IF NOT EXISTS dedupe_keys (
    key INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (key, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dedupe_full_keys (
    key INTEGER PRIMARY KEY,
    refused INTEGER NOT NULL -- rows that found the bucket full
);
"""
_COLUMNS = "id, outlet, published, story_id, signature"


class Index:
    """Never commits: the caller's transaction decides what is kept.

    judge and add belong into one transaction that holds the write lock (BEGIN IMMEDIATE), or two processes
    may each miss the other's copy.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Creates missing tables; raises SchemeMismatch if the stored signatures follow another scheme."""
        self._connection = connection
        self._boilerplate = Boilerplate(connection)
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'dedupe_scheme'").fetchone():
            self._create()  # only then: opening an index that is there takes no lock
        row = connection.execute("SELECT scheme FROM dedupe_scheme").fetchone()
        if row is None or row[0] != SCHEME:
            raise SchemeMismatch("index", row[0] if row else "none")

    def __len__(self) -> int:
        (count,) = self._connection.execute("SELECT count(*) FROM dedupe_documents").fetchone()
        return int(count)

    @property
    def refused(self) -> int:
        """Key entries that a full bucket did not take."""
        (count,) = self._connection.execute(
            "SELECT coalesce(sum(refused), 0) FROM dedupe_full_keys"
        ).fetchone()
        return int(count)

    def story_of(self, id: str) -> str | None:
        row = self._connection.execute("SELECT story_id FROM dedupe_documents WHERE id = ?", (id,)).fetchone()
        return row[0] if row else None

    def judge(self, document: Document, signature: Signature) -> Verdict:
        """Reads only. The document's own row, if it has one, does not count."""
        links = self._links(document, signature)
        best = links[0] if links and links[0].relation in MERGING else None
        if best is None:
            return Verdict(story_id=document.id, links=links)
        return Verdict(
            story_id=best.story_id,
            relation=best.relation,
            copy_of=best.id,
            similarity=best.similarity,
            containment=best.containment,
            links=links,
        )

    def add(self, document: Document, signature: Signature, story_id: str) -> None:
        """An earlier row of the same id is replaced."""
        self.remove(document.id)
        seq = self._connection.execute(
            "INSERT INTO dedupe_documents (id, outlet, published, story_id, digest, signature)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                document.id,
                document.outlet,
                microseconds(document.published_at),
                story_id,
                signature.digest,
                signature.to_bytes(),
            ),
        ).lastrowid
        assert seq is not None
        self._fill(signature.keys(), seq)
        self._boilerplate.count(document.outlet)

    def remove(self, id: str) -> None:
        """An unknown id is no error."""
        row = self._connection.execute(
            "DELETE FROM dedupe_documents WHERE id = ? RETURNING seq, signature", (id,)
        ).fetchone()
        if row is None:
            return
        seq, data = row
        keys = Signature.from_bytes(data).keys()
        self._connection.executemany(
            "DELETE FROM dedupe_keys WHERE key = ? AND seq = ?", ((key, seq) for key in keys)
        )

    def _create(self) -> None:
        """In one transaction, the caller's or its own: another process sees all of the index or nothing."""
        own = not self._connection.in_transaction
        if own:
            self._connection.execute("BEGIN IMMEDIATE")
        for statement in (TABLES + boilerplate.TABLES).split(";\n"):
            self._connection.execute(statement)  # executescript would commit
        self._connection.execute(
            "INSERT INTO dedupe_scheme SELECT ? WHERE NOT EXISTS (SELECT 1 FROM dedupe_scheme)", (SCHEME,)
        )
        if own:
            self._connection.execute("COMMIT")

    def _links(self, document: Document, signature: Signature) -> tuple[Link, ...]:
        if not signature.comparable:
            return ()
        known = {document.outlet: self._boilerplate.of(document.outlet)}
        new = page_of(document.outlet, signature, known[document.outlet])
        found = []
        for id, published, story_id, old in self._pages(self._candidates(new), known):
            finding = compare(new, old) if id != document.id else None
            if finding:
                link = Link(id, story_id, finding.relation, finding.jaccard, finding.containment)
                found.append((finding.relation not in MERGING, -finding.containment, published, id, link))
        return tuple(entry[-1] for entry in sorted(found, key=lambda entry: entry[:-1]))

    def _candidates(self, new: Page) -> list[int]:
        """Rows with equal words, then those that share a band or two postings, the most first."""
        equal = self._connection.execute(
            "SELECT seq FROM dedupe_documents WHERE digest = ? ORDER BY published, id LIMIT ?",
            (new.signature.digest, EQUALS),
        )
        rows = [seq for (seq,) in equal]
        keys = new.signature.band_keys() + posting_keys(new.body)  # boilerplate would find its whole outlet
        nearest = self._connection.execute(
            f"SELECT seq, sum(1 + (key < ?)) AS shared FROM dedupe_keys WHERE key IN ({_marks(keys)})"
            " GROUP BY seq HAVING shared > 1 ORDER BY shared DESC, seq LIMIT ?",
            (FIRST_POSTING, *keys, CANDIDATES),
        )
        return list(dict.fromkeys(rows + [seq for seq, _ in nearest]))

    def _pages(
        self, rows: list[int], known: dict[str, NDArray[np.uint32]]
    ) -> Iterable[tuple[str, int, str, Page]]:
        for id, outlet, published, story_id, data in self._connection.execute(
            f"SELECT {_COLUMNS} FROM dedupe_documents WHERE seq IN ({_marks(rows)})", rows
        ).fetchall():
            if outlet not in known:
                known[outlet] = self._boilerplate.of(outlet)
            yield id, published, story_id, page_of(outlet, Signature.from_bytes(data), known[outlet])

    def _fill(self, keys: list[int], seq: int) -> None:
        """A full bucket takes no more rows: it would cost every later document and find nothing."""
        full = self._connection.execute(
            f"SELECT key FROM dedupe_keys WHERE key IN ({_marks(keys)}) GROUP BY key HAVING count(*) >= ?",
            (*keys, BUCKET_ROWS),
        ).fetchall()
        self._connection.executemany(
            "INSERT INTO dedupe_full_keys VALUES (?, 1)"
            " ON CONFLICT (key) DO UPDATE SET refused = refused + 1",
            full,
        )
        refused = {key for (key,) in full}
        self._connection.executemany(
            "INSERT INTO dedupe_keys VALUES (?, ?)", [(key, seq) for key in keys if key not in refused]
        )


def _marks(values: list[int]) -> str:
    return ",".join("?" * len(values))


def microseconds(moment: datetime | None) -> int:
    """A time without a zone is taken as UTC."""
    if moment is None:
        return UNDATED
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1_000_000)
