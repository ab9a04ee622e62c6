"""Judges each new article against the signatures of all earlier ones, kept in the caller's SQLite database."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from dedupe.online import boilerplate, inverted_index
from dedupe.online.boilerplate import NO_HASHES, Boilerplate, Outlet
from dedupe.online.inverted_index import UNDATED, InvertedIndex, day_number, encode_place, placeholders
from dedupe.online.related_pages import find_related
from dedupe.online.rows import TABLES, Row, decode_id, digest_number, encode_id, to_microseconds
from dedupe.records import Document, Link, Verdict
from dedupe.rules.groups import SUPPORT_MEMBERS, has_enough_links, is_close
from dedupe.rules.relation import MERGING, Page, page_without_boilerplate
from dedupe.signature.packing import coarsen, pack, unpack
from dedupe.signature.scheme import INDEX_FORMAT, SchemeMismatch

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from dedupe.signature.signature import Signature

MAX_CANDIDATES = 32  # rows verified for a document at most, those with the most keys in common first
MAX_EXACT_DUPLICATES = 8  # of rows with the same words, the earliest so many are compared
WINDOW = timedelta(days=30)  # documents published further apart do not match
UNLIMITED_WINDOW = 2**62  # microseconds; contains all dates


class Index:
    """The index of signatures. It never commits: the caller's transaction decides what is stored.

    Call judge and add in one transaction that holds the write lock (BEGIN IMMEDIATE). Otherwise two processes may
    each miss the other's copy.
    """

    def __init__(self, connection: sqlite3.Connection, window: timedelta | None = WINDOW) -> None:
        """Open the index, and create its tables if they are missing.

        window: documents published further apart do not match; None if all may. A document without any time matches
        all. Raises SchemeMismatch if the stored signatures follow another scheme.
        """
        self._connection = connection
        self.keep_within(window)
        self._boilerplate = Boilerplate(connection)
        self._inverted_index = InvertedIndex(connection)
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'dedupe_scheme'").fetchone():
            self._create_tables()  # only if missing, so that opening an existing index takes no lock
        row = connection.execute("SELECT scheme FROM dedupe_scheme").fetchone()
        if row is None or row[0] != INDEX_FORMAT:
            raise SchemeMismatch("index", row[0] if row else "none")

    def keep_within(self, window: timedelta | None) -> None:
        """Set the window for all further calls. Nothing that is stored depends on it."""
        self._window = window // timedelta(microseconds=1) if window is not None else UNLIMITED_WINDOW

    def __len__(self) -> int:
        (count,) = self._connection.execute("SELECT count(*) FROM dedupe_documents").fetchone()
        return int(count)

    @property
    def refused(self) -> int:
        """Number of entries that full buckets did not take or gave up."""
        return self._inverted_index.refused

    def story_of(self, id: str) -> str | None:
        """The story id that was stored for a document; None if the document is unknown."""
        row = self._connection.execute(
            "SELECT coalesce(story_id, id) FROM dedupe_documents WHERE id = ?", (encode_id(id),)
        ).fetchone()
        return decode_id(row[0]) if row else None

    def judge(self, document: Document, signature: Signature) -> Verdict:
        """Decide which story the document belongs to, and which older document it copies.

        Reads only. If the document has a row in the index, that row is ignored.
        """
        self._read_new_rows()
        links = self._links(document, signature)
        best = next(iter(self._merging_links(document, links)), None)
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

    def _merging_links(self, document: Document, links: tuple[Link, ...]) -> Iterable[Link]:
        """The links that merge, best first: close ones, and those to a story of which enough documents are linked."""
        merging = [link for link in links if link.relation in MERGING]
        linked = Counter(link.story_id for link in merging)
        for link in merging:
            if is_close(link.similarity, link.containment) or has_enough_links(
                linked[link.story_id], self._count_members(link.story_id, document)
            ):
                yield link

    def _count_members(self, story_id: str, document: Document) -> int:
        """The number of a story's documents in the window, this one left out.

        Counting stops once there are enough for the rule of support.
        """
        encoded_story, window, own_id = (
            encode_id(story_id),
            self._window_around(to_microseconds(document.moment)),
            encode_id(document.id),
        )
        (count,) = self._connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM dedupe_documents WHERE story_id = ?1"
            " AND published BETWEEN ?2 AND ?3 AND id != ?4 LIMIT ?5)",
            (encoded_story, *window, own_id, SUPPORT_MEMBERS),
        ).fetchone()
        (first,) = self._connection.execute(
            "SELECT count(*) FROM dedupe_documents WHERE id = ?1 AND story_id IS NULL"
            " AND published BETWEEN ?2 AND ?3 AND id != ?4",
            (encoded_story, *window, own_id),
        ).fetchone()
        return int(count + first)

    def original_of(self, story_id: str, document: Document) -> str:
        """The id of the earliest-published document of a story, to which the given document belongs too.

        On equal times it is the least id.
        """
        rows = self._connection.execute(
            "SELECT * FROM (SELECT published, id FROM dedupe_documents WHERE story_id = ?1 AND id != ?2"
            " ORDER BY published, id LIMIT 1)"
            " UNION ALL SELECT published, id FROM dedupe_documents"
            " WHERE id = ?1 AND story_id IS NULL AND id != ?2",
            (encode_id(story_id), encode_id(document.id)),
        ).fetchall()
        candidates = [(published, decode_id(id)) for published, id in rows]
        return min([(to_microseconds(document.moment), document.id), *candidates])[1]

    def add(self, document: Document, signature: Signature, story_id: str) -> None:
        """Store a document and its story. An earlier row of the same id is replaced."""
        self.remove(document.id)
        self._read_new_rows()
        published, seq, coarse = (
            to_microseconds(document.moment),
            self._inverted_index.next_row,
            coarsen(signature),
        )
        self._connection.execute(
            "INSERT INTO dedupe_documents (seq, id, outlet, published, story_id, digest, signature)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                seq,
                encode_id(document.id),
                self._boilerplate.count_row(document.outlet, seq),
                published,
                encode_id(story_id) if story_id != document.id else None,
                digest_number(signature.digest),
                pack(coarse),
            ),
        )
        first, last = self._window_around(published)
        self._inverted_index.add(
            coarse.keys(coarse.body_sketch()),
            encode_place(published, coarse.shingles, seq),
            (day_number(first), day_number(last)),
        )

    def _read_new_rows(self) -> None:
        """Read the rows that other processes have added, and discard learned boilerplate after a rollback."""
        if not self._inverted_index.read_new_rows():
            self._boilerplate.reset()

    @contextmanager
    def catching_up(self) -> Iterator[None]:
        """While this is open, `add` writes keys in larger portions, which takes less time and gives the same index.

        Use it inside one transaction to add rows whose stories are known. Nothing can be judged meanwhile.
        """
        self._read_new_rows()
        self._inverted_index.delay_writes()
        try:
            yield
        except BaseException:
            self._inverted_index.reset()
            self._boilerplate.reset()
            raise
        self._inverted_index.write_at_once()

    def remove(self, id: str) -> None:
        """Delete a document's row. An unknown id is ignored."""
        row = self._connection.execute(
            "SELECT seq, published, outlet, signature FROM dedupe_documents WHERE id = ?", (encode_id(id),)
        ).fetchone()
        if row is None:
            return
        self._read_new_rows()
        seq, published, outlet, data = row
        self._boilerplate.before_removal(outlet)
        self._connection.execute("DELETE FROM dedupe_documents WHERE seq = ?", (seq,))
        old = unpack(data)
        self._inverted_index.remove(old.keys(old.body_sketch()), encode_place(published, old.shingles, seq))

    def _create_tables(self) -> None:
        """Create all tables in one transaction, so that another process sees the whole index or nothing.

        The transaction is the caller's, if there is one.
        """
        starts_transaction = not self._connection.in_transaction
        if starts_transaction:
            self._connection.execute("BEGIN IMMEDIATE")
        for statement in (TABLES + boilerplate.TABLES + inverted_index.TABLES).split(";\n"):
            self._connection.execute(statement)  # executescript would commit
        self._connection.execute("INSERT INTO dedupe_refused VALUES (0)")
        self._connection.execute(
            "INSERT INTO dedupe_scheme SELECT ? WHERE NOT EXISTS (SELECT 1 FROM dedupe_scheme)",
            (INDEX_FORMAT,),
        )
        if starts_transaction:
            self._connection.execute("COMMIT")

    def _links(self, document: Document, signature: Signature) -> tuple[Link, ...]:
        """All verified relations of the document to stored ones, best first."""
        if not signature.comparable:
            return ()
        outlets = self._boilerplate.find_outlet(document.outlet)
        (outlet,) = outlets.values() or (Outlet(document.outlet, NO_HASHES),)
        new = page_without_boilerplate(outlet.name, coarsen(signature), outlet.boilerplate)
        rows = self._candidate_rows(new, document)
        outlets |= self._boilerplate.read_outlets({row.outlet for row in rows} - outlets.keys())
        return tuple(
            Link(decode_id(row.id), row.story, finding.relation, finding.jaccard, finding.containment)
            for finding, row in find_related(new, rows, outlets)
        )

    def _is_within_window(self, moment: int, other_moment: int) -> bool:
        """Whether two times are no further apart than the window. An undated document is in every window."""
        return UNDATED in (moment, other_moment) or abs(moment - other_moment) <= self._window

    def _window_around(self, moment: int) -> tuple[int, int]:
        """The first and the last microsecond of the window around a time."""
        return (
            (-UNDATED, UNDATED - 1) if moment == UNDATED else (moment - self._window, moment + self._window)
        )

    def _candidate_rows(self, new: Page, document: Document) -> list[Row]:
        """The rows in the window that may be related to the new page: exact duplicates and those that share keys."""
        moment, own_id = to_microseconds(document.moment), encode_id(document.id)
        window = self._window_around(moment)
        seqs = {
            seq
            for since, until in (window, (UNDATED, UNDATED))
            for (seq,) in self._connection.execute(
                "SELECT seq FROM dedupe_documents"
                " WHERE digest = ? AND published BETWEEN ? AND ? ORDER BY published, id LIMIT ?",
                (digest_number(new.signature.digest), since, until, MAX_EXACT_DUPLICATES),
            )
        }
        seqs.update(
            self._inverted_index.find_candidates(
                new.signature.keys(new.body),  # boilerplate would find its whole outlet
                len(new.body),
                (day_number(window[0]), day_number(window[1])),
                MAX_CANDIDATES,
            )
        )
        rows = self._connection.execute(
            f"SELECT {', '.join(Row._fields)} FROM dedupe_documents WHERE seq IN ({placeholders(seqs)})",
            tuple(seqs),
        )
        return [
            row
            for row in map(Row._make, rows)
            if row.id != own_id and self._is_within_window(moment, row.published)
        ]
