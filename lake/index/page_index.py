"""Keeps the index of a lake in a local SQLite file: the state of each page, the signatures, and the pending rows.

1. The lake is the source of truth, and the index a cache. The file may be deleted at any time; lake/runs/catch_up.py
   rebuilds it, and it gives the same answers.
2. A pending row was judged by a run and has not landed in the lake yet.
3. Several processes of one machine share the file. Each judgement is one short write transaction, so of two copies
   that arrive at the same time the second finds the first.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cleaning import Article, is_alternate_url, page_id
from dedupe import INDEX_FORMAT, Document, SchemeMismatch, Signature, Verdict
from dedupe import Index as Signatures
from lake.schema.columns import SCHEMA_VERSION
from lake.schema.records import requested_id
from lake.storage.local_files import PRIVATE_FILE, private_folder
from lake.storage.state_folder import state_failure, state_failures_told
from lake.storage.taken_down_addresses import TakenDownAddresses
from lake.storage.tombstones import TakenDown, outlet_tombstone, page_tombstone, parse_tombstones

log = logging.getLogger(__name__)

# an index of another format, schema or signature scheme is rebuilt
FORMAT = f"3 {SCHEMA_VERSION} {INDEX_FORMAT}"
# database pages (64 MiB) after which SQLite moves the write-ahead journal by itself; a crawl does so at each flush
_WAL_PAGES = 8000
_TO_ERASE = "to erase"  # key of meta
_PAGE_COLUMNS = """
    id TEXT PRIMARY KEY, outlet TEXT NOT NULL, run_id TEXT NOT NULL, seq INTEGER NOT NULL,
    content_hash TEXT, story_id TEXT, canonical_id TEXT, reason TEXT,
    fetched_at INTEGER NOT NULL, first_at INTEGER NOT NULL, published_at INTEGER, checks INTEGER NOT NULL,
    tries INTEGER NOT NULL, retry_at INTEGER, requested_url TEXT"""  # times: microseconds since 1970, UTC
# A reject is the state of its requested URL, an article that of the page that answered. `asked` maps the id of a
# requested URL to the page whose article answered; it holds the URL itself where nothing but the redirect ties the two
# (lake/runs/shared_pages.py). `shared` names the pages that answered for URLs they have nothing to do with. `versions` holds the marks of rows that are not
# the latest of their page (run_id and seq only while they are pending). `visited` holds the state of sources. `learned`
# names the parts of other machines' runs whose rows were entered before their run had ended. `former` holds the mark that
# another version of the cleaner gives to the page of a row (lake/runs/former_pages.py)
_CREATE_TABLES = f"""
    CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS runs (id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS pages ({_PAGE_COLUMNS}) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS pending ({_PAGE_COLUMNS}, asked TEXT NOT NULL, signature BLOB);
    CREATE INDEX IF NOT EXISTS pending_by_run ON pending (run_id);
    CREATE INDEX IF NOT EXISTS retries ON pages (outlet, retry_at) WHERE retry_at IS NOT NULL;
    CREATE TABLE IF NOT EXISTS asked (id TEXT PRIMARY KEY, page TEXT NOT NULL, untied_url TEXT) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS untied ON asked (page) WHERE untied_url IS NOT NULL;
    CREATE TABLE IF NOT EXISTS shared (page TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS versions (
        id TEXT NOT NULL, mark TEXT NOT NULL, run_id TEXT, seq INTEGER, PRIMARY KEY (id, mark)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS versions_by_run ON versions (run_id);
    CREATE TABLE IF NOT EXISTS sources (url TEXT PRIMARY KEY, read_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS takedowns (name TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS learned (key TEXT PRIMARY KEY, run_id TEXT NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS learned_by_run ON learned (run_id);
    CREATE TABLE IF NOT EXISTS former (
        id TEXT PRIMARY KEY, content_hash TEXT NOT NULL, mark TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS visited (
        url TEXT PRIMARY KEY, run_at INTEGER NOT NULL, facts TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class PageState:
    """The index's entry for a page: its latest row, and how often it was fetched.

    A reject is an entry of the URL that was requested, whatever page answered. content_hash and story_id are None if
    the page never held an article. reason is None unless its latest row is a reject."""

    id: str
    outlet: str
    run_id: str
    seq: int  # flush of the latest row in its run
    content_hash: str | None
    story_id: str | None
    canonical_id: str | None  # page id of the rel=canonical URL, if that is another page
    reason: str | None
    fetched_at: datetime  # the latest fetch, also if it found nothing new
    first_at: datetime  # the first fetch that found an article; if none did, the first fetch
    published_at: datetime | None
    checks: int = 0  # fetches after the latest row, all of which found nothing new
    tries: int = 0  # rejects in a row, the latest included
    # of a reject: earliest time of the next fetch; None: never. Of an article: when it is to be checked; None: need not
    retry_at: datetime | None = None
    requested_url: str | None = None  # the URL whose request gave the latest row


_FIELDS = tuple(PageState.__dataclass_fields__)
_TIME_FIELDS = {"fetched_at", "first_at", "published_at", "retry_at"}
_COLUMNS = ", ".join(_FIELDS)
_PLACEHOLDERS = ", ".join("?" * len(_FIELDS))


class Index:
    """The index of one lake; open it with `open_index`. Two threads must not use it at the same time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        private_folder(path.parent)
        # SQLite gives its journals the mode of the file, and would make the file by the umask
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, PRIVATE_FILE))
        self._db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA page_size = 8192")  # for a new file: fewer half-empty database pages
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # for a cache: what a power cut takes is rebuilt
        self._db.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        self._db.execute("PRAGMA cache_size = -16384")  # in KiB, large: the band table is read at random
        self._db.executescript(_CREATE_TABLES)
        with self._transaction():
            found = self._db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
            if found is None:
                self._db.execute("INSERT INTO meta VALUES ('format', ?)", (FORMAT,))
            elif found[0] != FORMAT:
                raise ForeignIndex(f"made as {found[0]!r}, this version makes {FORMAT!r}")
            self.signatures = Signatures(self._db)
        self._taken_down = parse_tombstones(self.takedowns())

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block in one write transaction; other processes wait for it. Rolls back if the block raises.

        Raises StateFailed where the file cannot be read or written."""
        with state_failures_told(self.path), self._transaction():
            yield

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            note_damage(self.path, error)
            with suppress(sqlite3.Error):  # SQLite may already have rolled back
                self._db.execute("ROLLBACK")
            raise

    def checkpoint_journal(self) -> None:
        """Move the write-ahead journal into the database file and wait for the disk (SQLite's WAL checkpoint).

        May be called in any thread, and blocks no other user of the index. Without it, a transaction would have to do
        the same once the journal is long."""
        with suppress(sqlite3.Error), closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def close(self) -> None:
        """Close the SQLite file."""
        self._db.close()

    # ------------------------------------------------------------ pages, sources and runs

    def page_state(self, page: str) -> PageState | None:
        """Return the state of a page after its latest row, pending rows included; None if the page is unknown."""
        return self._pending_row(page) or self.landed_row(page)

    def _pending_row(self, page: str) -> PageState | None:
        row = self._db.execute(f"SELECT {_COLUMNS} FROM pending WHERE id = ?", (page,)).fetchone()
        return _from_row(row) if row else None

    def answering_page(self, requested: str) -> str:
        """Return the id of the page whose article answered when a URL was last requested, by the URL's id.

        That is the same id unless a redirect to an article is known."""
        row = self._db.execute("SELECT page FROM asked WHERE id = ?", (requested,)).fetchone()
        return row[0] if row else requested

    def requested_state(self, requested: str) -> PageState | None:
        """Return what became of a URL when it was last requested, by the URL's id: the state of the page whose article
        answered, or its own reject. None if it is unknown."""
        own_pending_row = self._pending_row(requested)
        return own_pending_row or self.page_state(self.answering_page(requested))

    def due_retries(self, outlet: str, now: datetime, max_tries: int) -> Iterator[str]:
        """Return the URLs of an outlet whose rejects are due for a retry, those that are due the longest first.
        max_tries: a URL with more rejects in a row is not among them."""
        found = self._db.execute(
            "SELECT requested_url FROM pages WHERE outlet = ? AND retry_at <= ? AND requested_url IS NOT NULL"
            " AND tries <= ? AND id NOT IN (SELECT id FROM pending) ORDER BY retry_at, id",
            (outlet, _to_microseconds(now), max_tries),
        )
        return (row[0] for row in found.fetchall())

    def is_shared(self, page: str) -> bool:
        """Whether a page, by its id, is known to have answered for URLs that it has nothing to do with."""
        return self._db.execute("SELECT 1 FROM shared WHERE page = ?", (page,)).fetchone() is not None

    def untied_urls(self, page: str) -> list[str]:
        """Return the requested URLs that led to this page and have nothing else to do with it."""
        found = self._db.execute(
            "SELECT untied_url FROM asked WHERE page = ? AND untied_url IS NOT NULL ORDER BY id", (page,)
        )
        return [row[0] for row in found]

    def source_read_at(self, source: str) -> datetime | None:
        """Return when a run began that read a source to its end and settled all of its pages; None: there is none."""
        row = self._db.execute("SELECT read_at FROM sources WHERE url = ?", (source,)).fetchone()
        return _EPOCH + timedelta(microseconds=row[0]) if row else None

    def source_state(self, source: str) -> dict[str, Any] | None:
        """Return the state of a source (by URL) that the last run to read it recorded; None: there is none."""
        row = self._db.execute("SELECT facts FROM visited WHERE url = ?", (source,)).fetchone()
        state: dict[str, Any] | None = json.loads(row[0]) if row else None
        return state

    def landed_row(self, page: str) -> PageState | None:
        """Return the state of a page after its latest row in the lake, without pending rows; None if it has none."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM pages WHERE id = ?", (page,)).fetchone()
        return _from_row(row) if row else None

    def is_pending(self, page: str) -> bool:
        """Whether any run of this machine has a pending row of the page."""
        return self._db.execute("SELECT 1 FROM pending WHERE id = ?", (page,)).fetchone() is not None

    def run_ids(self, after: str = "") -> set[str]:
        """Return the ids of the runs whose rows are all in the index, those that sort after `after`."""
        return {row[0] for row in self._db.execute("SELECT id FROM runs WHERE id > ?", (after,))}

    def pending_runs(self) -> set[str]:
        """Return the ids of the runs that have pending rows."""
        found = self._db.execute(
            "SELECT run_id FROM pending UNION SELECT run_id FROM versions WHERE run_id IS NOT NULL"
        )
        return {row[0] for row in found}

    def watermark(self) -> str:
        """Return the run id up to which all runs have ended and are in the index; only later ones need a listing."""
        row = self._db.execute("SELECT value FROM meta WHERE key = 'frontier'").fetchone()
        return row[0] if row else ""

    def advance_watermark(self, watermark: str) -> None:
        """Move the watermark forward; an earlier one changes nothing."""
        # 'frontier' is the old name of the watermark; older index files and checkpoints have it
        self._db.execute(
            "INSERT INTO meta VALUES ('frontier', ?) ON CONFLICT (key) DO UPDATE SET"
            " value = max(value, excluded.value)",
            (watermark,),
        )

    def integrity_problem(self) -> str | None:
        """Return the first problem that SQLite's quick_check finds in the file; None if it is sound.

        Reads all of it."""
        (found,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        return None if found == "ok" else str(found)

    # ------------------------------------------------------------ what was taken down

    def takedowns(self) -> frozenset[str]:
        """Return the names of the tombstones that the index knows (lake/storage/tombstones.py)."""
        return frozenset(row[0] for row in self._db.execute("SELECT name FROM takedowns"))

    @property
    def taken_down(self) -> TakenDown:
        """The pages and outlets that were taken down; `learn_row` ignores their rows."""
        return self._taken_down

    def take_down(self, names: Collection[str]) -> None:
        """Replace the known tombstones by these names, and delete what they take down from the index.

        names: of all tombstones of the lake. Where some are new, `erase` has to follow."""
        with self.transaction():
            if set(names) - self.takedowns():
                # these parts may have landed while a takedown went over the lake: they are looked at once more
                self._db.execute("DELETE FROM learned")
                self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, '1')", (_TO_ERASE,))
            self._db.execute("DELETE FROM takedowns")
            self._db.executemany("INSERT INTO takedowns VALUES (?)", [(name,) for name in names])
            self._taken_down = parse_tombstones(names)
            pages = [(page,) for page in self._taken_down.pages]
            for outlet in self._taken_down.outlets:
                for table in ("pages", "pending"):
                    pages += self._db.execute(
                        f"SELECT id FROM {table} WHERE outlet = ?", (outlet,)
                    ).fetchall()
            for table, column in (
                ("pages", "id"),
                ("pending", "id"),
                ("pending", "asked"),
                ("versions", "id"),
                ("former", "id"),
                ("asked", "page"),
                ("asked", "id"),
                ("shared", "page"),
            ):
                self._db.executemany(f"DELETE FROM {table} WHERE {column} = ?", pages)
            for (page,) in pages:
                self.signatures.remove(page)
            if self.is_to_erase():
                self._forget_sources()

    def _forget_sources(self) -> None:
        """Delete what is known of sources whose address was taken down, as that of a page which lists others."""
        addresses = TakenDownAddresses(self._taken_down)
        for table in ("sources", "visited"):
            urls = self._db.execute(f"SELECT url FROM {table}").fetchall()
            self._db.executemany(
                f"DELETE FROM {table} WHERE url = ?", [(url,) for (url,) in urls if addresses.name(url)]
            )

    def is_to_erase(self) -> bool:
        """Whether what was taken down may still be in unused bytes of the files."""
        return self._db.execute("SELECT 1 FROM meta WHERE key = ?", (_TO_ERASE,)).fetchone() is not None

    def erase(self) -> bool:
        """Build the file anew, so that nothing of deleted rows is left in its unused bytes or in its journal; return
        False where another process reads it meanwhile, so that it has to be done again.

        Rows that were pending leave their addresses behind, too. Reads and writes the whole file; other processes wait.
        Raises sqlite3.Error."""
        self._db.execute("VACUUM")
        is_busy, *_ = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not is_busy:
            self._db.execute("DELETE FROM meta WHERE key = ?", (_TO_ERASE,))
        return not is_busy

    def is_taken_down(self, outlet: str, *pages: str) -> bool:
        """Whether the outlet or any of these page ids was taken down, as far as this machine's processes have
        read."""
        names = [outlet_tombstone(outlet), *(page_tombstone(page) for page in pages)]
        placeholders = ", ".join("?" * len(names))
        found = self._db.execute(f"SELECT 1 FROM takedowns WHERE name IN ({placeholders})", names)
        return found.fetchone() is not None

    # ------------------------------------------------------------ judging and landing a page

    def judge(self, article: Article, document: Document, signature: Signature) -> Verdict:
        """Return the verdict on a new article, compared with all articles that have landed or are pending."""
        verdict = self.signatures.judge(document, signature)
        if page := self._page_of_alternate_url(article):
            return self._alias_verdict(page, document, verdict)
        if verdict.relation is None:
            return verdict
        if verdict.story_id == article.id:  # copies of it landed earlier, and their story has its id
            return Verdict(article.id, verdict.original_id, links=verdict.links)
        if self._is_alias(article, verdict):
            return replace(verdict, relation="alias")
        return verdict

    def _page_of_alternate_url(self, article: Article) -> PageState | None:
        """Return the known page of which the article is an AMP, print or mobile version; None if it is none.

        The texts are not compared, because such a version may show only a part of the story."""
        canonical = canonical_id(article)
        page = (
            self.page_state(canonical)
            if canonical and is_alternate_url(article.url, article.canonical_url or "")
            else None
        )
        if page is None or page.outlet != article.outlet or page.story_id in (None, article.id):
            return None
        return page

    def _alias_verdict(self, page: PageState, document: Document, verdict: Verdict) -> Verdict:
        """Return the verdict that an article is an alias of this page."""
        assert page.story_id, "it holds an article"
        link = next((link for link in verdict.links if link.id == page.id), None)
        return Verdict(
            story_id=page.story_id,
            original_id=self.signatures.original_of(page.story_id, document),
            relation="alias",
            copy_of=page.id,
            similarity=link.similarity if link else None,
            containment=link.containment if link else None,
            links=verdict.links,
        )

    def _is_alias(self, article: Article, verdict: Verdict) -> bool:
        """Whether the article is its matched page under another URL of the outlet: by its words or by
        rel=canonical."""
        other = self.page_state(verdict.copy_of or "")
        if other is None or other.outlet != article.outlet:
            return False
        own_canonical, other_canonical = canonical_id(article), other.canonical_id
        is_named = own_canonical == other.id or (
            other_canonical is not None and other_canonical in (article.id, own_canonical)
        )
        return is_named or verdict.relation == "identical"

    def add_pending(
        self,
        state: PageState,
        requested: str,
        document: Document | None = None,
        signature: Signature | None = None,
    ) -> None:
        """Enter a row that is about to land, as a pending row that every process of this machine sees.

        state: of the page after the row. requested: id of the requested URL. The signature of a new article is used
        at once; that of a revision replaces the old one when the row lands. `drop_pending` removes the row if it
        never lands."""
        revised_signature = None
        if document and signature:
            if self.signatures.story_of(document.id) is None:
                self.signatures.add(document, signature, state.story_id or state.id)
            else:
                revised_signature = signature.to_bytes()
        if earlier := self.page_state(state.id):
            self._keep_older_version(earlier, pending=self.is_pending(state.id))
        self._db.execute(
            f"INSERT OR REPLACE INTO pending ({_COLUMNS}, asked, signature) VALUES ({_PLACEHOLDERS}, ?, ?)",
            (*_to_row(state), requested, revised_signature),
        )

    def landed(self, run_id: str, seq: int) -> None:
        """Turn the pending rows of a flush into landed ones, after its part files were written to the lake."""
        flush = (run_id, seq)
        with self.transaction():
            self._reconcile_pending(flush)
            for page, outlet, story, published, first, data in self._db.execute(
                "SELECT id, outlet, story_id, published_at, first_at, signature FROM pending "
                "WHERE run_id = ? AND seq = ? AND signature IS NOT NULL",
                flush,
            ).fetchall():
                document = Document(page, outlet, _from_microseconds(published), _from_microseconds(first))
                self.signatures.add(document, Signature.from_bytes(data), story)
            self._db.execute(
                f"INSERT OR REPLACE INTO pages ({_COLUMNS}) SELECT {_COLUMNS} FROM pending "
                "WHERE run_id = ? AND seq = ?",
                flush,
            )
            for requested, page, fetched_at in self._db.execute(
                "SELECT asked, id, fetched_at FROM pending WHERE run_id = ? AND seq = ?", flush
            ).fetchall():
                self._record_redirect(requested, page, fetched_at)
            self._db.execute("DELETE FROM pending WHERE run_id = ? AND seq = ?", flush)
            self._db.execute(
                "UPDATE versions SET run_id = NULL, seq = NULL WHERE run_id = ? AND seq = ?", flush
            )

    def _reconcile_pending(self, flush: tuple[str, int]) -> None:
        """Bring the pending rows of a flush in line with rows of the same pages that other machines have landed since
        they were judged, as if all were read back from the lake."""
        newer = self._db.execute(
            "SELECT pending.id, pending.content_hash, pending.reason FROM pending JOIN pages USING (id)"
            " WHERE pending.run_id = ? AND pending.seq = ?"
            " AND (pending.content_hash IS NULL OR pages.content_hash IS NOT NULL)"
            " AND pending.fetched_at < pages.fetched_at",
            flush,
        ).fetchall()
        for page, content_hash, reason in newer:
            self.add_version(page, f"reject:{reason}" if reason else content_hash)
            self._db.execute("DELETE FROM pending WHERE id = ?", (page,))
        self._db.execute(
            "INSERT OR IGNORE INTO versions SELECT id, pages.content_hash, NULL, NULL FROM pending JOIN pages USING (id)"
            " WHERE pending.run_id = ? AND pending.seq = ? AND pages.content_hash <> pending.content_hash",
            flush,
        )
        article = "content_hash, story_id, canonical_id, first_at, published_at"
        self._db.execute(
            f"UPDATE pending SET ({article}) = (SELECT {article} FROM pages WHERE pages.id = pending.id)"
            " WHERE run_id = ? AND seq = ? AND content_hash IS NULL"
            " AND EXISTS (SELECT 1 FROM pages WHERE pages.id = pending.id AND pages.content_hash IS NOT NULL)",
            flush,
        )

    def drop_pending(self, run_id: str) -> None:
        """Remove all pending rows of a run, which has died or has ended without landing them."""
        rows = self._db.execute("SELECT id FROM pending WHERE run_id = ?", (run_id,)).fetchall()
        self._db.execute("DELETE FROM pending WHERE run_id = ?", (run_id,))
        self._db.execute("DELETE FROM versions WHERE run_id = ?", (run_id,))
        for (page,) in rows:
            self._forget_signature(page)

    def withdraw_pending(self, page: str, run_id: str) -> None:
        """Remove the pending row of a page that a run has judged and decides not to land."""
        self._db.execute("DELETE FROM pending WHERE id = ? AND run_id = ?", (page, run_id))
        self._forget_signature(page)

    def has_pending_copies(self, page: str) -> bool:
        """Whether a pending row of another page belongs to the story of this page."""
        found = self._db.execute("SELECT 1 FROM pending WHERE story_id = ? AND id <> ?", (page, page))
        return found.fetchone() is not None

    def _forget_signature(self, page: str) -> None:
        """Remove the signature of a page that holds no article any more."""
        state = self.page_state(page)
        if not (state and state.content_hash):
            self.signatures.remove(page)

    # ------------------------------------------------------------ older versions of a page

    def has_version(self, page: str, mark: str) -> bool:
        """Whether the lake has an older row of a page with this mark (see `version_mark`), or is about to have it."""
        found = self._db.execute("SELECT 1 FROM versions WHERE id = ? AND mark = ?", (page, mark))
        return found.fetchone() is not None

    def add_version(self, page: str, mark: str, pending: tuple[str, int] | None = None) -> None:
        """Enter the mark of a row that is older than the page's latest row.

        pending: run id and seq of the flush if the row has not landed yet. An archive is replayed in any order, so a
        version that is older than the latest may come later, and must land only once."""
        verb = "IGNORE" if pending else "REPLACE"
        flush = pending or (None, None)
        self._db.execute(f"INSERT OR {verb} INTO versions VALUES (?, ?, ?, ?)", (page, mark, *flush))

    def former_mark(self, known: PageState) -> str | None:
        """Return the mark that was noted for what was fetched for a page's latest row; None where none was."""
        row = self._db.execute(
            "SELECT mark FROM former WHERE id = ? AND content_hash = ?", (known.id, known.content_hash)
        ).fetchone()
        return row[0] if row else None

    def note_former_mark(self, known: PageState, mark: str) -> None:
        """Note the mark (see `version_mark`) that this version of the cleaner gives to what was fetched for a page's
        latest row."""
        self._db.execute(
            "INSERT OR REPLACE INTO former VALUES (?, ?, ?)", (known.id, known.content_hash, mark)
        )

    def _keep_older_version(self, state: PageState, *, pending: bool) -> None:
        """Enter the marks of a page's latest row as older versions, because a later row replaces it."""
        for mark in (state.content_hash, state.reason and f"reject:{state.reason}"):
            if mark:
                self.add_version(state.id, mark, (state.run_id, state.seq) if pending else None)

    # ------------------------------------------------------------ catching up

    def learn_row(self, row: dict[str, Any]) -> None:
        """Enter a row of articles, copies, revisions or rejects that was read from the lake.

        A row that is older than the page's latest is entered as an older version; one that was taken down is
        ignored."""
        if self._taken_down and self._taken_down.covers(row):
            return
        state, answered = self.landed_row(row["id"]), None
        if "reason" in row:
            answered = self.landed_row(self.answering_page(row["id"]))
        if state and _row_place(row) == (state.run_id, state.seq, state.fetched_at):
            return  # it landed from this machine, or came with a checkpoint, before its run had ended
        if any(known and is_older(row, known) for known in (state, answered)):
            self.add_version(row["id"], version_mark(row))
            return
        if state:
            self._keep_older_version(state, pending=False)
        new = state_after_row(row, state, row["run_id"], row["seq"])
        self._db.execute(f"INSERT OR REPLACE INTO pages ({_COLUMNS}) VALUES ({_PLACEHOLDERS})", _to_row(new))
        if "signature" in row:
            document = Document(row["id"], row["outlet"], row["published_at"], new.first_at)
            self.signatures.add(document, Signature.from_bytes(row["signature"]), row["story_id"])
        if requested := row["requested_url"]:
            fetched_at = _to_microseconds(row["fetched_at"])
            self._record_redirect(requested_id(requested, row["id"]), row["id"], fetched_at)

    def learned_parts(self) -> frozenset[str]:
        """Return the keys of the parts whose rows were entered before their run had ended."""
        return frozenset(row[0] for row in self._db.execute("SELECT key FROM learned"))

    def note_learned(self, run_id: str, keys: Collection[str]) -> None:
        """Note that all rows of these parts of a run without a record have been entered. `learn_record` forgets it."""
        self._db.executemany("INSERT OR IGNORE INTO learned VALUES (?, ?)", [(key, run_id) for key in keys])

    def learn_checks(self, run_id: str, checked: Iterable[Sequence[str]]) -> None:
        """Enter entries of `checked` of a run record: pages that it found unchanged. Entering them again changes
        nothing."""
        for requested, page, moment in checked:
            if (
                moment
            ):  # older versions of the program noted rejects, too, which are states of the requested URL
                self._record_redirect(requested, page, _to_microseconds(datetime.fromisoformat(moment)))
                self._record_check(run_id, page, datetime.fromisoformat(moment))

    def learn_record(self, record: dict[str, Any]) -> None:
        """Enter what a run record says besides its part files, and mark the run as known.

        These are the pages that it found unchanged, redirects that nothing else explains, articles to be checked again,
        shared pages, the sources that it read to their end, and their state."""
        run_id = record["run_id"]
        self.learn_checks(run_id, record.get("checked", ()))
        self._db.executemany(
            "UPDATE asked SET untied_url = ?3 WHERE id = ?1 AND page = ?2", record.get("untied", ())
        )
        self._db.executemany(
            "UPDATE pages SET retry_at = ?2, requested_url = ?3 WHERE id = ?1 AND reason IS NULL",
            [
                (page, _to_microseconds(datetime.fromisoformat(at)), url)
                for page, at, url in record.get("rechecks", ())
            ],
        )
        self._db.executemany(
            "INSERT OR IGNORE INTO shared VALUES (?)", [(page,) for page in record.get("shared_pages", ())]
        )
        for url, source in record.get("sources", {}).items():
            if source.get("complete"):
                self._db.execute(
                    "INSERT INTO sources VALUES (?, ?) ON CONFLICT (url) DO UPDATE SET"
                    " read_at = max(read_at, excluded.read_at)",
                    (url, _to_microseconds(run_started_at(run_id))),
                )
            if "visited" in source:
                self._db.execute(
                    "INSERT INTO visited VALUES (?, ?, ?) ON CONFLICT (url) DO UPDATE SET"
                    " run_at = excluded.run_at, facts = excluded.facts WHERE excluded.run_at >= run_at",
                    (url, _to_microseconds(run_started_at(run_id)), json.dumps(source["visited"])),
                )
        self._db.execute("INSERT OR IGNORE INTO runs VALUES (?)", (run_id,))
        self._db.execute("DELETE FROM learned WHERE run_id = ?", (run_id,))

    def _record_check(self, run_id: str, page: str, moment: datetime) -> None:
        """Enter a fetch that found the same article as the page's latest row, or as its last row before a reject."""
        # a row of the same run does not count as a check: two requested URLs led to the page
        self._db.execute(
            "UPDATE pages SET fetched_at = ?, checks = checks + (run_id <> ?), reason = NULL, tries = 0,"
            " retry_at = NULL WHERE id = ? AND fetched_at < ? AND content_hash IS NOT NULL",
            (_to_microseconds(moment), run_id, page, _to_microseconds(moment)),
        )

    def _record_redirect(self, requested: str, page: str, fetched_at: int) -> None:
        """Enter which page's article answered a requested URL, both by id; delete the entry if the URL answered itself
        or with a reject. fetched_at: of the answer, in microseconds."""
        if requested == page:
            self._db.execute("DELETE FROM asked WHERE id = ?", (requested,))
            return
        rejected_since = self._db.execute(
            "SELECT 1 FROM pages WHERE id = ? AND reason IS NOT NULL AND fetched_at >= ?",
            (requested, fetched_at),
        ).fetchone()
        if rejected_since:  # as when the page turned out to be a shared one
            return
        self._db.execute("INSERT OR REPLACE INTO asked (id, page) VALUES (?, ?)", (requested, page))
        # earlier rejects of the URL are over: it leads to an article
        self._db.execute(
            "UPDATE pages SET tries = 0, retry_at = NULL WHERE id = ? AND reason IS NOT NULL", (requested,)
        )


def is_older(row: dict[str, Any], state: PageState) -> bool:
    """Whether a row is older than the page's latest: by time of the fetch, then by run id and seq.

    An article is never older than the state of a page that has held none, even if a reject was fetched later."""
    if "reason" not in row and state.content_hash is None:
        return False
    return (row["fetched_at"], row["run_id"], row["seq"]) < (state.fetched_at, state.run_id, state.seq)


def _row_place(row: dict[str, Any]) -> tuple[str, int, datetime]:
    """Return what identifies a row among the rows of its page: run id, seq and time of the fetch."""
    return row["run_id"], row["seq"], row["fetched_at"]


def version_mark(row: dict[str, Any]) -> str:
    """Return what identifies a version of a page: the content hash of an article, or `reject:` and the reason."""
    mark: str = f"reject:{row['reason']}" if "reason" in row else row["content_hash"]
    return mark


class ForeignIndex(Exception):
    """The file is an index of another version of the program."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _to_microseconds(moment: datetime) -> int:
    """Return microseconds since 1970, which are exact, unlike seconds as a float."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _from_microseconds(number: int | None) -> datetime | None:
    return None if number is None else _EPOCH + timedelta(microseconds=number)


def _to_row(state: PageState) -> tuple[Any, ...]:
    """Return the values of _COLUMNS, times as microseconds."""
    values = (getattr(state, name) for name in PageState.__dataclass_fields__)
    return tuple(_to_microseconds(v) if isinstance(v, datetime) else v for v in values)


def _from_row(row: Sequence[Any]) -> PageState:
    """Return the state from the values of _COLUMNS."""
    values: list[Any] = [
        _from_microseconds(v) if n in _TIME_FIELDS else v for n, v in zip(_FIELDS, row, strict=True)
    ]
    return PageState(*values)


def run_started_at(run_id: str) -> datetime:
    """Return when a run started, which its id begins with. Raises ValueError for an id of another form."""
    return datetime.strptime(run_id.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def document_of(article: Article, state: PageState | None) -> Document:
    """Return what deduplication needs to know of an article.

    That includes when the page was first seen, which stands in for a missing time of publication."""
    seen_at = state.first_at if state and state.content_hash else article.fetched_at
    return Document(article.id, article.outlet, article.published_at, seen_at)


def canonical_id(article: Article) -> str | None:
    """Return the page id of an article's rel=canonical URL; None if there is none or it is the article itself."""
    return _other_page_id(article.canonical_url, article.id)


def _other_page_id(canonical_url: str | None, page: str) -> str | None:
    """Return the page id of a canonical URL; None if it is missing, malformed or of the page itself."""
    try:
        named_id = page_id(canonical_url) if canonical_url else None
    except ValueError:
        return None
    return named_id if named_id != page else None


def state_after_row(row: dict[str, Any], old: PageState | None, run_id: str, seq: int) -> PageState:
    """Return the state of a page after a new row of articles, copies, revisions or rejects.

    old: the state before; None: the page is new. run_id and seq: of the new row. The result is the same for a pending
    row and for one read back from the lake. After a reject the state keeps what is known of the page's article."""
    if "reason" in row:
        state = old or PageState(
            row["id"],
            row["outlet"],
            run_id,
            seq,
            None,
            None,
            None,
            None,
            row["fetched_at"],
            row["fetched_at"],
            None,
        )
        return replace(
            state,
            run_id=run_id,
            seq=seq,
            reason=row["reason"],
            fetched_at=row["fetched_at"],
            checks=0,
            tries=state.tries + 1,
            retry_at=row["retry_at"],
            requested_url=row["requested_url"],
        )
    new = PageState(
        row["id"],
        row["outlet"],
        run_id,
        seq,
        row["content_hash"],
        row["story_id"],
        _other_page_id(row["canonical_url"], row["id"]),
        None,
        row["fetched_at"],
        old.first_at if old and old.content_hash else row["fetched_at"],
        row["published_at"],
        requested_url=row["requested_url"],
    )
    # a reject is newer than this article: it stays the latest word on the page
    if old and old.content_hash is None and row["fetched_at"] < old.fetched_at:
        return replace(
            new,
            reason=old.reason,
            fetched_at=old.fetched_at,
            tries=old.tries,
            retry_at=old.retry_at,
        )
    return new


def index_path(folder: Path, uri: str) -> Path:
    """Return the path of a lake's index file in the folder `folder`, by the URI of the lake."""
    return folder / f"index-{hashlib.sha256(uri.encode()).hexdigest()[:12]}.sqlite"


def open_index(path: Path, fill: Callable[[], object] = lambda: None) -> Index:
    """Open the index at `path`, and create it if there is none.

    A file that is damaged or of another version is moved aside, with a warning. fill: called when there is no file;
    may put one there. Raises StateFailed where the file is locked or the disk full."""
    damage_marker = _damage_marker(path)
    if damage_marker.exists():
        move_aside(path, "it was found damaged")
        damage_marker.unlink()
    if not path.exists():
        fill()
    try:
        return Index(path)
    except (sqlite3.DatabaseError, ForeignIndex, SchemeMismatch, UnicodeDecodeError) as error:
        # locked or disk full: the file itself is sound
        if isinstance(error, sqlite3.OperationalError) and not _is_damage(error):
            raise state_failure(path, error) from error
        move_aside(path, str(error))
        fill()
        return Index(path)


def note_damage(path: Path, error: BaseException) -> None:
    """Have the next start rebuild the index at `path` if an error means that it is damaged: this process may be in the
    middle of its work."""
    if _is_damage(error):
        with suppress(OSError):  # where the disk is full, the next start meets the same error
            _damage_marker(path).touch()


def _is_damage(error: BaseException) -> bool:
    """Whether an error means that the file is damaged or lacks tables, which opening it may not show."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # not of SQLite: a row that is missing, a text that is no UTF-8
        kinds = (sqlite3.OperationalError, sqlite3.IntegrityError, SchemeMismatch, UnicodeDecodeError)
        return isinstance(error, kinds)
    damaged = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
    return code & 0xFF in damaged or code == sqlite3.SQLITE_IOERR_SHORT_READ


def _damage_marker(path: Path) -> Path:
    """Return the path of the marker file that makes the next start rebuild the index."""
    return path.with_name(f"{path.name}.damaged")


def move_aside(path: Path, why: str) -> None:
    """Rename an index file and its journal, so that a new index is built, and log a warning. why: for the log.

    Of the files that were moved aside only this one is kept, for whoever wants to know what was wrong with it."""
    remove_set_aside(path)
    aside = path.with_name(f"{path.name}.aside-{time.time_ns()}")
    log.warning("index %s moved aside to %s and rebuilt from the lake: %s", path, aside.name, why)
    for suffix in ("", "-wal", "-shm"):
        file = path.with_name(path.name + suffix)
        if file.exists():
            file.rename(aside.with_name(aside.name + suffix))


def set_aside(path: Path) -> list[Path]:
    """Return the files of indexes that were moved aside, with their journals. path: of the index."""
    return sorted(path.parent.glob(f"{path.name}.aside-*"))


def remove_set_aside(path: Path) -> int:
    """Delete the index that was moved aside; return the number of its files. path: of the index."""
    files = set_aside(path)
    for file in files:
        file.unlink(missing_ok=True)
    return len(files)
