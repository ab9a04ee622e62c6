"""Finds the rows that share keys with a text: an inverted index in SQLite, with its newest entries in memory.

1. A text has some forty keys, each on another page of the table. Writing them at once would write forty pages for one
   article. So entries first stay in a memtable (memtable.py) and are swept into the table slice by slice.
2. Until all keys of a row are in the table, the table dedupe_waiting holds them in one blob. A process that opens the
   index rebuilds its memtable from these rows, so nothing is lost when a process dies.
3. Every process follows the same rows, so all have the same memtable.

The entries of one key are its bucket: a blob of places. A place is one posting of the inverted index: the row number,
the length class of the text and the day of publication, in six bytes.
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

BUCKET_ROWS = 32  # a key of more rows (a set phrase, a template) does not tell copies from other texts
RELIABLE_SCORE = 4  # common postings, a band counting as two; rows with fewer are mostly chance hits
MAX_DOUBTFUL = 4  # rows below RELIABLE_SCORE that are verified, those with the highest expected share,
MIN_EXPECTED_SHARE = (1 << 16) // 20  # from a twentieth of the smaller text on; in units of 2**-16
MAX_DELAYED_SWEEPS = 64  # sweeps that are written together while a cache catches up
ROW_MASK = 2**28 - 1  # the bits of a place that hold the row number
UNDATED = 2**63 - 1  # microseconds; sorts after every date, so that SQLite's index gives the order
_DAY_MICROSECONDS = 86_400_000_000
_LAST_DAY = 2**15 - 1  # in 2059; keeps a place within six bytes
_PLACE_TYPE = np.dtype([("row", "<u4"), ("day", "<u2")])
# a length class spans half an octave (a factor of 2**0.5); these are the least number of shingles in each class but
# the first, and the number of a text in the middle of each class
_LENGTH_CLASS_STARTS = 8 * 2 ** (np.arange(1, 16) / 2)
_LENGTH_CLASS_SHINGLES = np.round(8 * 2 ** (np.arange(16) / 2 + 0.25)).astype(np.int64)
_BUCKET_BYTES = BUCKET_ROWS * _PLACE_TYPE.itemsize
_KEYS_PER_QUERY = 256

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
    """The rows of each key. Reads and writes in the caller's transaction, and notices when it was rolled back."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.reset()

    def reset(self) -> None:
        """Forget the memtable; the next `read_new_rows` rebuilds it from the tables."""
        self._last_row, self._last_mark = 0, 0  # the latest row that was read; 0: none
        self._memtable = MemTable()
        self._unwritten_sweeps: dict[int, tuple[int, int]] = {}  # sweep number to the window's days
        self._delays_writes = False

    @property
    def refused(self) -> int:
        """Number of entries that full buckets did not take or gave up."""
        row = self._connection.execute("SELECT keys FROM dedupe_refused").fetchone()
        return row[0] if row else 0

    @property
    def next_row(self) -> int:
        """The number of the row that `add` adds next. Call `read_new_rows` first."""
        return self._last_row + 1

    def find_candidates(
        self, keys: NDArray[np.uint32], shingles: int, days: tuple[int, int], limit: int
    ) -> list[int]:
        """The row numbers of the candidates for a text: rows that share at least one band or two postings with it.

        keys and shingles are those of the text; days are the first and the last day of the window. Rows without a
        day are in every window. Call `read_new_rows` first.

        1. At most `limit` rows of RELIABLE_SCORE or more: those with the most keys in common, on equal counts those
           whose rarest common key has the fewest rows.
        2. At most MAX_DOUBTFUL rows below that score: those that are expected to share most of the shorter text.
        """
        if not len(keys):
            return []
        distinct_keys = sorted_distinct(keys).astype(np.uint64)
        buckets = self._read_buckets(distinct_keys.tolist())
        waiting = self._memtable.lookup(distinct_keys, self._last_row, BUCKET_ROWS)
        key_positions = distinct_keys.searchsorted(np.fromiter(buckets, np.uint64, len(buckets)))
        bucket_rows = np.fromiter(map(len, buckets.values()), np.int64, len(buckets)) // _PLACE_TYPE.itemsize
        key_positions = np.concatenate(
            [np.repeat(key_positions, bucket_rows), distinct_keys.searchsorted(waiting >> np.uint64(32))]
        )
        if not len(key_positions):
            return []
        places = np.concatenate(
            [_unpack_places(b"".join(buckets.values())), self._memtable.places_of(waiting)]
        )
        rows_per_key = np.bincount(key_positions, minlength=len(distinct_keys))
        shared = (
            places << 8 | (rows_per_key << 1 | (distinct_keys & np.uint64(1)).astype(np.int64))[key_positions]
        )
        shared.sort()
        places = shared >> 8
        starts = np.flatnonzero(np.concatenate([[True], places[1:] != places[:-1]]))
        scores = np.add.reduceat((shared & 1) + 1, starts)  # a band counts two, a posting one
        candidates = (scores > 1).nonzero()[0]
        scores, rarest_key_rows, places = (
            scores[candidates],
            shared[starts[candidates]] >> 1 & 127,
            places[starts[candidates]],
        )
        smaller = np.minimum(_LENGTH_CLASS_SHINGLES[places >> 28 & 15], shingles)
        expected_share = (scores * POSTING_SHARE << 16) // smaller
        is_reliable, day = scores >= RELIABLE_SCORE, places >> 32
        is_in_window = ((days[0] <= day) & (day <= days[1])) | (day == 0)
        ranks = rarest_key_rows << 28 | (places & ROW_MASK)
        reliable = (-scores << 35 | ranks)[is_in_window & is_reliable]
        reliable.sort()
        doubtful = (-expected_share << 35 | ranks)[
            is_in_window & ~is_reliable & (expected_share >= MIN_EXPECTED_SHARE)
        ]
        doubtful.sort()
        rows: list[int] = (np.concatenate([reliable[:limit], doubtful[:MAX_DOUBTFUL]]) & ROW_MASK).tolist()
        return rows

    def read_new_rows(self) -> bool:
        """Add the rows to the memtable that this and other processes have added since.

        False if rows that were read before have been rolled back; then the memtable is rebuilt.
        """
        new_rows = self._waiting_rows_from(self._last_row)
        is_intact = not self._last_row or bool(
            new_rows and new_rows[0][:2] == (self._last_row, self._last_mark)
        )
        if not is_intact:
            self.reset()
        if not self._last_row:
            new_rows = self._waiting_rows_from(0)
        for seq, mark, place, keys in new_rows:
            if seq > self._last_row:
                self._memtable.add(seq, place, np.frombuffer(keys, "<u4"))
                self._last_row, self._last_mark = seq, mark
        if len(new_rows) > 1:
            self._memtable.drop_swept(self._last_row)
        return is_intact

    def add(self, keys: NDArray[np.uint32], place: int, window: tuple[int, int]) -> None:
        """Add the keys of the row `next_row`, which was just inserted, and sweep a slice if one is due.

        window: first and last day. Places outside it may be evicted from a full bucket.
        """
        keys = sorted_distinct(keys)
        data = keys.astype("<u4").tobytes()
        self._last_row += 1
        self._last_mark = _row_mark(self._last_mark, place, data)
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
        """Write several sweeps together from now on. Nothing may be searched for meanwhile."""
        self._delays_writes = True

    def write_at_once(self) -> None:
        """Write the delayed sweeps, and each further sweep at once."""
        self.write_due_sweeps()
        self._delays_writes = False

    def write_due_sweeps(self) -> None:
        """Write the sweeps that are due, and delete the rows of dedupe_waiting that are then in the table."""
        if self._unwritten_sweeps:
            self._write_swept_entries()
            self._unwritten_sweeps = {}
            self._connection.execute(
                "DELETE FROM dedupe_waiting WHERE seq <= ?",
                (self._last_row - memtable.SLICES * memtable.SWEEP_ROWS,),
            )
            self._memtable.drop_swept(self._last_row)

    def remove(self, keys: NDArray[np.uint32], place: int) -> None:
        """Delete a row from the buckets of its keys.

        Its entries in the memtable stay. They name a row that no longer exists, and readers ignore it.
        """
        self.write_due_sweeps()
        removed = pack_places(np.array([place]))
        for key, data in self._read_buckets(keys.tolist()).items():
            remaining = b"".join(entry for entry in _split_places(data) if entry != removed)
            if remaining:
                self._write_buckets([(key, remaining)])
            else:
                self._connection.execute("DELETE FROM dedupe_keys WHERE key = ?", (key,))

    def _waiting_rows_from(self, seq: int) -> list[tuple[int, int, int, bytes]]:
        return self._connection.execute(
            "SELECT seq, mark, place, keys FROM dedupe_waiting WHERE seq >= ? ORDER BY seq", (seq,)
        ).fetchall()

    def _read_buckets(self, keys: Sequence[int]) -> dict[int, bytes]:
        buckets: dict[int, bytes] = {}
        for start in range(0, len(keys), _KEYS_PER_QUERY):
            buckets.update(self._connection.execute(*_bucket_query(keys[start : start + _KEYS_PER_QUERY])))
        return buckets

    def _write_swept_entries(self) -> None:
        """Append the entries of the due sweeps to their buckets.

        A full bucket evicts rows outside the window, and otherwise takes no more rows: they would slow every later
        search and find nothing.
        """
        first_sweep, last_sweep = min(self._unwritten_sweeps), max(self._unwritten_sweeps)
        entries = self._memtable.entries_to_sweep(first_sweep, last_sweep)
        if not len(entries):
            return
        keys = entries >> np.uint64(32)
        starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
        bucket_keys = keys[starts].tolist()
        stored = self._read_buckets(bucket_keys)
        data = pack_places(self._memtable.places_of(entries))
        bounds = (np.append(starts, len(entries)) * _PLACE_TYPE.itemsize).tolist()
        buckets = [
            (key, stored.get(key, b"") + data[start:end])
            for key, start, end in zip(bucket_keys, bounds, bounds[1:], strict=False)
        ]
        refused = 0
        for position in [
            position for position, (_, places) in enumerate(buckets) if len(places) > _BUCKET_BYTES
        ]:
            key, places = buckets[position]
            sweep = first_sweep + (int(slices_of(keys[starts[position]])) - first_sweep) % memtable.SLICES
            fitting = _fit_bucket(places, len(stored.get(key, b"")), self._unwritten_sweeps[sweep])
            refused += (len(places) - len(fitting)) // _PLACE_TYPE.itemsize
            buckets[position] = key, fitting
        self._write_buckets(buckets)
        if refused:
            self._connection.execute("UPDATE dedupe_refused SET keys = keys + ?", (refused,))

    def _write_buckets(self, buckets: Iterable[tuple[int, bytes]]) -> None:
        self._connection.executemany("INSERT OR REPLACE INTO dedupe_keys VALUES (?, ?)", buckets)


