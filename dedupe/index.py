"""The signatures of all that landed, in SQLite tables inside the caller's connection."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dedupe import boilerplate, keys
from dedupe.boilerplate import Boilerplate
from dedupe.groups import SUPPORT_MEMBERS, is_close, is_supported
from dedupe.keys import SEQ, UNDATED, Keys, marks, place_of
from dedupe.packing import coarse, pack, unpack
from dedupe.records import Document, Link, Verdict
from dedupe.relation import MERGING, Finding, Page, as_round_up, compare, is_loose, is_round_up, page_of
from dedupe.scheme import INDEX_FORMAT, SchemeMismatch
from dedupe.signature import posting_keys

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from dedupe.signature import Signature

CANDIDATES = 32  # verified per document, those with most keys in common first
EQUALS = 8  # word-for-word equal documents looked at: the earliest
WINDOW = timedelta(days=30)  # documents published further apart do not match
ALWAYS = 2**62  # microseconds: a window that all dates share

TABLES = """
CREATE TABLE IF NOT EXISTS dedupe_scheme (scheme TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS dedupe_documents (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    outlet TEXT NOT NULL,
    published INTEGER NOT NULL, -- Document.moment in microseconds since 1970; UNDATED for none
    story_id TEXT NOT NULL,
    digest INTEGER NOT NULL, -- of the words: 64 bits, signed
    signature BLOB NOT NULL -- packed
);
CREATE INDEX IF NOT EXISTS dedupe_documents_digest ON dedupe_documents (digest, published, id);
CREATE INDEX IF NOT EXISTS dedupe_documents_outlet ON dedupe_documents (outlet, seq);
CREATE INDEX IF NOT EXISTS dedupe_documents_story ON dedupe_documents (story_id, published, id);
"""
_COLUMNS = "id, outlet, published, story_id, signature"


class Index:
    """Never commits: the caller's transaction decides what is kept.

    judge and add belong into one transaction that holds the write lock (BEGIN IMMEDIATE), or two processes
    may each miss the other's copy.
    """

    def __init__(self, connection: sqlite3.Connection, window: timedelta | None = WINDOW) -> None:
        """Creates missing tables; raises SchemeMismatch if the stored signatures follow another scheme.

        Documents published further apart than the window do not match; None: all may. Those without any time
        match all.
        """
        self._connection = connection
        self.keep_within(window)
        self._boilerplate = Boilerplate(connection)
        self._keys = Keys(connection)
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'dedupe_scheme'").fetchone():
            self._create()  # only then: opening an index that is there takes no lock
        row = connection.execute("SELECT scheme FROM dedupe_scheme").fetchone()
        if row is None or row[0] != INDEX_FORMAT:
            raise SchemeMismatch("index", row[0] if row else "none")

    def keep_within(self, window: timedelta | None) -> None:
        """From now on; nothing that is stored depends on it."""
        self._window = window // timedelta(microseconds=1) if window is not None else ALWAYS

    def __len__(self) -> int:
        (count,) = self._connection.execute("SELECT count(*) FROM dedupe_documents").fetchone()
        return int(count)

    @property
    def refused(self) -> int:
        """Key entries that full buckets did not take, or gave up."""
        return self._keys.refused

    def story_of(self, id: str) -> str | None:
        row = self._connection.execute("SELECT story_id FROM dedupe_documents WHERE id = ?", (id,)).fetchone()
        return row[0] if row else None

    def judge(self, document: Document, signature: Signature) -> Verdict:
        """Reads only. The document's own row, if it has one, does not count."""
        links = self._links(document, signature)
        best = next(iter(self._merging(document, links)), None)
        if best is None:
            return Verdict(document.id, self.original_of(document.id, document), links=links)
        return Verdict(
            story_id=best.story_id,
            original_id=self.original_of(best.story_id, document),
            relation=best.relation,
            copy_of=best.id,
            similarity=best.similarity,
            containment=best.containment,
            links=links,
        )

    def _merging(self, document: Document, links: tuple[Link, ...]) -> Iterable[Link]:
        """The links that merge, best first: close ones, and those that enough of the story's documents share."""
        merging = [link for link in links if link.relation in MERGING]
        linked = Counter(link.story_id for link in merging)
        for link in merging:
            if is_close(link.similarity, link.containment) or is_supported(
                linked[link.story_id], self._members(link.story_id, document)
            ):
                yield link

    def _members(self, story_id: str, document: Document) -> int:
        """How many documents of a story this one could be linked to; no more than matter are counted."""
        since, until = self._around(microseconds(document.moment))
        (count,) = self._connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM dedupe_documents"
            " WHERE story_id = ? AND published BETWEEN ? AND ? AND id != ? LIMIT ?)",
            (story_id, since, until, document.id, SUPPORT_MEMBERS),
        ).fetchone()
        return int(count)

    def original_of(self, story_id: str, document: Document) -> str:
        """The earliest-published document of a story to which this one belongs too."""
        mine = microseconds(document.moment), document.id
        row = self._connection.execute(
            "SELECT published, id FROM dedupe_documents WHERE story_id = ? AND id != ?"
            " ORDER BY published, id LIMIT 1",
            (story_id, document.id),
        ).fetchone()
        return min(mine, row)[1] if row else document.id

    def add(self, document: Document, signature: Signature, story_id: str) -> None:
        """An earlier row of the same id is replaced."""
        self.remove(document.id)
        self._keys.follow()
        published = microseconds(document.moment)
        seq = self._connection.execute(
            "INSERT INTO dedupe_documents (id, outlet, published, story_id, digest, signature)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                document.id,
                document.outlet,
                published,
                story_id,
                _number(signature.digest),
                pack(coarse(signature)),
            ),
        ).lastrowid
        assert seq is not None
        first, last = self._around(published)
        self._keys.add(
            (seq, document.id, _number(signature.digest)),
            signature.index_keys(),
            place_of(published, seq),
            (place_of(first, 0), place_of(last, SEQ)),
        )
        self._boilerplate.count(document.outlet, seq)

    @contextmanager
    def catching_up(self) -> Iterator[None]:
        """For rows that come with their stories, inside one transaction: the same index in less time, because
        keys are written in larger portions. Nothing can be judged meanwhile."""
        self._keys.follow()
        self._keys.hold()
        try:
            yield
        except BaseException:
            self._keys.forget()
            raise
        self._keys.settle()

    def remove(self, id: str) -> None:
        """An unknown id is no error."""
        row = self._connection.execute(
            "SELECT seq, published, outlet, signature FROM dedupe_documents WHERE id = ?", (id,)
        ).fetchone()
        if row is None:
            return
        seq, published, outlet, data = row
        self._boilerplate.removing(outlet)
        self._connection.execute("DELETE FROM dedupe_documents WHERE seq = ?", (seq,))
        place = place_of(published, seq)
        self._keys.remove([(key, place) for key in unpack(data).index_keys()])

    def _create(self) -> None:
        """In one transaction, the caller's or its own: another process sees all of the index or nothing."""
        own = not self._connection.in_transaction
        if own:
            self._connection.execute("BEGIN IMMEDIATE")
        for statement in (TABLES + boilerplate.TABLES + keys.TABLES).split(";\n"):
            self._connection.execute(statement)  # executescript would commit
        self._connection.execute("INSERT INTO dedupe_refused VALUES (0)")
        self._connection.execute(
            "INSERT INTO dedupe_scheme SELECT ? WHERE NOT EXISTS (SELECT 1 FROM dedupe_scheme)",
            (INDEX_FORMAT,),
        )
        if own:
            self._connection.execute("COMMIT")

    def _links(self, document: Document, signature: Signature) -> tuple[Link, ...]:
        if not signature.comparable:
            return ()
        known = {document.outlet: self._boilerplate.of(document.outlet)}
        new = page_of(document.outlet, coarse(signature), known[document.outlet])
        moment = microseconds(document.moment)
        found: list[tuple[Finding, int, str, str]] = []
        others: list[Page] = []
        for id, published, story_id, old in self._pages(self._candidates(new, moment), known):
            if id == document.id or not self._may_match(moment, published):
                continue
            finding = compare(new, old)
            if finding:
                found.append((finding, published, id, story_id))
            if not finding or finding.relation == "contains":
                others.append(old)
        if any(is_loose(finding) for finding, *_ in found) and is_round_up(new, others):
            found = [(as_round_up(finding), moment, id, story) for finding, moment, id, story in found]
        found.sort(key=lambda f: (f[0].relation not in MERGING, -f[0].containment, f[1], f[2]))
        return tuple(
            Link(id, story_id, finding.relation, finding.jaccard, finding.containment)
            for finding, _, id, story_id in found
        )

    def _may_match(self, one: int, other: int) -> bool:
        return UNDATED in (one, other) or abs(one - other) <= self._window

    def _around(self, moment: int) -> tuple[int, int]:
        """The window's first and last microsecond."""
        return (
            (-UNDATED, UNDATED - 1) if moment == UNDATED else (moment - self._window, moment + self._window)
        )

    def _candidates(self, new: Page, moment: int) -> list[int]:
        """Rows with equal words, then those that share a band or two postings, the most first; all in the window."""
        window = self._around(moment)
        equal = [
            seq
            for since, until in (window, (UNDATED, UNDATED))
            for (seq,) in self._connection.execute(
                "SELECT seq FROM dedupe_documents"
                " WHERE digest = ? AND published BETWEEN ? AND ? ORDER BY published, id LIMIT ?",
                (_number(new.signature.digest), since, until, EQUALS),
            )
        ]
        nearest = self._keys.nearest(
            new.signature.band_keys() + posting_keys(new.body),  # boilerplate would find its whole outlet
            place_of(window[0], 0),
            place_of(window[1], SEQ),
            CANDIDATES,
        )
        return list(dict.fromkeys(equal + nearest))

    def _pages(
        self, rows: list[int], known: dict[str, NDArray[np.uint32]]
    ) -> Iterable[tuple[str, int, str, Page]]:
        found = self._connection.execute(
            f"SELECT {_COLUMNS} FROM dedupe_documents WHERE seq IN ({marks(rows)})", rows
        ).fetchall()
        known |= self._boilerplate.of_all({outlet for _, outlet, *_ in found} - known.keys())
        for id, outlet, published, story_id, data in found:
            yield id, published, story_id, page_of(outlet, unpack(data), known[outlet])


def _number(digest: bytes) -> int:
    """Its first 64 bits, signed: what SQLite holds in an integer."""
    return int.from_bytes(digest[:8], "little", signed=True)


def microseconds(moment: datetime | None) -> int:
    """A time without a zone is taken as UTC."""
    if moment is None:
        return UNDATED
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1_000_000)
