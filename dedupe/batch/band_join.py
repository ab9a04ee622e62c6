"""Which rows of a batch share keys: each list of rows under one key is read once, sorted, without a dictionary.

Keys lie with their rows in one array of 64-bit numbers: sorted, the rows of a key stand side by side in the order of
publication. A row meets the REACH rows before and after it under each of its keys, however many there are: a key of
a million rows costs a million times REACH, not a million squared, and finds those nearest in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dedupe.online.index import MAX_CANDIDATES
from dedupe.online.inverted_index import RELIABLE_SCORE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    MayMatch = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]]

MAX_DOUBTFUL = 8  # pairs of a row that share less than two bands or four postings
REACH = 16  # rows on either side that a row meets under one key
ROWS_AT_ONCE = 1024  # of which the meetings are counted; each has some thousand


@dataclass(frozen=True, slots=True)
class JoinedPairs:
    pairs: NDArray[np.int64]  # two columns, the younger row first; ascending, each pair once
    crowded_keys: int  # keys of more rows than one row meets


def key_entries(keys: list[int], row: int) -> NDArray[np.uint64]:
    """A row's keys as the join wants them."""
    entries: NDArray[np.uint64] = np.array(keys, np.int64).astype(np.uint64) << np.uint64(32) | np.uint64(row)
    return entries


def join_on_keys(entries: NDArray[np.uint64], row_count: int, may_match: MayMatch) -> JoinedPairs:
    """Sorts `filed` (entries of all rows) in place. A pair has one band in common or two postings; of each row's
    pairs those with most in common are taken, as `Keys.nearest` does."""
    entries.sort()
    keys, rows_of = (entries >> np.uint64(32)).astype(np.uint32), entries.astype(np.uint32)
    shared, crowded_keys = _rows_of_shared_keys(keys)
    keys, rows_of = keys[shared], rows_of[shared]
    by_row = np.argsort(rows_of, kind="stable")
    first = np.searchsorted(rows_of[by_row], np.arange(row_count + 1, dtype=np.uint32))
    best = [
        _best_pairs(
            _neighbour_pairs(
                keys, rows_of, by_row[first[start] : first[min(start + ROWS_AT_ONCE, row_count)]]
            ),
            may_match,
        )
        for start in range(0, row_count, ROWS_AT_ONCE)
    ]
    pairs = np.unique(np.concatenate(best)) if best else np.empty(0, np.uint64)
    return JoinedPairs(
        np.stack([pairs >> np.uint64(32), pairs & _ROW_MASK], axis=1).astype(np.int64), crowded_keys
    )


_ROW_MASK = np.uint64(0xFFFFFFFF)


def _rows_of_shared_keys(keys: NDArray[np.uint32]) -> tuple[NDArray[np.bool_], int]:
    """Where a key has more than one row, and how many keys have more than a row can meet."""
    if not len(keys):
        return np.zeros(0, np.bool_), 0
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    lengths = np.diff(np.append(starts, len(keys)))
    return np.repeat(lengths > 1, lengths), int(np.count_nonzero(lengths > REACH + 1))


def _neighbour_pairs(
    keys: NDArray[np.uint32], rows_of: NDArray[np.uint32], places: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """For each of the places, the rows around it under the same key: row << 32 | other << 1 | is a band, unsorted."""
    own_keys = keys[places]
    pairs = []
    for step in (*range(-REACH, 0), *range(1, REACH + 1)):
        other = places + step
        inside = (other >= 0) & (other < len(keys))
        other[~inside] = 0
        same = inside & (keys[other] == own_keys)
        first, second = places[same], other[same]
        pairs.append(
            (rows_of[first].astype(np.uint64) << np.uint64(33))
            | (rows_of[second].astype(np.uint64) << np.uint64(1))
            | (keys[first] & np.uint32(1))
        )
    return np.concatenate(pairs)


def _best_pairs(neighbour_pairs: NDArray[np.uint64], may_match: MayMatch) -> NDArray[np.uint64]:
    """The pairs worth a look: younger << 32 | older."""
    neighbour_pairs.sort()
    pair = neighbour_pairs >> np.uint64(1)
    starts = (
        np.flatnonzero(np.concatenate([[True], pair[1:] != pair[:-1]])) if len(pair) else np.empty(0, np.intp)
    )
    score = np.diff(np.append(starts, len(pair)))
    if len(starts):
        score = score + np.add.reduceat((neighbour_pairs & np.uint64(1)).astype(np.int64), starts)
    pair = pair[starts]
    row, other = (pair >> np.uint64(32)).astype(np.int64), (pair & _ROW_MASK).astype(np.int64)
    is_candidate = (score > 1) & (row != other)
    is_candidate[is_candidate] = may_match(row[is_candidate], other[is_candidate])
    row, other, score = row[is_candidate], other[is_candidate], score[is_candidate]
    order = np.lexsort((other, -score, row))
    row, other, score = row[order], other[order], score[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    is_kept = (rank < MAX_DOUBTFUL) | ((rank < MAX_CANDIDATES) & (score >= RELIABLE_SCORE))
    younger, older = np.maximum(row, other)[is_kept], np.minimum(row, other)[is_kept]
    pairs: NDArray[np.uint64] = younger.astype(np.uint64) << np.uint64(32) | older.astype(np.uint64)
    return pairs
