"""Learns each outlet's boilerplate: the shingles that recur in its stories and say nothing about any of them.

1. It is learned from the outlet's latest rows in the index.
2. Versions of one page count once, so that a story published under many URLs does not become boilerplate.
3. Pages of one story that are not versions of one another count each, so that a wrong merge does not prevent
   learning.
4. It is stored in the index, and learned again every few rows. Learning it for each row would cost more than all the
   rest.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dedupe.rules.relation import Page, are_versions, page_without_boilerplate
from dedupe.signature.packing import unpack, unpack_bodies
from dedupe.signature.sketch import sorted_distinct

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

RECURRING_STORIES = 4  # a shingle in so many stories is boilerplate
WINDOW_ROWS = 128  # the outlet's latest rows, from which boilerplate is learned
LEARN_EACH_ROW_UNTIL, LEARN_EVERY_ROWS = 32, 32  # after each of the first 32 rows, then after every 32nd
NO_HASHES: NDArray[np.uint32] = np.empty(0, np.uint32)

TABLES = """
CREATE TABLE IF NOT EXISTS dedupe_outlets (
    outlet INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    added INTEGER NOT NULL, -- rows ever added, removed ones too
    due INTEGER -- the row up to which boilerplate is to be learned anew; NULL: it has been
);
CREATE TABLE IF NOT EXISTS dedupe_boilerplate ( -- apart: the count above is written for each row
    outlet INTEGER PRIMARY KEY,
    hashes BLOB NOT NULL -- little-endian uint32, ascending
);
"""


@dataclass(frozen=True, slots=True)
class Outlet:
    """An outlet's name and its boilerplate, as ascending shingle hashes."""

    name: str
    boilerplate: NDArray[np.uint32]


class Boilerplate:
    """The boilerplate of all outlets in the index. Reads and writes in the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.reset()

    def reset(self) -> None:
        """Discard what was learned and not yet stored; needed after a rollback."""
        # by outlet: the row up to which learning was due, and the result
        self._learned: dict[int, tuple[int, NDArray[np.uint32]]] = {}

    def find_outlet(self, name: str) -> dict[int, Outlet]:
        """The outlet of this name, by its number; empty if no row of it was ever added."""
        return self._read("name = ?", (name,))

    def before_removal(self, outlet: int) -> None:
        """Learn and store what is due for the outlet, while the row that will be removed still exists."""
        self.read_outlets({outlet})
        self._store_learned(outlet)

    def read_outlets(self, outlets: Collection[int]) -> dict[int, Outlet]:
        """The outlets of these numbers, by number. Raises sqlite3.IntegrityError where one has no row."""
        found = self._read(f"outlet IN ({','.join('?' * len(outlets))})", tuple(outlets)) if outlets else {}
        if missing := sorted(set(outlets) - found.keys()):
            raise sqlite3.IntegrityError(f"no outlet of the numbers {missing}, which documents have")
        return found

    def _read(self, condition: str, values: tuple[object, ...]) -> dict[int, Outlet]:
        rows = self._connection.execute(
            "SELECT outlet, name, due, hashes FROM dedupe_outlets LEFT JOIN dedupe_boilerplate USING (outlet)"
            f" WHERE {condition}",
            values,
        ).fetchall()
        return {
            outlet: Outlet(
                name, np.frombuffer(data or b"", "<u4") if due is None else self._learn_once(outlet, due)
            )
            for outlet, name, due, data in rows
        }

    def _learn_once(self, outlet: int, due: int) -> NDArray[np.uint32]:
        """Learn the boilerplate that is due, unless that was done before.

        It is learned only when it is needed, so that adding many rows without judging any costs nothing.
        """
        learned = self._learned.get(outlet)
        if learned is None or learned[0] != due:
            learned = self._learned[outlet] = due, self._learn_from_rows(outlet, due)
        return learned[1]

    def count_row(self, name: str, seq: int) -> int:
        """Count a row that is added to the outlet, and return the outlet's number. Call it for each added row.

        seq: the row's number, up to which boilerplate is then due, if it is.
        """
        outlet, added = self._connection.execute(
            "INSERT INTO dedupe_outlets (name, added) VALUES (?, 1)"
            " ON CONFLICT (name) DO UPDATE SET added = added + 1 RETURNING outlet, added",
            (name,),
        ).fetchone()
        self._store_learned(outlet)
        if added >= RECURRING_STORIES and (added <= LEARN_EACH_ROW_UNTIL or added % LEARN_EVERY_ROWS == 0):
            self._connection.execute("UPDATE dedupe_outlets SET due = ? WHERE outlet = ?", (seq, outlet))
        return int(outlet)

    def _store_learned(self, outlet: int) -> None:
        """Store what this process has learned of the outlet, unless learning is due again by now."""
        if learned_until := self._learned.pop(outlet, None):
            due, learned = learned_until
            update = self._connection.execute(
                "UPDATE dedupe_outlets SET due = NULL WHERE outlet = ? AND due = ?", (outlet, due)
            )
            if update.rowcount:
                self._connection.execute(
                    "INSERT OR REPLACE INTO dedupe_boilerplate VALUES (?, ?)",
                    (outlet, learned.astype("<u4").tobytes()),
                )

    def _learn_from_rows(self, outlet: int, last_row: int) -> NDArray[np.uint32]:
        rows = self._connection.execute(
            "SELECT coalesce(story_id, id), signature FROM dedupe_documents WHERE outlet = ? AND seq <= ?"
            " ORDER BY seq DESC LIMIT ?",
            (outlet, last_row, WINDOW_ROWS),
        )
        stories: dict[object, list[bytes]] = {}
        for story_id, data in rows:
            stories.setdefault(story_id, []).append(data)
        single_pages = [pages[0] for pages in stories.values() if len(pages) == 1]
        bodies = [
            body for pages in stories.values() if len(pages) > 1 for body in _bodies_of_different_pages(pages)
        ]
        if len(single_pages) + len(bodies) < RECURRING_STORIES:
            return NO_HASHES
        return recurring_hashes([unpack_bodies(single_pages), *bodies])


def _bodies_of_different_pages(packed: list[bytes]) -> list[NDArray[np.uint32]]:
    """The bodies of one story's pages that are not versions of one another, at most RECURRING_STORIES."""
    pages: list[Page] = []
    for signature in map(unpack, packed):
        page = page_without_boilerplate("", signature, NO_HASHES)
        if len(pages) < RECURRING_STORIES and not any(are_versions(page, other) for other in pages):
            pages.append(page)
    return [page.body.hashes for page in pages]


def recurring_hashes(stories: list[NDArray[np.uint32]]) -> NDArray[np.uint32]:
    """The hashes that occur in RECURRING_STORIES stories or more, ascending. Each story's hashes are distinct."""
    if not stories:
        return NO_HASHES
    ordered = np.sort(np.concatenate(stories))
    distance = RECURRING_STORIES - 1
    return sorted_distinct(ordered[distance:][ordered[distance:] == ordered[:-distance]])