def _fit_bucket(data: bytes, stored_bytes: int, window: tuple[int, int]) -> bytes:
    """Reduce an overfull bucket to BUCKET_ROWS places.

    Places outside the window are evicted first, but only among the stored ones (the first `stored_bytes` of data).
    Then the latest places are left out.
    """
    excess = len(data) // _PLACE_TYPE.itemsize - BUCKET_ROWS
    first_day, last_day = window
    places = sorted(_unpack_places(data[:stored_bytes]).tolist())
    evicted = set([p for p in places if p >> 32 and not first_day <= p >> 32 <= last_day][:excess])
    kept = [p for p in _unpack_places(data).tolist() if p not in evicted]
    return pack_places(np.array(kept[:BUCKET_ROWS]))


def pack_places(places: NDArray[np.int64]) -> bytes:
    """Encode places as a bucket stores them, in six bytes each."""
    packed = np.empty(len(places), _PLACE_TYPE)
    packed["row"], packed["day"] = places & 0xFFFFFFFF, places >> 32
    return packed.tobytes()


def _unpack_places(data: bytes) -> NDArray[np.int64]:
    """The places in a bucket."""
    packed = np.frombuffer(data, _PLACE_TYPE)
    places: NDArray[np.int64] = packed["day"].astype(np.int64) << 32 | packed["row"]
    return places


