"""Tells a page that has changed from one that comes out otherwise because another version of the cleaner made its row.

A new version gives many pages another text. A page that is fetched again has changed only if what was fetched for its row
comes out otherwise, by the same version, than what is fetched now. What was fetched for the row stands in raw.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from cleaning import CLEANER_VERSION
from lake.index.page_index import Index, PageState
from lake.parquet.part_files import flush_seq
from lake.parquet.reading import matching_rows
from lake.schema.records import STORY_TABLES, ProcessedPage
from lake.storage.store import LakeError, Store, parse_json_object

log = logging.getLogger(__name__)

_LANDED_WITHIN_DAYS = 3  # of its fetch: pages wait in a spool while the store is away


class FormerPages:
    """The pages of a lake whose rows another version of the cleaner made.

    `question` and `note` read and write the index, `rows_of` reads the lake alone and may run in another thread."""

    def __init__(self, store: Store, index: Index) -> None:
        self._store, self._index = store, index
        self._parts: dict[
            str, list[tuple[str, str]] | None
        ] = {}  # by run id: table and key; None: no other version

    def compare(
        self, processed: ProcessedPage, clean_again: Callable[[list[dict[str, Any]]], ProcessedPage]
    ) -> None:
        """Do all three steps for a page, before it is judged. clean_again: cleans rows of raw. What cannot be compared is
        judged as if it had changed."""
        if known := self.question(processed):
            try:
                if rows := self.rows_of(known):
                    self.note(known, clean_again(rows))
            except (LakeError, OSError) as error:
                log.warning("%s: what was fetched before cannot be compared: %s", known.requested_url, error)

    def question(self, processed: ProcessedPage) -> PageState | None:
        """Return the latest row of a page that comes out otherwise than that row, where this may be the cleaner's work;
        None for other pages."""
        mark = mark_of(processed)
        known = self._index.page_state(processed.page.id) if processed.page and mark else None
        if not processed.page or known is None or known.reason or known.content_hash in (None, mark):
            return None
        if processed.page.fetched_at <= known.fetched_at or self._index.former_mark(known) == mark:
            return None
        return known

    def rows_of(self, known: PageState) -> list[dict[str, Any]]:
        """Return the rows of raw from which a page's latest row was made: its first page, then its later ones.

        Empty where this version of the cleaner made the row, and where raw does not have the page any more. Raises
        LakeError and OSError."""
        parts = self._parts_of(known.run_id)
        if parts is None:
            return []
        flush = {
            "raw": (known.seq, known.seq - 1)
        }  # a recovered run lands the rows one flush after their pages
        for key in (key for table, key in parts if table == "raw" and flush_seq(key) in flush["raw"]):
            if rows := self._article_in(key, known.id):
                return rows
        return self._article_fetched_by_another_run(known, parts)

    def note(self, known: PageState, again: ProcessedPage) -> None:
        """Note what this version of the cleaner makes of the page that was fetched for a row."""
        if mark := mark_of(again):
            with self._index.transaction():
                self._index.note_former_mark(known, mark)

    def _parts_of(self, run_id: str) -> list[tuple[str, str]] | None:
        """Return the parts of a run of another version of the cleaner, as (table, key); None for other runs, and for one
        that has no record."""
        if run_id not in self._parts:
            self._parts[run_id] = None
            started = self._record(f"runs/{run_id}.started.json")
            versions = started.get("versions")
            if isinstance(versions, dict) and versions.get("cleaner") != CLEANER_VERSION:
                record = self._record(f"runs/{run_id}.json")
                self._parts[run_id] = [(part["table"], part["key"]) for part in record.get("parts", [])]
        return self._parts[run_id]

    def _record(self, key: str) -> dict[str, Any]:
        try:
            return parse_json_object(key, self._store.get(key))
        except KeyError:  # of a run that goes on, or it was lost
            return {}

    def _article_fetched_by_another_run(
        self, known: PageState, parts: list[tuple[str, str]]
    ) -> list[dict[str, Any]]:
        """Return the rows of raw of a row that a run without requests made: it says when its page was fetched."""
        import pyarrow.compute as pc

        keys = [key for table, key in parts if table in STORY_TABLES and flush_seq(key) == known.seq]
        for key in keys:
            for row in matching_rows(self._store.uri, key, pc.field("id") == known.id, ["fetched_at"]):
                days = {row["fetched_at"].date() + timedelta(days=n) for n in range(_LANDED_WITHIN_DAYS)}
                raw_keys = (k for day in sorted(days) for k in self._store.keys(f"raw/day={day}/"))
                found = (self._article_in(k, known.id, row["fetched_at"]) for k in raw_keys)
                return next(filter(None, found), [])
        return []

    def _article_in(self, key: str, page: str, fetched_at: Any = None) -> list[dict[str, Any]]:
        """Return the rows of a page in a part of raw, with its later pages; those of its last fetch, or of the one at
        `fetched_at`."""
        import pyarrow.compute as pc

        found = matching_rows(self._store.uri, key, (pc.field("id") == page) | (pc.field("part_of") == page))
        article: list[dict[str, Any]] = []
        for row in found:
            if not row.get("part_of"):
                if article and article[0]["fetched_at"] == fetched_at:
                    break
                article = []
            article.append(row)
        return article if fetched_at in (None, article[0]["fetched_at"] if article else None) else []


def mark_of(processed: ProcessedPage) -> str | None:
    """Return what identifies what became of a page that was cleaned (lake.index.page_index.version_mark)."""
    if processed.article:
        return processed.article.content_hash
    return f"reject:{processed.reject.reason}" if processed.reject and processed.page else None
