"""Holds the newest entries of the inverted index in memory, sorted, until they are written to the table in SQLite.

An entry is a 64-bit number: the key in the upper half, the row number in the lower half. The key space is divided
into SLICES slices. After every SWEEP_ROWS rows one slice is swept: its entries are written to the table. After SLICES
sweeps every slice has been swept once. So the latest SLICES * SWEEP_ROWS rows hold all entries that are not yet
written. Rows are numbered without gaps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dedupe.signature.sketch import concatenate_ranges

if TYPE_CHECKING:
    from numpy.typing import NDArray

SLICES = 512  # of the key space; a sweep writes as many keys as SWEEP_ROWS texts have, on neighbouring pages
SWEEP_ROWS = 32
# the newest rows are sorted apart, in levels of so many rows: sorting all would take as long as a verdict
TAIL_ROWS, MERGED_ROWS = 32, 512
_ROW_MASK = np.uint64(0xFFFFFFFF)
_KEY_SHIFT = np.uint64(32)
_NO_ENTRIES: NDArray[np.uint64] = np.empty(0, np.uint64)


def sweep_number(seq: int) -> int:
    """The number of sweeps that are due once the row `seq` exists."""
    return seq // SWEEP_ROWS


def slices_of(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The slice of the key space in which each key lies, 0 to SLICES - 1."""
    return (keys * np.uint64(SLICES) >> _KEY_SHIFT).astype(np.int64)


def last_swept_rows(slices: NDArray[np.int64], sweep: int) -> NDArray[np.int64]:
    """The last row whose entries have been swept from each slice, as of a sweep; 0 or less if there is none."""
    return (sweep - (sweep - slices) % SLICES) * SWEEP_ROWS


class MemTable:
    """The entries that are not yet written to the table.

    It may also hold entries that are already written. `lookup` and `entries_to_sweep` leave them out, and
    `drop_swept` deletes them.
    """

    def __init__(self) -> None:
        self._levels = [_NO_ENTRIES, _NO_ENTRIES, _NO_ENTRIES]  # each sorted; the oldest rows in the first
        self._level_rows = [0, 0, 0]  # rows merged into each level so far
        self._sweep = -1  # the sweep for which _first_waiting_rows was computed
        self._first_waiting_rows: NDArray[np.uint64] = _NO_ENTRIES  # of each slice: first row not yet swept
        self._unsorted: list[NDArray[np.uint64]] = []  # the newest rows, sorted into a level on first use
        self._places = np.zeros(1 << 16, np.int64)  # ring buffer: the place of each row, by its row number

    def add(self, seq: int, place: int, keys: NDArray[np.uint32]) -> None:
        """Add a row with its keys, which are ascending and distinct. place: see `inverted_index.encode_place`."""
        self._places[seq % len(self._places)] = place
        self._unsorted.append(keys.astype(np.uint64) << _KEY_SHIFT | np.uint64(seq))

    def places_of(self, entries: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The place of each entry's row."""
        places: NDArray[np.int64] = self._places.take(
            (entries & _ROW_MASK).astype(np.int64) % len(self._places)
        )
        return places

    def lookup(self, keys: NDArray[np.uint64], last_row: int, limit: int) -> NDArray[np.uint64]:
        """The unwritten entries of the keys (ascending), at most the latest `limit` of each key.

        last_row: the latest row that was added.
        """
        if self._sweep != sweep_number(last_row):
            self._sweep = sweep_number(last_row)
            swept = last_swept_rows(np.arange(SLICES), self._sweep)
            self._first_waiting_rows = np.maximum(swept + 1, 1).astype(np.uint64)
        self._sort_new_rows()
        first_entries = keys << _KEY_SHIFT
        bounds = np.concatenate(
            [first_entries | self._first_waiting_rows.take(slices_of(keys)), first_entries | _ROW_MASK]
        )
        found, remaining = [], limit
        for level in reversed(self._levels):
            starts, ends = level.searchsorted(bounds).reshape(2, -1)
            counts = np.minimum(ends - starts, remaining)
            if counts.any():
                found.append(level.take(concatenate_ranges(ends - counts, counts)))
                remaining = remaining - counts
        return np.concatenate(found) if found else _NO_ENTRIES

    def entries_to_sweep(self, first_sweep: int, last_sweep: int) -> NDArray[np.uint64]:
        """The entries that the sweeps from first to last have to write, sorted. They may sweep no slice twice."""
        self._sort_new_rows()
        entries = np.concatenate(
            [
                level[slice(*level.searchsorted(bounds))]
                for level in self._levels
                for bounds in _sweep_ranges(first_sweep, last_sweep)
            ]
        )
        slices = slices_of(entries >> _KEY_SHIFT)
        sweep = first_sweep + (slices - first_sweep) % SLICES
        rows = (entries & _ROW_MASK).astype(np.int64)
        entries = entries[(rows <= sweep * SWEEP_ROWS) & (rows > (sweep - SLICES) * SWEEP_ROWS)]
        entries.sort()
        return entries

    def drop_swept(self, last_row: int) -> None:
        """Delete entries that are written, if there may be many of them. Call it after a sweep."""
        self._sort_new_rows()
        if sum(self._level_rows[1:]) < MERGED_ROWS:
            return
        self._merge(2)
        self._merge(1)
        rows = (self._levels[0] & _ROW_MASK).astype(np.int64)
        swept = last_swept_rows(slices_of(self._levels[0] >> _KEY_SHIFT), sweep_number(last_row))
        self._levels[0] = self._levels[0][rows > swept]

    def _sort_new_rows(self) -> None:
        if not self._unsorted:
            return
        self._levels[2] = np.concatenate([self._levels[2], *self._unsorted])
        self._levels[2].sort()
        self._level_rows[2] += len(self._unsorted)
        self._unsorted = []
        if self._level_rows[2] >= TAIL_ROWS:
            self._merge(2)

    def _merge(self, level: int) -> None:
        """Merge a level into the one before it."""
        merged = np.concatenate(self._levels[level - 1 : level + 1])
        merged.sort(kind="stable")  # fast for two sorted runs
        self._levels[level - 1 : level + 1] = merged, _NO_ENTRIES
        self._level_rows[level - 1 : level + 1] = self._level_rows[level - 1] + self._level_rows[level], 0


def _sweep_ranges(first_sweep: int, last_sweep: int) -> list[NDArray[np.uint64]]:
    """The bounds, as pairs, of the entries in the slices that the sweeps from first to last sweep."""
    start, count = first_sweep % SLICES, last_sweep - first_sweep + 1
    slice_ranges = [(start, min(start + count, SLICES)), (0, start + count - SLICES)]
    return [
        np.array([_first_entry(begin), _first_entry(end)], np.uint64)
        for begin, end in slice_ranges
        if begin < end
    ]


def _first_entry(slice: int) -> int:
    """The least entry that a slice may hold."""
    return min(-(-(slice << 32) // SLICES) << 32, (1 << 64) - 1)
