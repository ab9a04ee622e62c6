"""Shingles that recur in an outlet's stories and therefore say nothing about one of them.

Learned from the outlet's latest stories as they lie in the index. Versions of one story count once, so that a
story put out under many addresses does not become boilerplate; pages of one story that are no versions of one
another count each, so that a wrong merge does not keep the boilerplate from being learned. Durable with the
index, and learned again every few rows rather than at each, which would cost more than all the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dedupe.packing import body_of, unpack
from dedupe.relation import is_version, page_of
from dedupe.sketch import distinct_of

if TYPE_CHECKING:
    import sqlite3

    from numpy.typing import NDArray

    from dedupe.signature import Signature

RECURRING_STORIES = 4
WINDOW_ROWS = 128  # the outlet's latest rows that are looked at
LEARN_ALWAYS, LEARN_EVERY = 32, 32  # after each of the first 32 rows, then after every 32nd
NOTHING: NDArray[np.uint32] = np.empty(0, np.uint32)

TABLES = """
CREATE TABLE IF NOT EXISTS dedupe_outlets (
    outlet TEXT PRIMARY KEY,
    added INTEGER NOT NULL, -- rows ever added, removed ones too
    due INTEGER, -- the row up to which it is to be learned anew; NULL: it has been
    boilerplate BLOB NOT NULL -- little-endian uint32, ascending
) WITHOUT ROWID;
"""


class Boilerplate:
    """Reads and writes in the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._learned: dict[
            str, tuple[int, str, NDArray[np.uint32]]
        ] = {}  # by outlet: what was due, and found

    def removing(self, outlet: str) -> None:
        """To be called before a row is removed: what is due is learned from what was there."""
        self.of(outlet)
        self._write(outlet)

    def of(self, outlet: str) -> NDArray[np.uint32]:
        return self.of_all({outlet})[outlet]

    def of_all(self, outlets: set[str]) -> dict[str, NDArray[np.uint32]]:
        rows = self._connection.execute(
            "SELECT outlet, due, boilerplate FROM dedupe_outlets"
            f" WHERE outlet IN ({','.join('?' * len(outlets))})",
            tuple(outlets),
        ).fetchall()
        return dict.fromkeys(outlets, NOTHING) | {
            outlet: np.frombuffer(data, "<u4") if due is None else self._due(outlet, due)
            for outlet, due, data in rows
        }

    def _due(self, outlet: str, due: int) -> NDArray[np.uint32]:
        """Learned when it is wanted: an outlet of which many rows are entered and none is judged costs nothing."""
        known = self._learned.get(outlet)
        (id,) = self._connection.execute("SELECT id FROM dedupe_documents WHERE seq = ?", (due,)).fetchone()
        if known is None or known[:2] != (
            due,
            id,
        ):  # the id: after a rollback another row may take the number
            known = self._learned[outlet] = due, id, self._learn(outlet, due)
        return known[2]

    def count(self, outlet: str, seq: int) -> None:
        """To be called after each row added for the outlet."""
        self._write(outlet)
        (added,) = self._connection.execute(
            "INSERT INTO dedupe_outlets VALUES (?, 1, NULL, x'')"
            " ON CONFLICT (outlet) DO UPDATE SET added = added + 1 RETURNING added",
            (outlet,),
        ).fetchone()
        if added >= RECURRING_STORIES and (added <= LEARN_ALWAYS or added % LEARN_EVERY == 0):
            self._connection.execute("UPDATE dedupe_outlets SET due = ? WHERE outlet = ?", (seq, outlet))

    def _write(self, outlet: str) -> None:
        """What was learned since, for all processes; unless more is due by now."""
        if known := self._learned.pop(outlet, None):
            due, id, learned = known
            self._connection.execute(
                "UPDATE dedupe_outlets SET boilerplate = ?, due = NULL WHERE outlet = ? AND due = ?"
                " AND EXISTS (SELECT 1 FROM dedupe_documents WHERE seq = due AND id = ?)",
                (learned.astype("<u4").tobytes(), outlet, due, id),
            )

    def _learn(self, outlet: str, last: int) -> NDArray[np.uint32]:
        rows = self._connection.execute(
            "SELECT story_id, signature FROM dedupe_documents WHERE outlet = ? AND seq <= ?"
            " ORDER BY seq DESC LIMIT ?",
            (outlet, last, WINDOW_ROWS),
        )
        stories: dict[str, list[bytes]] = {}
        for story_id, data in rows:
            stories.setdefault(story_id, []).append(data)
        return recurring([body for pages in stories.values() for body in _bodies(outlet, pages)])


def _bodies(outlet: str, packed: list[bytes]) -> list[NDArray[np.uint32]]:
    """Of one story's pages those that are no versions of one another."""
    if len(packed) == 1:
        return [body_of(packed[0])]
    pages: list[Signature] = []
    for signature in map(unpack, packed):
        if len(pages) < RECURRING_STORIES and _is_new(outlet, signature, pages):
            pages.append(signature)
    return [page.body_sketch().hashes for page in pages]


def _is_new(outlet: str, signature: Signature, pages: list[Signature]) -> bool:
    page = page_of(outlet, signature, NOTHING)
    return not any(is_version(page, page_of(outlet, other, NOTHING)) for other in pages)


def recurring(stories: list[NDArray[np.uint32]]) -> NDArray[np.uint32]:
    """Ascending. Each story's hashes are distinct, so a hash counts once per story."""
    if len(stories) < RECURRING_STORIES:
        return NOTHING
    ordered = np.sort(np.concatenate(stories))
    reach = RECURRING_STORIES - 1
    return distinct_of(ordered[reach:][ordered[reach:] == ordered[:-reach]])
