"""Which rows share a key with a text: an inverted index, in SQLite and, for its youngest part, in memory.

A text has some fifty keys, and each lies on another page of the table: writing them at once would write fifty
pages for one article. So they wait in memory, the same in every process because all follow the same rows, and
with each new row one slice of the key space is swept into the table: after SLICES rows all slices have been. A
process that opens the index reads the latest SLICES rows and knows what is waiting; nothing is lost with it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dedupe.signature import Signature, is_band

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

BUCKET_ROWS = 32  # a key met more often (a phrase of the trade, a template) finds nothing anyway
DOUBTFUL, SOUND = (
    8,
    4,
)  # so many rows at most that share less than two bands or four postings: chance hits, mostly
SLICES = 1 << 14  # of the key space; a sweep writes a text's worth of keys on neighbouring pages
SEQ = 2**32 - 1  # the part of a place that names the row
UNDATED = 2**63 - 1  # microseconds: sorts after every date, and lets the index serve the order
_DAY = 86_400_000_000  # microseconds
_LAST_DAY = 2**15 - 1  # in 2059: a place takes six bytes

TABLES = """
CREATE TABLE IF NOT EXISTS dedupe_keys (
    key INTEGER NOT NULL,
    place INTEGER NOT NULL, -- day of publication since 1970 (0 for none) << 32 | seq: a bucket lies in order of time
    PRIMARY KEY (key, place)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dedupe_refused (keys INTEGER NOT NULL); -- one row
"""


class Keys:
    """Reads and writes in the caller's transaction; a rollback is noticed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._forget()

    def _forget(self) -> None:
        self._last: tuple[int, str, int] | None = (
            None  # seq, id and digest of the latest row that was followed
        )
        self._waiting: dict[int, list[int]] = {}  # key to places
        self._slices: dict[int, list[int]] = {}  # slice to waiting keys

    @property
    def refused(self) -> int:
        row = self._connection.execute("SELECT keys FROM dedupe_refused").fetchone()
        return row[0] if row else 0

    def nearest(self, keys: Sequence[int], first: int, last: int, most: int) -> list[int]:
        """The rows that share a band or two postings, those with most in common first; places from first to last,
        and places without a day."""
        self.follow()
        shared: Counter[int] = Counter()
        for key, place in self._connection.execute(
            f"SELECT key, place FROM dedupe_keys WHERE key IN ({marks(keys)})", tuple(keys)
        ):
            shared[place] += 1 + is_band(key)
        for key in keys:
            for place in self._waiting.get(key, ()):
                shared[place] += 1 + is_band(key)
        found = sorted(
            (-count, place & SEQ)
            for place, count in shared.items()
            if count > 1 and (first <= place <= last or place <= SEQ)
        )[:most]
        return [seq for n, (count, seq) in enumerate(found) if n < DOUBTFUL or -count >= SOUND]

    def follow(self) -> None:
        """Take in the rows that this and other processes have added since, and what they swept."""
        if self._last and not self._stands():
            self._forget()
        since = self._last[0] if self._last else self._newest() - SLICES
        for seq, id, digest, published, data in self._connection.execute(
            "SELECT seq, id, digest, published, signature FROM dedupe_documents WHERE seq > ? ORDER BY seq",
            (since,),
        ):
            self._wait(Signature.from_bytes(data).index_keys(), place_of(published, seq))
            self._swept(seq)
            self._last = seq, id, digest

    def add(
        self, row: tuple[int, str, int], keys: Iterable[int], place: int, window: tuple[int, int]
    ) -> None:
        """File a row that was just inserted, all older ones having been followed; sweep the slice whose turn it is.
        Places outside the window may give way to new ones."""
        refused = self._wait(keys, place)
        self._last = row
        refused += self._write(self._swept(row[0]), window)
        if refused:
            self._connection.execute("UPDATE dedupe_refused SET keys = keys + ?", (refused,))

    def remove(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Keys with their places. What still waits is left: it leads to a row that is no more."""
        self._connection.executemany("DELETE FROM dedupe_keys WHERE key = ? AND place = ?", pairs)

    def _stands(self) -> bool:
        """Whether the latest row that was followed is there still: it is not after a rollback."""
        seq, *row = self._last or (0,)
        found = self._connection.execute(
            "SELECT id, digest FROM dedupe_documents WHERE seq = ?", (seq,)
        ).fetchone()
        return bool(found == tuple(row))

    def _newest(self) -> int:
        (seq,) = self._connection.execute("SELECT coalesce(max(seq), 0) FROM dedupe_documents").fetchone()
        return int(seq)

    def _wait(self, keys: Iterable[int], place: int) -> int:
        """How many buckets were full."""
        refused = 0
        for key in keys:
            places = self._waiting.get(key)
            if places is None:
                self._waiting[key] = [place]
                self._slices.setdefault(_slice_of(key), []).append(key)
                continue
            places.append(place)
            if len(places) > BUCKET_ROWS:
                del places[0]
                refused += 1
        return refused

    def _swept(self, seq: int) -> dict[int, list[int]]:
        """What waits no more once this row has been added, by key."""
        return {key: self._waiting.pop(key) for key in sorted(self._slices.pop(seq % SLICES, ()))}

    def _write(self, buckets: dict[int, list[int]], window: tuple[int, int]) -> int:
        """How many keys full buckets refused. A full bucket gives up its rows outside the window, and else takes no
        more: it would cost every later document and find nothing."""
        if not buckets:
            return 0
        there: dict[int, list[int]] = {}
        for key, place in self._connection.execute(
            f"SELECT key, place FROM dedupe_keys WHERE key IN ({marks(buckets)})", tuple(buckets)
        ):
            there.setdefault(key, []).append(place)
        refused = 0
        for key, places in buckets.items():
            excess = len(there.get(key, ())) + len(places) - BUCKET_ROWS
            if excess > 0:
                old = [p for p in there.get(key, ()) if p > SEQ and not window[0] <= p <= window[1]]
                self.remove([(key, place) for place in old[:excess]])
                refused += excess
                del places[len(places) - max(0, excess - len(old)) :]
        self._connection.executemany(
            "INSERT OR IGNORE INTO dedupe_keys VALUES (?, ?)",
            [(key, place) for key, places in buckets.items() for place in places],
        )
        return refused


def _slice_of(key: int) -> int:
    return (key + (1 << 31)) * SLICES >> 32


def place_of(published: int, seq: int) -> int:
    """Day and row, so that the rows of a bucket lie in the order of publication."""
    day = 0 if published == UNDATED else min(max(published // _DAY, 1), _LAST_DAY)
    return day << 32 | seq


def marks(values: Iterable[object]) -> str:
    return ",".join("?" for _ in values)
