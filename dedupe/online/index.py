"""The signatures of all that landed, in SQLite tables inside the caller's connection."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from dedupe.online import boilerplate, inverted_index
from dedupe.online.boilerplate import NOTHING, Boilerplate, Outlet
from dedupe.online.inverted_index import UNDATED, Keys, day_of, marks, place_of
from dedupe.online.related_pages import related
from dedupe.online.rows import TABLES, Row, microseconds, number_of, stored, told
from dedupe.records import Document, Link, Verdict
from dedupe.rules.groups import SUPPORT_MEMBERS, is_close, is_supported
from dedupe.rules.relation import MERGING, Page, page_of
from dedupe.signature.packing import coarse, pack, unpack
from dedupe.signature.scheme import INDEX_FORMAT, SchemeMismatch

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from dedupe.signature.signature import Signature

CANDIDATES = 32  # verified per document, those with most keys in common first
EQUALS = 8  # word-for-word equal documents looked at: the earliest
WINDOW = timedelta(days=30)  # documents published further apart do not match
ALWAYS = 2**62  # microseconds: a window that all dates share


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
        row = self._connection.execute(
            "SELECT coalesce(story_id, id) FROM dedupe_documents WHERE id = ?", (stored(id),)
        ).fetchone()
        return told(row[0]) if row else None

    def judge(self, document: Document, signature: Signature) -> Verdict:
        """Reads only. The document's own row, if it has one, does not count."""
        self._follow()
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
        story, since_until, mine = (
            stored(story_id),
            self._around(microseconds(document.moment)),
            stored(document.id),
        )
        (count,) = self._connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM dedupe_documents WHERE story_id = ?1"
            " AND published BETWEEN ?2 AND ?3 AND id != ?4 LIMIT ?5)",
            (story, *since_until, mine, SUPPORT_MEMBERS),
        ).fetchone()
        (first,) = self._connection.execute(
            "SELECT count(*) FROM dedupe_documents WHERE id = ?1 AND story_id IS NULL"
            " AND published BETWEEN ?2 AND ?3 AND id != ?4",
            (story, *since_until, mine),
        ).fetchone()
        return int(count + first)

    def original_of(self, story_id: str, document: Document) -> str:
        """The earliest-published document of a story to which this one belongs too."""
        rows = self._connection.execute(
            "SELECT * FROM (SELECT published, id FROM dedupe_documents WHERE story_id = ?1 AND id != ?2"
            " ORDER BY published, id LIMIT 1)"
            " UNION ALL SELECT published, id FROM dedupe_documents"
            " WHERE id = ?1 AND story_id IS NULL AND id != ?2",
            (stored(story_id), stored(document.id)),
        ).fetchall()
        known = [(published, told(id)) for published, id in rows]
        return min([(microseconds(document.moment), document.id), *known])[1]

    def add(self, document: Document, signature: Signature, story_id: str) -> None:
        """An earlier row of the same id is replaced."""
        self.remove(document.id)
        self._follow()
        published, seq, kept = microseconds(document.moment), self._keys.next, coarse(signature)
        self._connection.execute(
            "INSERT INTO dedupe_documents (seq, id, outlet, published, story_id, digest, signature)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                seq,
                stored(document.id),
                self._boilerplate.count(document.outlet, seq),
                published,
                stored(story_id) if story_id != document.id else None,
                number_of(signature.digest),
                pack(kept),
            ),
        )
        first, last = self._around(published)
        self._keys.add(
            kept.keys(kept.body_sketch()),
            place_of(published, kept.shingles, seq),
            (day_of(first), day_of(last)),
        )

    def _follow(self) -> None:
        """What other processes have added, and whether what was known is there still."""
        if not self._keys.follow():
            self._boilerplate.forget()

    @contextmanager
    def catching_up(self) -> Iterator[None]:
        """For rows that come with their stories, inside one transaction: the same index in less time, because
        keys are written in larger portions. Nothing can be judged meanwhile."""
        self._follow()
        self._keys.hold()
        try:
            yield
        except BaseException:
            self._keys.forget()
            self._boilerplate.forget()
            raise
        self._keys.settle()

    def remove(self, id: str) -> None:
        """An unknown id is no error."""
        row = self._connection.execute(
            "SELECT seq, published, outlet, signature FROM dedupe_documents WHERE id = ?", (stored(id),)
        ).fetchone()
        if row is None:
            return
        self._follow()
        seq, published, outlet, data = row
        self._boilerplate.removing(outlet)
        self._connection.execute("DELETE FROM dedupe_documents WHERE seq = ?", (seq,))
        old = unpack(data)
        self._keys.remove(old.keys(old.body_sketch()), place_of(published, old.shingles, seq))

    def _create(self) -> None:
        """In one transaction, the caller's or its own: another process sees all of the index or nothing."""
        own = not self._connection.in_transaction
        if own:
            self._connection.execute("BEGIN IMMEDIATE")
        for statement in (TABLES + boilerplate.TABLES + inverted_index.TABLES).split(";\n"):
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
        outlets = self._boilerplate.named(document.outlet)
        (mine,) = outlets.values() or (Outlet(document.outlet, NOTHING),)
        new = page_of(mine.name, coarse(signature), mine.boilerplate)
        rows = self._rows(new, document)
        outlets |= self._boilerplate.of({row.outlet for row in rows} - outlets.keys())
        return tuple(
            Link(told(row.id), row.story, finding.relation, finding.jaccard, finding.containment)
            for finding, row in related(new, rows, outlets)
        )

    def _may_match(self, one: int, other: int) -> bool:
        return UNDATED in (one, other) or abs(one - other) <= self._window

    def _around(self, moment: int) -> tuple[int, int]:
        """The window's first and last microsecond."""
        return (
            (-UNDATED, UNDATED - 1) if moment == UNDATED else (moment - self._window, moment + self._window)
        )

    def _rows(self, new: Page, document: Document) -> list[Row]:
        """Other rows with equal words, then those that share a band or two postings, the most first; all in the
        window."""
        moment, mine = microseconds(document.moment), stored(document.id)
        window = self._around(moment)
        seqs = {
            seq
            for since, until in (window, (UNDATED, UNDATED))
            for (seq,) in self._connection.execute(
                "SELECT seq FROM dedupe_documents"
                " WHERE digest = ? AND published BETWEEN ? AND ? ORDER BY published, id LIMIT ?",
                (number_of(new.signature.digest), since, until, EQUALS),
            )
        }
        seqs.update(
            self._keys.nearest(
                new.signature.keys(new.body),  # boilerplate would find its whole outlet
                len(new.body),
                (day_of(window[0]), day_of(window[1])),
                CANDIDATES,
            )
        )
        found = self._connection.execute(
            f"SELECT {', '.join(Row._fields)} FROM dedupe_documents WHERE seq IN ({marks(seqs)})",
            tuple(seqs),
        )
        return [
            row for row in map(Row._make, found) if row.id != mine and self._may_match(moment, row.published)
        ]
