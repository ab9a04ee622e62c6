"""A local SQLite cache of the lake: known pages, signatures, and what is on its way to the lake (`pending`).

The lake is the truth. The file may be deleted at any time; lake/runs/catch_up.py rebuilds it with the same answers.
Several processes of one machine share it: every judgement is one short write transaction, so two copies that
arrive together meet.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cleaning import Article, is_alternate_url, page_id
from dedupe import INDEX_FORMAT, Document, SchemeMismatch, Signature, Verdict
from dedupe import Index as Signatures
from lake.schema.columns import SCHEMA_VERSION
from lake.storage.tombstones import TakenDown, outlet_name, page_name, taken_down_by

log = logging.getLogger(__name__)

FORMAT = f"2 {SCHEMA_VERSION} {INDEX_FORMAT}"  # another format, schema or signature scheme: rebuild
_WAL_PAGES = 8000  # 64 MiB; a crawl moves it with each flush
_PAGE_COLUMNS = """
    id TEXT PRIMARY KEY, outlet TEXT NOT NULL, run_id TEXT NOT NULL, seq INTEGER NOT NULL,
    content_hash TEXT, story_id TEXT, canonical_id TEXT, reason TEXT,
    fetched_at INTEGER NOT NULL, first_at INTEGER NOT NULL, published_at INTEGER, checks INTEGER NOT NULL,
    tries INTEGER NOT NULL, retry_at INTEGER"""  # times: microseconds since 1970, UTC
_CREATE_TABLES = f"""
    CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS runs (id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS pages ({_PAGE_COLUMNS}) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS pending ({_PAGE_COLUMNS}, asked TEXT NOT NULL, signature BLOB);
    CREATE INDEX IF NOT EXISTS pending_by_run ON pending (run_id);
    CREATE TABLE IF NOT EXISTS asked (id TEXT PRIMARY KEY, page TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS versions (
        id TEXT NOT NULL, mark TEXT NOT NULL, run_id TEXT, seq INTEGER, PRIMARY KEY (id, mark)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS versions_by_run ON versions (run_id);
    CREATE TABLE IF NOT EXISTS sources (url TEXT PRIMARY KEY, read_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS takedowns (name TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS visited (
        url TEXT PRIMARY KEY, run_at INTEGER NOT NULL, facts TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class PageState:
    """The latest row of a page, and how often it was asked for. content_hash and story_id are None where it never
    held an article; reason is None unless the latest row is a reject."""

    id: str
    outlet: str
    run_id: str
    seq: int
    content_hash: str | None
    story_id: str | None
    canonical_id: str | None
    reason: str | None
    fetched_at: datetime  # the latest fetch, also where it found nothing new
    first_at: datetime  # the first fetch that found an article; the first of all where none did
    published_at: datetime | None
    checks: int = 0  # fetches since the latest row that found nothing new
    tries: int = 0  # rejects in a row, the latest included
    retry_at: datetime | None = None  # of a reject: not before; None: never


_FIELDS = tuple(PageState.__dataclass_fields__)
_TIME_FIELDS = {"fetched_at", "first_at", "published_at", "retry_at"}
_COLUMNS = ", ".join(_FIELDS)
_PLACEHOLDERS = ", ".join("?" * len(_FIELDS))


class Index:
    """Open with `open_index`. Not for use from two threads at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA page_size = 8192")  # of a new file: fewer half-empty pages
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # a cache: what a power cut takes is rebuilt
        self._db.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        self._db.execute("PRAGMA cache_size = -16384")  # KiB: the band table is read at random
        self._db.executescript(_CREATE_TABLES)
        with self.transaction():
            found = self._db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
            if found is None:
                self._db.execute("INSERT INTO meta VALUES ('format', ?)", (FORMAT,))
            elif found[0] != FORMAT:
                raise ForeignIndex(f"made as {found[0]!r}, this version makes {FORMAT!r}")
            self.signatures = Signatures(self._db)
        self._taken_down = taken_down_by(self.takedowns())

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One write transaction; other processes wait for it."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException as error:
            if _is_damage(error):
                _damage_marker(self.path).touch()  # the next start rebuilds it; this one may be half done
            with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def move_journal(self) -> None:
        """Bring what the journal holds into the file, and wait for the disk; in any thread, and nobody else waits for
        it. Otherwise some transaction does so once the journal is long."""
        with suppress(sqlite3.Error), closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def close(self) -> None:
        self._db.close()

    # ------------------------------------------------------------ what is known

    def page_state(self, page: str) -> PageState | None:
        """The page's latest row, pending ones included."""
        for table in ("pending", "pages"):
            row = self._db.execute(f"SELECT {_COLUMNS} FROM {table} WHERE id = ?", (page,)).fetchone()
            if row:
                return _from_row(row)
        return None

    def answering_page(self, requested: str) -> str:
        """The page that answered when an address was last asked for; the address's own id where nothing else is
        known."""
        row = self._db.execute("SELECT page FROM asked WHERE id = ?", (requested,)).fetchone()
        return row[0] if row else requested

    def source_read_at(self, source: str) -> datetime | None:
        """When a source was last read to its end, all of its pages settled; None: never."""
        row = self._db.execute("SELECT read_at FROM sources WHERE url = ?", (source,)).fetchone()
        return _EPOCH + timedelta(microseconds=row[0]) if row else None

    def source_state(self, source: str) -> dict[str, Any] | None:
        """What the last run that read a source remembers of it, as its record has it; None: nothing."""
        row = self._db.execute("SELECT facts FROM visited WHERE url = ?", (source,)).fetchone()
        found: dict[str, Any] | None = json.loads(row[0]) if row else None
        return found

    def landed_row(self, page: str) -> PageState | None:
        """The page's latest row that is in the lake."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM pages WHERE id = ?", (page,)).fetchone()
        return _from_row(row) if row else None

    def is_pending(self, page: str) -> bool:
        return self._db.execute("SELECT 1 FROM pending WHERE id = ?", (page,)).fetchone() is not None

    def run_ids(self, after: str = "") -> set[str]:
        """The runs whose rows are all here, from a run on."""
        return {row[0] for row in self._db.execute("SELECT id FROM runs WHERE id > ?", (after,))}

    def pending_runs(self) -> set[str]:
        found = self._db.execute(
            "SELECT run_id FROM pending UNION SELECT run_id FROM versions WHERE run_id IS NOT NULL"
        )
        return {row[0] for row in found}

    def watermark(self) -> str:
        """Up to here every run has ended and is known: only later ones need be looked for."""
        row = self._db.execute("SELECT value FROM meta WHERE key = 'frontier'").fetchone()
        return row[0] if row else ""

    def advance_watermark(self, watermark: str) -> None:
        self._db.execute(
            "INSERT INTO meta VALUES ('frontier', ?) ON CONFLICT (key) DO UPDATE SET"
            " value = max(value, excluded.value)",
            (watermark,),
        )

    def integrity_problem(self) -> str | None:
        """What SQLite finds wrong with the file; reads all of it."""
        (found,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        return None if found == "ok" else str(found)

    # ------------------------------------------------------------ what was taken down

    def takedowns(self) -> frozenset[str]:
        """The names of the tombstones that are known; lake/jobs/takedown.py."""
        return frozenset(row[0] for row in self._db.execute("SELECT name FROM takedowns"))

    @property
    def taken_down(self) -> TakenDown:
        """What is never learned."""
        return self._taken_down

    def take_down(self, names: Collection[str]) -> None:
        """The lake's tombstones, all of them: what they name is forgotten, and never learned."""
        with self.transaction():
            self._db.execute("DELETE FROM takedowns")
            self._db.executemany("INSERT INTO takedowns VALUES (?)", [(name,) for name in names])
            self._taken_down = taken_down_by(names)
            pages = [(page,) for page in self._taken_down.pages]
            for outlet in self._taken_down.outlets:
                pages += self._db.execute("SELECT id FROM pages WHERE outlet = ?", (outlet,)).fetchall()
            for table, column in (("pages", "id"), ("versions", "id"), ("asked", "page"), ("asked", "id")):
                self._db.executemany(f"DELETE FROM {table} WHERE {column} = ?", pages)
            for (page,) in pages:
                self.signatures.remove(page)

    def is_taken_down(self, outlet: str, *pages: str) -> bool:
        """By any process of this machine that has looked."""
        names = [outlet_name(outlet), *(page_name(page) for page in pages)]
        placeholders = ", ".join("?" * len(names))
        found = self._db.execute(f"SELECT 1 FROM takedowns WHERE name IN ({placeholders})", names)
        return found.fetchone() is not None

    # ------------------------------------------------------------ a page on its way

    def judge(self, article: Article, document: Document, signature: Signature) -> Verdict:
        """The fresh verdict on an article, against all that landed or is pending."""
        verdict = self.signatures.judge(document, signature)
        if page := self._page_of_alternate_url(article):
            return self._alias_verdict(page, document, verdict)
        if verdict.relation is None:
            return verdict
        if verdict.story_id == article.id:  # its own copies landed first: it is the story they point to
            return Verdict(article.id, verdict.original_id, links=verdict.links)
        if self._is_alias(article, verdict):
            return replace(verdict, relation="alias")
        return verdict

    def _page_of_alternate_url(self, article: Article) -> PageState | None:
        """The known page of which the article is an AMP, print or mobile version, however much of it that shows."""
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
        """The same page of the same outlet under another address: the same words, or rel=canonical says so."""
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
        """Enter a row that is about to land; seen by every process, dropped if its part never comes. A new
        article's signature counts at once; a revision's replaces the old one when it has landed. asked: the id of
        the address that was asked for."""
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
        """The parts of a flush are in the lake: what was pending is known."""
        flush = (run_id, seq)
        with self.transaction():
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
            for requested, page in self._db.execute(
                "SELECT asked, id FROM pending WHERE run_id = ? AND seq = ?", flush
            ).fetchall():
                self._record_redirect(requested, page)
            self._db.execute("DELETE FROM pending WHERE run_id = ? AND seq = ?", flush)
            self._db.execute(
                "UPDATE versions SET run_id = NULL, seq = NULL WHERE run_id = ? AND seq = ?", flush
            )

    def drop_pending(self, run_id: str) -> None:
        """The run died: what it had entered and never landed is forgotten."""
        rows = self._db.execute("SELECT id FROM pending WHERE run_id = ?", (run_id,)).fetchall()
        self._db.execute("DELETE FROM pending WHERE run_id = ?", (run_id,))
        self._db.execute("DELETE FROM versions WHERE run_id = ?", (run_id,))
        for (page,) in rows:
            state = self.page_state(page)
            if not (state and state.content_hash):
                self.signatures.remove(page)

    # ------------------------------------------------------------ versions that are not the latest

    def has_version(self, page: str, mark: str) -> bool:
        """Whether the lake holds an older version of a page: its content_hash, or `reject:` and a reason."""
        found = self._db.execute("SELECT 1 FROM versions WHERE id = ? AND mark = ?", (page, mark))
        return found.fetchone() is not None

    def add_version(self, page: str, mark: str, pending: tuple[str, int] | None = None) -> None:
        """A row that has landed, or is about to (then of which run and part), and is older than the page's latest:
        an archive is replayed in any order, and what it held before is no news."""
        verb = "IGNORE" if pending else "REPLACE"
        flush = pending or (None, None)
        self._db.execute(f"INSERT OR {verb} INTO versions VALUES (?, ?, ?, ?)", (page, mark, *flush))

    def _keep_older_version(self, state: PageState, *, pending: bool) -> None:
        """A later row takes its place."""
        for mark in (state.content_hash, state.reason and f"reject:{state.reason}"):
            if mark:
                self.add_version(state.id, mark, (state.run_id, state.seq) if pending else None)

    # ------------------------------------------------------------ catching up

    def learn_row(self, row: dict[str, Any]) -> None:
        """Enter a row that was read from the lake, unless a later one of the page is here, or it was taken down."""
        if self._taken_down and self._taken_down.covers(row):
            return
        stored = self._db.execute(f"SELECT {_COLUMNS} FROM pages WHERE id = ?", (row["id"],)).fetchone()
        state = _from_row(stored) if stored else None
        if state and _row_place(row) == (state.run_id, state.seq, state.fetched_at):
            return  # landed from here, or known by a checkpoint, before its run had ended
        if state and is_older(row, state):
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
            self._record_redirect(requested_id(requested, row["id"]), row["id"])

    def learn_record(self, record: dict[str, Any]) -> None:
        """What a run's record says besides its parts: the pages that it found unchanged, the sources that it read
        to their end, and what it remembers of the others."""
        run_id = record["run_id"]
        for requested, page, moment in record.get("checked", ()):
            self._record_redirect(requested, page)
            if moment:
                self._record_check(run_id, page, datetime.fromisoformat(moment))
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

    def _record_check(self, run_id: str, page: str, moment: datetime) -> None:
        """A fetch that found the article of the page's latest row, or of the row before a reject."""
        # the run's own row is no older version: two addresses led to the page
        self._db.execute(
            "UPDATE pages SET fetched_at = ?, checks = checks + (run_id <> ?), reason = NULL, tries = 0,"
            " retry_at = NULL WHERE id = ? AND fetched_at < ? AND content_hash IS NOT NULL",
            (_to_microseconds(moment), run_id, page, _to_microseconds(moment)),
        )

    def _record_redirect(self, requested: str, page: str) -> None:
        """Asked for one address, another answered; or, from now on, itself."""
        if requested == page:
            self._db.execute("DELETE FROM asked WHERE id = ?", (requested,))
        else:
            self._db.execute("INSERT OR REPLACE INTO asked VALUES (?, ?)", (requested, page))


def is_older(row: dict[str, Any], state: PageState) -> bool:
    """Whether the page of a row was fetched before its latest one; with equal times, whether the row came before it.
    A page whose later fetches found no article has no latest one to be older than."""
    if "reason" not in row and state.content_hash is None:
        return False
    return (row["fetched_at"], row["run_id"], row["seq"]) < (state.fetched_at, state.run_id, state.seq)


def _row_place(row: dict[str, Any]) -> tuple[str, int, datetime]:
    return row["run_id"], row["seq"], row["fetched_at"]


def version_mark(row: dict[str, Any]) -> str:
    """What tells a version from the others of its page."""
    mark: str = f"reject:{row['reason']}" if "reason" in row else row["content_hash"]
    return mark


class ForeignIndex(Exception):
    """The file is of another version, or no index at all."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _to_microseconds(moment: datetime) -> int:
    """Exact, unlike a float of seconds."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _from_microseconds(number: int | None) -> datetime | None:
    return None if number is None else _EPOCH + timedelta(microseconds=number)


def _to_row(state: PageState) -> tuple[Any, ...]:
    values = (getattr(state, name) for name in PageState.__dataclass_fields__)
    return tuple(_to_microseconds(v) if isinstance(v, datetime) else v for v in values)


def _from_row(row: Sequence[Any]) -> PageState:
    values: list[Any] = [
        _from_microseconds(v) if n in _TIME_FIELDS else v for n, v in zip(_FIELDS, row, strict=True)
    ]
    return PageState(*values)


def requested_id(requested_url: str, page: str) -> str:
    """The id of the address that was asked for; the page's own where it is no address."""
    try:
        return page_id(requested_url)
    except ValueError:
        return page


def run_started_at(run_id: str) -> datetime:
    """A run's id begins with its start."""
    return datetime.strptime(run_id.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def document_of(article: Article, state: PageState | None) -> Document:
    """What the verdict goes by; where no time of publication is told, by when the page was first seen."""
    seen_at = state.first_at if state and state.content_hash else article.fetched_at
    return Document(article.id, article.outlet, article.published_at, seen_at)


def canonical_id(article: Article) -> str | None:
    """The id of the address that rel=canonical names, where it is another one."""
    return _other_page_id(article.canonical_url, article.id)


def _other_page_id(canonical_url: str | None, page: str) -> str | None:
    try:
        named_id = page_id(canonical_url) if canonical_url else None
    except ValueError:
        return None
    return named_id if named_id != page else None


def state_after_row(row: dict[str, Any], old: PageState | None, run_id: str, seq: int) -> PageState:
    """What is known of a page after a row of articles, copies, revisions or rejects, the same for a row on its way
    and for one read back. A page that holds no article now keeps what is known of the one it held."""
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
    )
    if old and old.content_hash is None and row["fetched_at"] < old.fetched_at:  # it held one once
        return replace(
            new, reason=old.reason, fetched_at=old.fetched_at, tries=old.tries, retry_at=old.retry_at
        )
    return new


def index_path(folder: Path, uri: str) -> Path:
    """One file for each lake."""
    return folder / f"index-{hashlib.sha256(uri.encode()).hexdigest()[:12]}.sqlite"


def open_index(path: Path, fill: Callable[[], object] = lambda: None) -> Index:
    """The index of this path; a damaged or foreign file is moved aside and told, and an empty one opened. fill: may
    put a file where there is none."""
    damage_marker = _damage_marker(path)
    if damage_marker.exists():
        move_aside(path, "it was found damaged")
        damage_marker.unlink()
    if not path.exists():
        fill()
    try:
        return Index(path)
    except (sqlite3.DatabaseError, ForeignIndex, SchemeMismatch) as error:
        if isinstance(error, sqlite3.OperationalError):  # locked, disk full: not the file's fault
            raise
        move_aside(path, str(error))
        fill()
        return Index(path)


def _is_damage(error: BaseException) -> bool:
    """Whether the file is at fault: damaged inside, where opening it does not look, or lacking tables."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    damaged = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
    return code in damaged or isinstance(error, SchemeMismatch)


def _damage_marker(path: Path) -> Path:
    return path.with_name(f"{path.name}.damaged")


def move_aside(path: Path, why: str) -> None:
    """Move an index aside, with its journal."""
    aside = path.with_name(f"{path.name}.aside-{time.time_ns()}")
    log.warning("index %s moved aside to %s and rebuilt from the lake: %s", path, aside.name, why)
    for suffix in ("", "-wal", "-shm"):
        file = path.with_name(path.name + suffix)
        if file.exists():
            file.rename(aside.with_name(aside.name + suffix))
