"""Which rows share a key with a text: an inverted index, in SQLite and, for its youngest part, in memory.

A text has some fifty keys, and each lies on another page of the table: writing them at once would write fifty
pages for one article. So they wait in memory, the same in every process because all follow the same rows, and
with each new row one slice of the key space is swept into the table: after SLICES rows all slices have been. A
process that opens the index reads the latest SLICES rows and knows what is waiting; nothing is lost with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dedupe.packing import unpack

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

BUCKET_ROWS = 32  # a key met more often (a phrase of the trade, a template) finds nothing anyway
DOUBTFUL, SOUND = (
    8,
    4,
)  # so many rows at most that share less than two bands or four postings: chance hits, mostly
SLICES = 1 << 14  # of the key space; a sweep writes a text's worth of keys on neighbouring pages
HELD = 128  # sweeps that are written together while a cache catches up
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
        self.forget()

    def forget(self) -> None:
        """The rows tell again what waits."""
        self._last: tuple[int, str, int] | None = (
            None  # seq, id and digest of the latest row that was followed
        )
        self._waiting: dict[int, int | list[int]] = {}  # key to its place or places
        self._held: list[_Sweep] | None = None  # swept and not yet written; None: written at once
        self._slices: dict[int, list[int]] = {}  # slice to waiting keys

    @property
    def refused(self) -> int:
        row = self._connection.execute("SELECT keys FROM dedupe_refused").fetchone()
        return row[0] if row else 0

    def nearest(self, keys: Sequence[int], first: int, last: int, most: int) -> list[int]:
        """The rows that share a band or two postings, those with most in common first; places from first to last,
        and places without a day."""
        self.follow()
        shared: dict[int, int] = {}  # a band counts two, a posting one
        known = shared.get
        for key, place in self._connection.execute(*_filed(keys)):
            shared[place] = known(place, 0) + 1 + (key & 1)
        for key in keys:
            for place in _places(self._waiting.get(key)):
                shared[place] = known(place, 0) + 1 + (key & 1)
        found = sorted(
            (-count, place & SEQ)
            for place, count in shared.items()
            if count > 1 and (first <= place <= last or place <= SEQ)
        )[:most]
        return [seq for n, (count, seq) in enumerate(found) if n < DOUBTFUL or -count >= SOUND]

    def follow(self) -> None:
        """Take in the rows that this and other processes have added since, and what they swept."""
        if self._last and not self._stands():
            self.forget()
        since = self._last[0] if self._last else self._newest() - SLICES
        for seq, id, digest, published, data in self._connection.execute(
            "SELECT seq, id, digest, published, signature FROM dedupe_documents WHERE seq > ? ORDER BY seq",
            (since,),
        ):
            self._wait(unpack(data).index_keys(), place_of(published, seq))
            self._swept(seq)
            self._last = seq, id, digest

    def add(
        self, row: tuple[int, str, int], keys: Iterable[int], place: int, window: tuple[int, int]
    ) -> None:
        """File a row that was just inserted, all older ones having been followed; sweep the slice whose turn it is.
        Places outside the window may give way to new ones."""
        refused = self._wait(keys, place)
        self._last = row
        swept = _Sweep(self._swept(row[0]), window)
        if self._held is None:
            refused += self._write([swept])
        else:
            self._held.append(swept)
            if len(self._held) >= min(HELD, SLICES):  # no slice twice: the second would not see the first
                self.write_held()
        self._refuse(refused)

    def hold(self) -> None:
        """From now on some sweeps are written together: for while nothing is sought."""
        self._held = []

    def write_held(self) -> None:
        held, self._held = self._held or [], []
        self._refuse(self._write(held))

    def settle(self) -> None:
        """Write what is held, and at once from now on."""
        self.write_held()
        self._held = None

    def _refuse(self, keys: int) -> None:
        if keys:
            self._connection.execute("UPDATE dedupe_refused SET keys = keys + ?", (keys,))

    def remove(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Keys with their places. What still waits is left: it leads to a row that is no more."""
        if self._held:
            self.write_held()
        self._delete(pairs)

    def _delete(self, pairs: Iterable[tuple[int, int]]) -> None:
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
        waiting, slices = self._waiting, self._slices
        for key in dict.fromkeys(keys):  # each once
            places = waiting.setdefault(key, place)
            if places is place:
                slices.setdefault((key + (1 << 31)) * SLICES >> 32, []).append(key)
            elif isinstance(places, list):
                places.append(place)
                if len(places) > BUCKET_ROWS:
                    del places[0]
                    refused += 1
            else:
                waiting[key] = [places, place]
        return refused

    def _swept(self, seq: int) -> dict[int, list[int]]:
        """What waits no more once this row has been added, by key."""
        return {
            key: list(_places(self._waiting.pop(key))) for key in sorted(self._slices.pop(seq % SLICES, ()))
        }

    def _write(self, sweeps: list[_Sweep]) -> int:
        """How many keys full buckets refused. A full bucket gives up its rows outside the window, and else takes no
        more: it would cost every later document and find nothing."""
        keys = [key for sweep in sweeps for key in sweep.buckets]
        if not keys:
            return 0
        there: dict[int, list[int]] = {}
        for key, place in self._connection.execute(*_filed(keys)):
            there.setdefault(key, []).append(place)
        refused = 0
        for sweep in sweeps:
            for key, places in sweep.buckets.items():
                found = there.get(key)
                if len(places) + (len(found) if found else 0) <= BUCKET_ROWS:
                    continue
                found = found or []
                excess = len(found) + len(places) - BUCKET_ROWS
                first, last = sweep.window
                old = [p for p in found if p > SEQ and not first <= p <= last]
                self._delete([(key, place) for place in old[:excess]])
                refused += excess
                del places[len(places) - max(0, excess - len(old)) :]
        self._connection.executemany(
            "INSERT OR IGNORE INTO dedupe_keys VALUES (?, ?)",
            [(key, place) for sweep in sweeps for key, places in sweep.buckets.items() for place in places],
        )
        return refused


@dataclass(frozen=True, slots=True)
class _Sweep:
    buckets: dict[int, list[int]]  # ascending keys to places
    window: tuple[int, int]  # places


def _places(waiting: int | list[int] | None) -> Sequence[int]:
    return () if waiting is None else (waiting,) if isinstance(waiting, int) else waiting


def _filed(keys: Sequence[int]) -> tuple[str, Sequence[int]]:
    """A query for the rows of some keys. The last is named as often as makes their number a multiple of 16: few
    different statements, which SQLite need not parse anew."""
    padded = [*keys, *[keys[-1]] * (-len(keys) % 16)] if keys else []
    return f"SELECT key, place FROM dedupe_keys WHERE key IN ({marks(padded)})", padded


def place_of(published: int, seq: int) -> int:
    """Day and row, so that the rows of a bucket lie in the order of publication."""
    day = 0 if published == UNDATED else min(max(published // _DAY, 1), _LAST_DAY)
    return day << 32 | seq


def marks(values: Iterable[object]) -> str:
    return ",".join("?" for _ in values)