def _split_places(data: bytes) -> list[bytes]:
    """The places in a bucket, each still encoded."""
    return [data[at : at + _PLACE_TYPE.itemsize] for at in range(0, len(data), _PLACE_TYPE.itemsize)]


def _row_mark(previous: int, place: int, keys: bytes) -> int:
    """A hash of a row and, through the previous row's mark, of all rows before it.

    It is signed, because SQLite's integers are.
    """
    mark = xxhash.xxh3_64_intdigest(place.to_bytes(8, "little") + keys, seed=previous & (2**64 - 1))
    return mark - 2**63


def _bucket_query(keys: Sequence[int]) -> tuple[str, Sequence[int]]:
    """The statement and its values that read the buckets of some keys.

    The last key is repeated until there is a multiple of 16 of them. So there are few different statements, and
    SQLite need not parse each one.
    """
    padded = [*keys, *[keys[-1]] * (-len(keys) % 16)]
    return f"SELECT key, places FROM dedupe_keys WHERE key IN ({placeholders(padded)})", padded


def day_number(published: int) -> int:
    """The day of a time in microseconds, as places store it: 1 to _LAST_DAY since 1970, 0 if undated."""
    return 0 if published == UNDATED else min(max(published // _DAY_MICROSECONDS, 1), _LAST_DAY)


def encode_place(published: int, shingles: int, seq: int) -> int:
    """The place of a row: day in the upper bits, then 4 bits of length class, then 28 bits of row number (seq)."""
    length = int(_LENGTH_CLASS_STARTS.searchsorted(shingles, "right"))
    return day_number(published) << 32 | length << 28 | seq


def placeholders(values: Sized) -> str:
    """One SQL placeholder for each value, separated by commas."""
    return ",".join("?" * len(values))
