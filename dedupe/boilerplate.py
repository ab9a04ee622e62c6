"""Shingles that recur in an outlet's stories and therefore say nothing about one of them.

Learned from the outlet's latest stories as they lie in the index. Versions of one story count once, so that a
story put out under many addresses does not become boilerplate; pages of one story that are no versions of one
another count each, so that a wrong merge does not keep the boilerplate from being learned. Durable with the
index, and learned again every few rows rather than at each, which would cost more than all the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dedupe.relation import is_version, page_of
from dedupe.signature import Signature
from dedupe.sketch import distinct_of

if TYPE_CHECKING:
    import sqlite3

    from numpy.typing import NDArray

RECURRING_STORIES = 4
WINDOW_ROWS = 128  # the outlet's latest rows that are looked at
LEARN_ALWAYS, LEARN_EVERY = 32, 32  # after each of the first 32 rows, then after every 32nd
NOTHING: NDArray[np.uint32] = np.empty(0, np.uint32)

TABLES = """
CREATE TABLE IF NOT EXISTS dedupe_outlets (
    outlet TEXT PRIMARY KEY,
    added INTEGER NOT NULL,   -- rows ever added, removed ones too
    boilerplate BLOB NOT NULL -- little-endian uint32, ascending
) WITHOUT ROWID;
"""


class Boilerplate:
    """Reads and learns in the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def of(self, outlet: str) -> NDArray[np.uint32]:
        return self.of_all({outlet})[outlet]

    def of_all(self, outlets: set[str]) -> dict[str, NDArray[np.uint32]]:
        rows = self._connection.execute(
            f"SELECT outlet, boilerplate FROM dedupe_outlets WHERE outlet IN ({','.join('?' * len(outlets))})",
            tuple(outlets),
        )
        return dict.fromkeys(outlets, NOTHING) | {outlet: np.frombuffer(data, "<u4") for outlet, data in rows}

    def count(self, outlet: str) -> None:
        """To be called after each row added for the outlet."""
        (added,) = self._connection.execute(
            "INSERT INTO dedupe_outlets VALUES (?, 1, x'')"
            " ON CONFLICT (outlet) DO UPDATE SET added = added + 1 RETURNING added",
            (outlet,),
        ).fetchone()
        if added >= RECURRING_STORIES and (added <= LEARN_ALWAYS or added % LEARN_EVERY == 0):
            self._learn(outlet)

    def _learn(self, outlet: str) -> None:
        rows = self._connection.execute(
            "SELECT story_id, signature FROM dedupe_documents WHERE outlet = ? ORDER BY seq DESC LIMIT ?",
            (outlet, WINDOW_ROWS),
        )
        stories: dict[str, list[Signature]] = {}
        for story_id, data in rows.fetchall():
            signature = Signature.from_bytes(data)
            pages = stories.setdefault(story_id, [])
            if not pages or (len(pages) < RECURRING_STORIES and _is_new(outlet, signature, pages)):
                pages.append(signature)
        learned = recurring([page.body_sketch().hashes for pages in stories.values() for page in pages])
        self._connection.execute(
            "UPDATE dedupe_outlets SET boilerplate = ? WHERE outlet = ?",
            (learned.astype("<u4").tobytes(), outlet),
        )


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
