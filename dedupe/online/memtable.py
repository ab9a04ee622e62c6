"""Keys that wait for their turn to be written, in memory: sorted numbers of 64 bits, the key above the row.

Every SWEEP_ROWS rows one slice of the key space is swept into the table: after SLICES turns all slices have been. So
the latest SLICES * SWEEP_ROWS rows tell what waits. Rows are numbered without gaps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dedupe.signature.sketch import spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

SLICES = 512  # of the key space; a sweep writes SWEEP_ROWS texts' worth of keys on neighbouring pages
SWEEP_ROWS = 32
TAIL_ROWS, MERGED_ROWS = (
    32,
    512,
)  # of the latest so many are sorted apart: all would take as long as a verdict
_SEQ = np.uint64(0xFFFFFFFF)
_KEY = np.uint64(32)
_NOTHING: NDArray[np.uint64] = np.empty(0, np.uint64)


def turns(seq: int) -> int:
    """How many sweeps there have been once so many rows are there."""
    return seq // SWEEP_ROWS


def slices_of(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    return (keys * np.uint64(SLICES) >> _KEY).astype(np.int64)


def swept_up_to(slices: NDArray[np.int64], turn: int) -> NDArray[np.int64]:
    """The row at which each slice was last swept, as of a turn; 0 or less: never."""
    return (turn - (turn - slices) % SLICES) * SWEEP_ROWS


class Waiting:
    """What is no longer waiting may lie here for a while; nobody is told of it."""

    def __init__(self) -> None:
        self._levels = [_NOTHING, _NOTHING, _NOTHING]  # sorted; the next rows in each
        self._rows = [0, 0, 0]  # entered so far into each
        self._turn = -1  # of which the next tells at which row the keys of each slice begin to wait
        self._waits_from: NDArray[np.uint64] = _NOTHING
        self._new: list[NDArray[np.uint64]] = []  # rows after those: sorted in when they are wanted
        self._places = np.zeros(1 << 16, np.int64)  # of each row, at its number modulo the length

    def enter(self, seq: int, place: int, keys: NDArray[np.uint32]) -> None:
        """Keys ascending, each once."""
        self._places[seq % len(self._places)] = place
        self._new.append(keys.astype(np.uint64) << _KEY | np.uint64(seq))

    def places(self, entries: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Of the rows of some entries."""
        found: NDArray[np.int64] = self._places.take((entries & _SEQ).astype(np.int64) % len(self._places))
        return found

    def under(self, keys: NDArray[np.uint64], last: int, most: int) -> NDArray[np.uint64]:
        """Entries of the keys (ascending) that wait once row `last` is there; the latest `most` of each key."""
        if self._turn != turns(last):
            self._turn = turns(last)
            swept = swept_up_to(np.arange(SLICES), self._turn)
            self._waits_from = np.maximum(swept + 1, 1).astype(np.uint64)
        self._take_in()
        first = keys << _KEY
        bounds = np.concatenate([first | self._waits_from.take(slices_of(keys)), first | _SEQ])
        found, left = [], most
        for level in reversed(self._levels):
            starts, ends = level.searchsorted(bounds).reshape(2, -1)
            counts = np.minimum(ends - starts, left)
            if counts.any():
                found.append(level.take(spread(ends - counts, counts)))
                left = left - counts
        return np.concatenate(found) if found else _NOTHING

    def due(self, first: int, last: int) -> NDArray[np.uint64]:
        """Entries, sorted, that the turns from first to last (no slice twice) sweep."""
        self._take_in()
        entries = np.concatenate(
            [
                level[slice(*level.searchsorted(bounds))]
                for level in self._levels
                for bounds in _ranges(first, last)
            ]
        )
        slices = slices_of(entries >> _KEY)
        turn = first + (slices - first) % SLICES
        rows = (entries & _SEQ).astype(np.int64)
        entries = entries[(rows <= turn * SWEEP_ROWS) & (rows > (turn - SLICES) * SWEEP_ROWS)]
        entries.sort()
        return entries

    def settle(self, last: int) -> None:
        """To be called after a sweep: drops what waits no more, if there is much of it."""
        self._take_in()
        if sum(self._rows[1:]) < MERGED_ROWS:
            return
        self._merge(2)
        self._merge(1)
        rows = (self._levels[0] & _SEQ).astype(np.int64)
        swept = swept_up_to(slices_of(self._levels[0] >> _KEY), turns(last))
        self._levels[0] = self._levels[0][rows > swept]

    def _take_in(self) -> None:
        if not self._new:
            return
        self._levels[2] = np.concatenate([self._levels[2], *self._new])
        self._levels[2].sort()
        self._rows[2] += len(self._new)
        self._new = []
        if self._rows[2] >= TAIL_ROWS:
            self._merge(2)

    def _merge(self, level: int) -> None:
        """Into the one above."""
        both = np.concatenate(self._levels[level - 1 : level + 1])
        both.sort(kind="stable")  # merges what is sorted
        self._levels[level - 1 : level + 1] = both, _NOTHING
        self._rows[level - 1 : level + 1] = self._rows[level - 1] + self._rows[level], 0


def _ranges(first: int, last: int) -> list[NDArray[np.uint64]]:
    """Bounds of the entries of the slices that turns sweep."""
    start, count = first % SLICES, last - first + 1
    runs = [(start, min(start + count, SLICES)), (0, start + count - SLICES)]
    return [np.array([_bound(one), _bound(other)], np.uint64) for one, other in runs if one < other]


def _bound(slice: int) -> int:
    """The first entry of a slice."""
    return min(-(-(slice << 32) // SLICES) << 32, (1 << 64) - 1)
