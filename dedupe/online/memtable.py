"""Keys that wait for their turn to be written, in memory: sorted numbers of 64 bits, the key above the row.

Every SWEEP_ROWS rows one slice of the key space is swept into the table: after SLICES turns all slices have been. So
the latest SLICES * SWEEP_ROWS rows tell what waits. Rows are numbered without gaps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dedupe.signature.sketch import concatenate_ranges

if TYPE_CHECKING:
    from numpy.typing import NDArray

SLICES = 512  # of the key space; a sweep writes SWEEP_ROWS texts' worth of keys on neighbouring pages
SWEEP_ROWS = 32
TAIL_ROWS, MERGED_ROWS = (
    32,
    512,
)  # of the latest so many are sorted apart: all would take as long as a verdict
_ROW_MASK = np.uint64(0xFFFFFFFF)
_KEY_SHIFT = np.uint64(32)
_NO_ENTRIES: NDArray[np.uint64] = np.empty(0, np.uint64)


def sweep_number(seq: int) -> int:
    """How many sweeps there have been once so many rows are there."""
    return seq // SWEEP_ROWS


def slices_of(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    return (keys * np.uint64(SLICES) >> _KEY_SHIFT).astype(np.int64)


def last_swept_rows(slices: NDArray[np.int64], sweep: int) -> NDArray[np.int64]:
    """The row at which each slice was last swept, as of a turn; 0 or less: never."""
    return (sweep - (sweep - slices) % SLICES) * SWEEP_ROWS


class MemTable:
    """What is no longer waiting may lie here for a while; nobody is told of it."""

    def __init__(self) -> None:
        self._levels = [_NO_ENTRIES, _NO_ENTRIES, _NO_ENTRIES]  # sorted; the next rows in each
        self._level_rows = [0, 0, 0]  # entered so far into each
        self._sweep = -1  # of which the next tells at which row the keys of each slice begin to wait
        self._first_waiting_rows: NDArray[np.uint64] = _NO_ENTRIES
        self._unsorted: list[NDArray[np.uint64]] = []  # rows after those: sorted in when they are wanted
        self._places = np.zeros(1 << 16, np.int64)  # of each row, at its number modulo the length

    def add(self, seq: int, place: int, keys: NDArray[np.uint32]) -> None:
        """Keys ascending, each once."""
        self._places[seq % len(self._places)] = place
        self._unsorted.append(keys.astype(np.uint64) << _KEY_SHIFT | np.uint64(seq))

    def places_of(self, entries: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Of the rows of some entries."""
        places: NDArray[np.int64] = self._places.take(
            (entries & _ROW_MASK).astype(np.int64) % len(self._places)
        )
        return places

    def lookup(self, keys: NDArray[np.uint64], last_row: int, limit: int) -> NDArray[np.uint64]:
        """Entries of the keys (ascending) that wait once row `last` is there; the latest `most` of each key."""
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
        """Entries, sorted, that the turns from first to last (no slice twice) sweep."""
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
        """To be called after a sweep: drops what waits no more, if there is much of it."""
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
        """Into the one above."""
        merged = np.concatenate(self._levels[level - 1 : level + 1])
        merged.sort(kind="stable")  # merges what is sorted
        self._levels[level - 1 : level + 1] = merged, _NO_ENTRIES
        self._level_rows[level - 1 : level + 1] = self._level_rows[level - 1] + self._level_rows[level], 0


def _sweep_ranges(first_sweep: int, last_sweep: int) -> list[NDArray[np.uint64]]:
    """Bounds of the entries of the slices that turns sweep."""
    start, count = first_sweep % SLICES, last_sweep - first_sweep + 1
    slice_ranges = [(start, min(start + count, SLICES)), (0, start + count - SLICES)]
    return [
        np.array([_first_entry(begin), _first_entry(end)], np.uint64)
        for begin, end in slice_ranges
        if begin < end
    ]


def _first_entry(slice: int) -> int:
    """The first entry of a slice."""
    return min(-(-(slice << 32) // SLICES) << 32, (1 << 64) - 1)
