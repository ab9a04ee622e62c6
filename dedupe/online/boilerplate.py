"""Shingles that recur in an outlet's stories and therefore say nothing about one of them.

Learned from the outlet's latest stories as they lie in the index. Versions of one story count once, so that a
story put out under many addresses does not become boilerplate; pages of one story that are no versions of one
another count each, so that a wrong merge does not keep the boilerplate from being learned. Durable with the
index, and learned again every few rows rather than at each, which would cost more than all the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dedupe.rules.relation import Page, is_version, page_of
from dedupe.signature.packing import bodies_of, unpack
from dedupe.signature.sketch import distinct_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from numpy.typing import NDArray

RECURRING_STORIES = 4
WINDOW_ROWS = 128  # the outlet's latest rows that are looked at
LEARN_ALWAYS, LEARN_EVERY = 32, 32  # after each of the first 32 rows, then after every 32nd
NOTHING: NDArray[np.uint32] = np.empty(0, np.uint32)

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
    name: str
    boilerplate: NDArray[np.uint32]


class Boilerplate:
    """Reads and writes in the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.forget()

    def forget(self) -> None:
        """After a rollback: what was learned since is not to be written."""
        self._learned: dict[int, tuple[int, NDArray[np.uint32]]] = {}  # by outlet: what was due, and found

    def named(self, name: str) -> dict[int, Outlet]:
        """By number; nothing if nothing has been added of this outlet."""
        return self._read("name = ?", (name,))

    def removing(self, outlet: int) -> None:
        """To be called before a row is removed: what is due is learned from what was there."""
        self.of({outlet})
        self._write(outlet)

    def of(self, outlets: Collection[int]) -> dict[int, Outlet]:
        return self._read(f"outlet IN ({','.join('?' * len(outlets))})", tuple(outlets)) if outlets else {}

    def _read(self, which: str, values: tuple[object, ...]) -> dict[int, Outlet]:
        rows = self._connection.execute(
            "SELECT outlet, name, due, hashes FROM dedupe_outlets LEFT JOIN dedupe_boilerplate USING (outlet)"
            f" WHERE {which}",
            values,
        ).fetchall()
        return {
            outlet: Outlet(name, np.frombuffer(data or b"", "<u4") if due is None else self._due(outlet, due))
            for outlet, name, due, data in rows
        }

    def _due(self, outlet: int, due: int) -> NDArray[np.uint32]:
        """Learned when it is wanted: an outlet of which many rows are entered and none is judged costs nothing."""
        known = self._learned.get(outlet)
        if known is None or known[0] != due:
            known = self._learned[outlet] = due, self._learn(outlet, due)
        return known[1]

    def count(self, name: str, seq: int) -> int:
        """To be called for each row that is added; the outlet's number."""
        outlet, added = self._connection.execute(
            "INSERT INTO dedupe_outlets (name, added) VALUES (?, 1)"
            " ON CONFLICT (name) DO UPDATE SET added = added + 1 RETURNING outlet, added",
            (name,),
        ).fetchone()
        self._write(outlet)
        if added >= RECURRING_STORIES and (added <= LEARN_ALWAYS or added % LEARN_EVERY == 0):
            self._connection.execute("UPDATE dedupe_outlets SET due = ? WHERE outlet = ?", (seq, outlet))
        return int(outlet)

    def _write(self, outlet: int) -> None:
        """What was learned since, for all processes; unless more is due by now."""
        if known := self._learned.pop(outlet, None):
            due, learned = known
            done = self._connection.execute(
                "UPDATE dedupe_outlets SET due = NULL WHERE outlet = ? AND due = ?", (outlet, due)
            )
            if done.rowcount:
                self._connection.execute(
                    "INSERT OR REPLACE INTO dedupe_boilerplate VALUES (?, ?)",
                    (outlet, learned.astype("<u4").tobytes()),
                )

    def _learn(self, outlet: int, last: int) -> NDArray[np.uint32]:
        rows = self._connection.execute(
            "SELECT coalesce(story_id, id), signature FROM dedupe_documents WHERE outlet = ? AND seq <= ?"
            " ORDER BY seq DESC LIMIT ?",
            (outlet, last, WINDOW_ROWS),
        )
        stories: dict[object, list[bytes]] = {}
        for story_id, data in rows:
            stories.setdefault(story_id, []).append(data)
        alone = [pages[0] for pages in stories.values() if len(pages) == 1]
        several = [body for pages in stories.values() if len(pages) > 1 for body in _bodies(pages)]
        if len(alone) + len(several) < RECURRING_STORIES:
            return NOTHING
        return recurring([bodies_of(alone), *several])


def _bodies(packed: list[bytes]) -> list[NDArray[np.uint32]]:
    """Of one story's pages those that are no versions of one another."""
    pages: list[Page] = []
    for signature in map(unpack, packed):
        page = page_of("", signature, NOTHING)
        if len(pages) < RECURRING_STORIES and not any(is_version(page, other) for other in pages):
            pages.append(page)
    return [page.body.hashes for page in pages]


def recurring(stories: list[NDArray[np.uint32]]) -> NDArray[np.uint32]:
    """Ascending. Each story's hashes are distinct, so a hash counts once per story."""
    if not stories:
        return NOTHING
    ordered = np.sort(np.concatenate(stories))
    reach = RECURRING_STORIES - 1
    return distinct_of(ordered[reach:][ordered[reach:] == ordered[:-reach]])
