"""Which rows share a key with a text: an inverted index, in SQLite and, for its youngest part, in memory.

A text has some forty keys, and each lies on another page of the table: writing them at once would write forty
pages for one article. So they wait in memory (waiting.py), the same in every process because all follow the same
rows, and are swept into the table slice by slice. Each row's keys lie in one blob until all are in the table: a
process that opens the index reads the latest of them and knows what is waiting; nothing is lost with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xxhash

from dedupe.online import memtable
from dedupe.online.memtable import MemTable, slices_of, sweep_number
from dedupe.signature.scheme import POSTING_SHARE
from dedupe.signature.sketch import sorted_distinct

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence, Sized

    from numpy.typing import NDArray

BUCKET_ROWS = 32  # a key met more often (a phrase of the trade, a template) finds nothing anyway
RELIABLE_SCORE = 4  # postings, or half as many bands: what shares less is a chance hit, mostly
MAX_DOUBTFUL = 4  # so many of those are looked at, the likeliest,
MIN_EXPECTED_SHARE = (
    1 << 16
) // 20  # if the postings let expect that a twentieth of the smaller text is shared
MAX_DELAYED_SWEEPS = 64  # sweeps that are written together while a cache catches up
ROW_MASK = 2**28 - 1  # the part of a place that names the row
UNDATED = 2**63 - 1  # microseconds: sorts after every date, and lets the index serve the order
_DAY_MICROSECONDS = 86_400_000_000  # microseconds
_LAST_DAY = 2**15 - 1  # in 2059: a place takes six bytes
_PLACE_TYPE = np.dtype([("row", "<u4"), ("day", "<u2")])
# lengths go by half octaves: shingles of the shortest text of each but the first, and of a middling one
_LENGTH_CLASS_STARTS = 8 * 2 ** (np.arange(1, 16) / 2)
_LENGTH_CLASS_SHINGLES = np.round(8 * 2 ** (np.arange(16) / 2 + 0.25)).astype(np.int64)
_BUCKET_BYTES = BUCKET_ROWS * _PLACE_TYPE.itemsize
_KEYS_PER_QUERY = 256  # keys in one query

TABLES = """
CREATE TABLE IF NOT EXISTS dedupe_keys (
    key INTEGER PRIMARY KEY,
    -- of each row its number in 28 bits, length in four, day of publication since 1970 in sixteen (0 for none)
    places BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS dedupe_waiting (
    seq INTEGER PRIMARY KEY, -- without gaps: rows that were removed are still there
    mark INTEGER NOT NULL, -- hash of this row and of all before it: tells one history from another
    place INTEGER NOT NULL,
    keys BLOB NOT NULL -- uint32, ascending
);
CREATE TABLE IF NOT EXISTS dedupe_refused (keys INTEGER NOT NULL); -- one row
"""


class InvertedIndex:
    """Reads and writes in the caller's transaction; a rollback is noticed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.reset()

    def reset(self) -> None:
        """The tables tell again what waits."""
        self._last_row, self._last_mark = 0, 0  # the latest row that was followed; 0: none
        self._memtable = MemTable()
        self._unwritten_sweeps: dict[int, tuple[int, int]] = {}  # by turn: sweeps not yet written
        self._delays_writes = False

    @property
    def refused(self) -> int:
        row = self._connection.execute("SELECT keys FROM dedupe_refused").fetchone()
        return row[0] if row else 0

    @property
    def next_row(self) -> int:
        """The number of the row that is to be added, all older ones having been followed."""
        return self._last_row + 1

    def find_candidates(
        self, keys: NDArray[np.uint32], shingles: int, days: tuple[int, int], most: int
    ) -> list[int]:
        """The rows that share a band or two postings with a text of so many shingles: those with most in common, of
        equal ones those with the rarest key; a few that share little, if they are short enough for it to be much.
        From the first of two days to the last, or without a day. All rows have been followed."""
        if not len(keys):
            return []
        once = sorted_distinct(keys).astype(np.uint64)
        filed = self._read_buckets(once.tolist())
        waits = self._memtable.lookup(once, self._last_row, BUCKET_ROWS)
        at = once.searchsorted(np.fromiter(filed, np.uint64, len(filed)))
        lengths = np.fromiter(map(len, filed.values()), np.int64, len(filed)) // _PLACE_TYPE.itemsize
        at = np.concatenate([np.repeat(at, lengths), once.searchsorted(waits >> np.uint64(32))])
        if not len(at):
            return []
        places = np.concatenate([_unpack_places(b"".join(filed.values())), self._memtable.places_of(waits)])
        rows_of = np.bincount(at, minlength=len(once))
        shared = places << 8 | (rows_of << 1 | (once & np.uint64(1)).astype(np.int64))[at]
        shared.sort()
        places = shared >> 8
        starts = np.flatnonzero(np.concatenate([[True], places[1:] != places[:-1]]))
        counts = np.add.reduceat((shared & 1) + 1, starts)  # a band counts two, a posting one
        wanted = (counts > 1).nonzero()[0]
        counts, rarest, places = counts[wanted], shared[starts[wanted]] >> 1 & 127, places[starts[wanted]]
        smaller = np.minimum(_LENGTH_CLASS_SHINGLES[places >> 28 & 15], shingles)
        likely = (counts * POSTING_SHARE << 16) // smaller
        sound, day = counts >= RELIABLE_SCORE, places >> 32
        within = ((days[0] <= day) & (day <= days[1])) | (day == 0)
        ranks = rarest << 28 | (places & ROW_MASK)
        found = (-counts << 35 | ranks)[within & sound]
        found.sort()
        doubtful = (-likely << 35 | ranks)[within & ~sound & (likely >= MIN_EXPECTED_SHARE)]
        doubtful.sort()
        rows: list[int] = (np.concatenate([found[:most], doubtful[:MAX_DOUBTFUL]]) & ROW_MASK).tolist()
        return rows

    def read_new_rows(self) -> bool:
        """Take in the rows that this and other processes have added since. False: what was known before has been
        rolled back."""
        found = self._waiting_rows_from(self._last_row)
        stands = not self._last_row or bool(found and found[0][:2] == (self._last_row, self._last_mark))
        if not stands:
            self.reset()
        if not self._last_row:
            found = self._waiting_rows_from(0)
        for seq, mark, place, keys in found:
            if seq > self._last_row:
                self._memtable.add(seq, place, np.frombuffer(keys, "<u4"))
                self._last_row, self._last_mark = seq, mark
        if len(found) > 1:
            self._memtable.drop_swept(self._last_row)
        return stands

    def add(self, keys: NDArray[np.uint32], place: int, window: tuple[int, int]) -> None:
        """File the row `next`, which was just inserted; sweep the slice whose turn it is. Places outside the window
        (its days) may give way to new ones."""
        keys = sorted_distinct(keys)
        data = keys.astype("<u4").tobytes()
        self._last_row += 1
        self._last_mark = _last_mark(self._last_mark, place, data)
        self._connection.execute(
            "INSERT INTO dedupe_waiting VALUES (?, ?, ?, ?)", (self._last_row, self._last_mark, place, data)
        )
        self._memtable.add(self._last_row, place, keys)
        if self._last_row % memtable.SWEEP_ROWS == 0:
            self._unwritten_sweeps[sweep_number(self._last_row)] = window
            if not self._delays_writes or len(self._unwritten_sweeps) >= min(
                MAX_DELAYED_SWEEPS, memtable.SLICES
            ):
                self.write_due_sweeps()

    def delay_writes(self) -> None:
        """From now on some sweeps are written together: for while nothing is sought."""
        self._delays_writes = True

    def write_at_once(self) -> None:
        """Write what is held, and at once from now on."""
        self.write_due_sweeps()
        self._delays_writes = False

    def write_due_sweeps(self) -> None:
        if self._unwritten_sweeps:
            self._write_sweeps()
            self._unwritten_sweeps = {}
            self._connection.execute(
                "DELETE FROM dedupe_waiting WHERE seq <= ?",
                (self._last_row - memtable.SLICES * memtable.SWEEP_ROWS,),
            )
            self._memtable.drop_swept(self._last_row)

    def remove(self, keys: NDArray[np.uint32], place: int) -> None:
        """What still waits is left: it leads to a row that is no more."""
        self.write_due_sweeps()
        gone = pack_places(np.array([place]))
        for key, data in self._read_buckets(keys.tolist()).items():
            left = b"".join(one for one in _split_places(data) if one != gone)
            if left:
                self._write_buckets([(key, left)])
            else:
                self._connection.execute("DELETE FROM dedupe_keys WHERE key = ?", (key,))

    def _waiting_rows_from(self, seq: int) -> list[tuple[int, int, int, bytes]]:
        return self._connection.execute(
            "SELECT seq, mark, place, keys FROM dedupe_waiting WHERE seq >= ? ORDER BY seq", (seq,)
        ).fetchall()

    def _read_buckets(self, keys: Sequence[int]) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for start in range(0, len(keys), _KEYS_PER_QUERY):
            found.update(self._connection.execute(*_bucket_query(keys[start : start + _KEYS_PER_QUERY])))
        return found

    def _write_sweeps(self) -> None:
        """A full bucket gives up its rows outside the window, and else takes no more: it would cost every later
        document and find nothing."""
        first, last = min(self._unwritten_sweeps), max(self._unwritten_sweeps)
        entries = self._memtable.entries_to_sweep(first, last)
        if not len(entries):
            return
        keys = entries >> np.uint64(32)
        starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
        named = keys[starts].tolist()
        there = self._read_buckets(named)
        data = pack_places(self._memtable.places_of(entries))
        bounds = (np.append(starts, len(entries)) * _PLACE_TYPE.itemsize).tolist()
        filed = [
            (key, there.get(key, b"") + data[start:end])
            for key, start, end in zip(named, bounds, bounds[1:], strict=False)
        ]
        refused = 0
        for at in [at for at, (_, places) in enumerate(filed) if len(places) > _BUCKET_BYTES]:
            key, places = filed[at]
            turn = first + (int(slices_of(keys[starts[at]])) - first) % memtable.SLICES
            left = _fit_bucket(places, len(there.get(key, b"")), self._unwritten_sweeps[turn])
            refused += (len(places) - len(left)) // _PLACE_TYPE.itemsize
            filed[at] = key, left
        self._write_buckets(filed)
        if refused:
            self._connection.execute("UPDATE dedupe_refused SET keys = keys + ?", (refused,))

    def _write_buckets(self, filed: Iterable[tuple[int, bytes]]) -> None:
        self._connection.executemany("INSERT OR REPLACE INTO dedupe_keys VALUES (?, ?)", filed)


def _fit_bucket(data: bytes, old: int, window: tuple[int, int]) -> bytes:
    """As many places as a bucket takes: rows outside the window go first, of the first `old` bytes, then the
    latest."""
    excess = len(data) // _PLACE_TYPE.itemsize - BUCKET_ROWS
    first, last = window
    places = sorted(_unpack_places(data[:old]).tolist())
    gone = set([p for p in places if p >> 32 and not first <= p >> 32 <= last][:excess])
    kept = [p for p in _unpack_places(data).tolist() if p not in gone]
    return pack_places(np.array(kept[:BUCKET_ROWS]))


def pack_places(places: NDArray[np.int64]) -> bytes:
    """As a bucket holds them."""
    found = np.empty(len(places), _PLACE_TYPE)
    found["row"], found["day"] = places & 0xFFFFFFFF, places >> 32
    return found.tobytes()


def _unpack_places(data: bytes) -> NDArray[np.int64]:
    postings = np.frombuffer(data, _PLACE_TYPE)
    places: NDArray[np.int64] = postings["day"].astype(np.int64) << 32 | postings["row"]
    return places


def _split_places(data: bytes) -> list[bytes]:
    return [data[at : at + _PLACE_TYPE.itemsize] for at in range(0, len(data), _PLACE_TYPE.itemsize)]


def _last_mark(before: int, place: int, keys: bytes) -> int:
    """Signed: what SQLite holds in an integer."""
    found = xxhash.xxh3_64_intdigest(place.to_bytes(8, "little") + keys, seed=before & (2**64 - 1))
    return found - 2**63


def _bucket_query(keys: Sequence[int]) -> tuple[str, Sequence[int]]:
    """For the rows of some keys. The last is named as often as makes their number a multiple of 16: few
    different statements, which SQLite need not parse anew."""
    padded = [*keys, *[keys[-1]] * (-len(keys) % 16)]
    return f"SELECT key, places FROM dedupe_keys WHERE key IN ({placeholders(padded)})", padded


def day_number(published: int) -> int:
    return 0 if published == UNDATED else min(max(published // _DAY_MICROSECONDS, 1), _LAST_DAY)


def encode_place(published: int, shingles: int, seq: int) -> int:
    """Day, length, row."""
    length = int(_LENGTH_CLASS_STARTS.searchsorted(shingles, "right"))
    return day_number(published) << 32 | length << 28 | seq


def placeholders(values: Sized) -> str:
    return ",".join("?" * len(values))
