"""Which rows of a batch share keys: each list of rows under one key is read once, sorted, without a dictionary.

Keys lie with their rows in one array of 64-bit numbers: sorted, the rows of a key stand side by side in the order of
publication. A row meets the REACH rows before and after it under each of its keys, however many there are: a key of
a million rows costs a million times REACH, not a million squared, and finds those nearest in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dedupe.online.index import CANDIDATES
from dedupe.online.inverted_index import SOUND

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    MayMatch = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]]

DOUBTFUL = 8  # pairs of a row that share less than two bands or four postings
REACH = 16  # rows on either side that a row meets under one key
ROWS_AT_ONCE = 1024  # of which the meetings are counted; each has some thousand


@dataclass(frozen=True, slots=True)
class Join:
    pairs: NDArray[np.int64]  # two columns, the younger row first; ascending, each pair once
    crowded: int  # keys of more rows than one row meets


def entries(keys: list[int], row: int) -> NDArray[np.uint64]:
    """A row's keys as the join wants them."""
    filed: NDArray[np.uint64] = np.array(keys, np.int64).astype(np.uint64) << np.uint64(32) | np.uint64(row)
    return filed


def join(filed: NDArray[np.uint64], rows: int, may_match: MayMatch) -> Join:
    """Sorts `filed` (entries of all rows) in place. A pair has one band in common or two postings; of each row's
    pairs those with most in common are taken, as `Keys.nearest` does."""
    filed.sort()
    key, row = (filed >> np.uint64(32)).astype(np.uint32), filed.astype(np.uint32)
    shared, crowded = _shared(key)
    key, row = key[shared], row[shared]
    by_row = np.argsort(row, kind="stable")
    first = np.searchsorted(row[by_row], np.arange(rows + 1, dtype=np.uint32))
    found = [
        _nearest(
            _meetings(key, row, by_row[first[start] : first[min(start + ROWS_AT_ONCE, rows)]]), may_match
        )
        for start in range(0, rows, ROWS_AT_ONCE)
    ]
    pairs = np.unique(np.concatenate(found)) if found else np.empty(0, np.uint64)
    return Join(np.stack([pairs >> np.uint64(32), pairs & _LOW], axis=1).astype(np.int64), crowded)


_LOW = np.uint64(0xFFFFFFFF)


def _shared(key: NDArray[np.uint32]) -> tuple[NDArray[np.bool_], int]:
    """Where a key has more than one row, and how many keys have more than a row can meet."""
    if not len(key):
        return np.zeros(0, np.bool_), 0
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    lengths = np.diff(np.append(starts, len(key)))
    return np.repeat(lengths > 1, lengths), int(np.count_nonzero(lengths > REACH + 1))


def _meetings(
    key: NDArray[np.uint32], row: NDArray[np.uint32], places: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """For each of the places, the rows around it under the same key: row << 32 | other << 1 | is a band, unsorted."""
    mine = key[places]
    met = []
    for step in (*range(-REACH, 0), *range(1, REACH + 1)):
        other = places + step
        inside = (other >= 0) & (other < len(key))
        other[~inside] = 0
        same = inside & (key[other] == mine)
        at, to = places[same], other[same]
        met.append(
            (row[at].astype(np.uint64) << np.uint64(33))
            | (row[to].astype(np.uint64) << np.uint64(1))
            | (key[at] & np.uint32(1))
        )
    return np.concatenate(met)


def _nearest(met: NDArray[np.uint64], may_match: MayMatch) -> NDArray[np.uint64]:
    """The pairs worth a look: younger << 32 | older."""
    met.sort()
    pair = met >> np.uint64(1)
    starts = (
        np.flatnonzero(np.concatenate([[True], pair[1:] != pair[:-1]])) if len(pair) else np.empty(0, np.intp)
    )
    common = np.diff(np.append(starts, len(pair)))
    if len(starts):
        common = common + np.add.reduceat((met & np.uint64(1)).astype(np.int64), starts)
    pair = pair[starts]
    row, other = (pair >> np.uint64(32)).astype(np.int64), (pair & _LOW).astype(np.int64)
    wanted = (common > 1) & (row != other)
    wanted[wanted] = may_match(row[wanted], other[wanted])
    row, other, common = row[wanted], other[wanted], common[wanted]
    order = np.lexsort((other, -common, row))
    row, other, common = row[order], other[order], common[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    taken = (rank < DOUBTFUL) | ((rank < CANDIDATES) & (common >= SOUND))
    young, old = np.maximum(row, other)[taken], np.minimum(row, other)[taken]
    pairs: NDArray[np.uint64] = young.astype(np.uint64) << np.uint64(32) | old.astype(np.uint64)
    return pairs
