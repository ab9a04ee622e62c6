"""A local SQLite cache of the lake: known pages, signatures, and what is on its way to the lake (`pending`).

The lake is the truth. The file may be deleted at any time; lake/catchup.py rebuilds it with the same answers.
Several processes of one machine share it: every judgement is one short write transaction, so two copies that
arrive together meet.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cleaning import Article, page_id
from dedupe import SCHEME, Document, Signature, Verdict
from dedupe import Index as Signatures
from lake.schema import SCHEMA_VERSION

log = logging.getLogger(__name__)

_FORMAT = f"1 {SCHEMA_VERSION} {SCHEME}"  # another format, schema or signature scheme: rebuild
_PAGE = """
    id TEXT PRIMARY KEY, outlet TEXT NOT NULL, run_id TEXT NOT NULL, seq INTEGER NOT NULL,
    content_hash TEXT, story_id TEXT, canonical_id TEXT, reason TEXT"""
_TABLES = f"""
    CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS runs (id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS pages ({_PAGE}) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS pending ({_PAGE}, published_at TEXT, signature BLOB);
    CREATE INDEX IF NOT EXISTS pending_by_run ON pending (run_id);
"""


@dataclass(frozen=True, slots=True)
class Known:
    """The latest row of a page. content_hash and story_id are None where it never held an article; reason is None
    unless the latest row is a reject."""

    id: str
    outlet: str
    run_id: str
    seq: int
    content_hash: str | None
    story_id: str | None
    canonical_id: str | None
    reason: str | None


_COLUMNS = ", ".join(Known.__dataclass_fields__)
_HOLES = ", ".join("?" * len(Known.__dataclass_fields__))


class Index:
    """Open with `open_index`. Not for use from two threads at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # a cache: what a power cut takes is rebuilt
        self._db.execute("PRAGMA cache_size = -65536")  # KiB: the band table is read at random
        self._db.executescript(_TABLES)
        with self.transaction():
            found = self._db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
            if found is None:
                self._db.execute("INSERT INTO meta VALUES ('format', ?)", (_FORMAT,))
            elif found[0] != _FORMAT:
                raise ForeignIndex(f"made as {found[0]!r}, this version makes {_FORMAT!r}")
            self.signatures = Signatures(self._db)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One write transaction; other processes wait for it."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def close(self) -> None:
        self._db.close()

    # ------------------------------------------------------------ what is known

    def known(self, page: str) -> Known | None:
        """The page's latest row, pending ones included."""
        for table in ("pending", "pages"):
            row = self._db.execute(f"SELECT {_COLUMNS} FROM {table} WHERE id = ?", (page,)).fetchone()
            if row:
                return Known(*row)
        return None

    def is_pending(self, page: str) -> bool:
        return self._db.execute("SELECT 1 FROM pending WHERE id = ?", (page,)).fetchone() is not None

    def run_ids(self) -> set[str]:
        """The runs whose rows are all here."""
        return {row[0] for row in self._db.execute("SELECT id FROM runs")}

    def add_run(self, run_id: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO runs VALUES (?)", (run_id,))

    def pending_runs(self) -> set[str]:
        return {row[0] for row in self._db.execute("SELECT DISTINCT run_id FROM pending")}

    # ------------------------------------------------------------ a page on its way

    def judge(self, article: Article, signature: Signature) -> Verdict:
        """The fresh verdict on an article, against all that landed or is pending."""
        verdict = self.signatures.judge(Document(article.id, article.outlet, article.published_at), signature)
        if verdict.relation is None:
            return verdict
        if verdict.story_id == article.id:  # its own copies landed first: it is the story they point to
            return Verdict(article.id, links=verdict.links)
        if self._is_alias(article, verdict):
            return replace(verdict, relation="alias")
        return verdict

    def _is_alias(self, article: Article, verdict: Verdict) -> bool:
        """The same page of the same outlet under another address: the same words, or rel=canonical says so."""
        other = self.known(verdict.copy_of or "")
        if other is None or other.outlet != article.outlet:
            return False
        mine, theirs = canonical_id(article), other.canonical_id
        named = mine == other.id or (theirs is not None and theirs in (article.id, mine))
        return named or verdict.relation == "identical"

    def expect(
        self, known: Known, document: Document | None = None, signature: Signature | None = None
    ) -> None:
        """Enter a row that is about to land; seen by every process, dropped if its part never comes. A new
        article's signature counts at once; a revision's replaces the old one when it has landed."""
        held: tuple[str | None, bytes | None] = (None, None)
        if document and signature:
            if self.signatures.story_of(document.id) is None:
                self.signatures.add(document, signature, known.story_id or known.id)
            else:
                moment = document.published_at
                held = (moment.isoformat() if moment else None, signature.to_bytes())
        self._db.execute(
            f"INSERT OR REPLACE INTO pending ({_COLUMNS}, published_at, signature) VALUES ({_HOLES}, ?, ?)",
            (*_values(known), *held),
        )

    def landed(self, run_id: str, seq: int) -> None:
        """The parts of a flush are in the lake: what was pending is known."""
        place = (run_id, seq)
        with self.transaction():
            for page, outlet, story, moment, data in self._db.execute(
                "SELECT id, outlet, story_id, published_at, signature FROM pending "
                "WHERE run_id = ? AND seq = ? AND signature IS NOT NULL",
                place,
            ).fetchall():
                published = datetime.fromisoformat(moment) if moment else None
                self.signatures.add(Document(page, outlet, published), Signature.from_bytes(data), story)
            self._db.execute(
                f"INSERT OR REPLACE INTO pages ({_COLUMNS}) SELECT {_COLUMNS} FROM pending "
                "WHERE run_id = ? AND seq = ?",
                place,
            )
            self._db.execute("DELETE FROM pending WHERE run_id = ? AND seq = ?", place)

    def drop_pending(self, run_id: str) -> None:
        """The run died: what it had entered and never landed is forgotten."""
        rows = self._db.execute("SELECT id FROM pending WHERE run_id = ?", (run_id,)).fetchall()
        self._db.execute("DELETE FROM pending WHERE run_id = ?", (run_id,))
        for (page,) in rows:
            known = self.known(page)
            if not (known and known.content_hash):
                self.signatures.remove(page)

    # ------------------------------------------------------------ catching up

    def learn(self, row: dict[str, Any]) -> None:
        """Enter a row that was read from the lake, unless a later one of the page is here."""
        old = self._db.execute(f"SELECT {_COLUMNS} FROM pages WHERE id = ?", (row["id"],)).fetchone()
        known = Known(*old) if old else None
        if known and (known.run_id, known.seq) > (row["run_id"], row["seq"]):
            return
        new = _known_of_row(row, known)
        self._db.execute(f"INSERT OR REPLACE INTO pages ({_COLUMNS}) VALUES ({_HOLES})", _values(new))
        if "signature" in row:
            document = Document(row["id"], row["outlet"], row["published_at"])
            self.signatures.add(document, Signature.from_bytes(row["signature"]), row["story_id"])


class ForeignIndex(Exception):
    """The file is of another version, or no index at all."""


def _values(known: Known) -> tuple[Any, ...]:
    return tuple(getattr(known, name) for name in Known.__dataclass_fields__)


def canonical_id(article: Article) -> str | None:
    """The id of the address that rel=canonical names, where it is another one."""
    try:
        named = page_id(article.canonical_url) if article.canonical_url else None
    except ValueError:
        return None
    return named if named != article.id else None


def known_article(article: Article, story_id: str, run_id: str, seq: int) -> Known:
    return Known(
        article.id, article.outlet, run_id, seq, article.content_hash, story_id, canonical_id(article), None
    )


def known_reject(page: str, outlet: str, reason: str, place: tuple[str, int], known: Known | None) -> Known:
    """A page that holds no article now keeps what is known of the one it held."""
    run_id, seq = place
    if known is None:
        return Known(page, outlet, run_id, seq, None, None, None, reason)
    return replace(known, run_id=run_id, seq=seq, reason=reason)


def _known_of_row(row: dict[str, Any], known: Known | None) -> Known:
    place = (row["run_id"], row["seq"])
    if "reason" in row:
        return known_reject(row["id"], row["outlet"], row["reason"], place, known)
    named = row["canonical_url"]
    try:
        canonical = page_id(named) if named else None
    except ValueError:
        canonical = None
    canonical = canonical if canonical != row["id"] else None
    return Known(row["id"], row["outlet"], *place, row["content_hash"], row["story_id"], canonical, None)


def index_path(folder: Path, uri: str) -> Path:
    """One file for each lake."""
    return folder / f"index-{hashlib.sha256(uri.encode()).hexdigest()[:12]}.sqlite"


def open_index(path: Path) -> Index:
    """The index of this path; a damaged or foreign file is moved aside and told, and an empty one opened."""
    try:
        return Index(path)
    except (sqlite3.DatabaseError, ForeignIndex) as error:
        if isinstance(error, sqlite3.OperationalError):  # locked, disk full: not the file's fault
            raise
        discard(path, str(error))
        return Index(path)


def discard(path: Path, why: str) -> None:
    """Move an index aside, with its journal."""
    aside = path.with_name(f"{path.name}.aside-{time.time_ns()}")
    log.warning("index %s moved aside to %s and rebuilt from the lake: %s", path, aside.name, why)
    for suffix in ("", "-wal", "-shm"):
        file = path.with_name(path.name + suffix)
        if file.exists():
            file.rename(aside.with_name(aside.name + suffix))
