"""Generates candidate pairs in a batch: joins the rows that share MinHash bands or postings.

1. Each key is stored with its row in one 64-bit number. When the array of all of them is sorted, the rows of a key
   are adjacent, in the order of publication.
2. Under each of its keys a row is paired with the REACH rows before and after it, the nearest in time. So a key of a
   million rows costs a million times REACH steps, not a million squared.
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

MAX_DOUBTFUL = 8  # a row's rank from which on its pairs need two bands or four postings in common
REACH = 16  # rows on either side with which a row is paired under one key
ROWS_AT_ONCE = 1024  # rows whose pairs are counted together; a row has some thousand


@dataclass(frozen=True, slots=True)
class JoinedPairs:
    """The candidate pairs of a batch."""

    pairs: NDArray[np.int64]  # two columns, the younger row first; ascending, each pair once
    crowded_keys: int  # number of keys with more rows than one row is paired with


def key_entries(keys: list[int], row: int) -> NDArray[np.uint64]:
    """The entries of a row for `join_on_keys`: each key in the upper 32 bits, the row in the lower."""
    entries: NDArray[np.uint64] = np.array(keys, np.int64).astype(np.uint64) << np.uint64(32) | np.uint64(row)
    return entries


def join_on_keys(entries: NDArray[np.uint64], row_count: int, may_match: MayMatch) -> JoinedPairs:
    """Pair the rows that have at least one band or two postings in common.

    entries: those of all rows; they are sorted in place. may_match: which of two arrays of rows may be paired.
    Of each row's pairs those with the most keys in common are taken, as `InvertedIndex.find_candidates` does.
    """
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
    """A mask of the entries whose key has more than one row, and the number of crowded keys. keys: ascending."""
    if not len(keys):
        return np.zeros(0, np.bool_), 0
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    lengths = np.diff(np.append(starts, len(keys)))
    return np.repeat(lengths > 1, lengths), int(np.count_nonzero(lengths > REACH + 1))


def _neighbour_pairs(
    keys: NDArray[np.uint32], rows_of: NDArray[np.uint32], places: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """For each of the places in `keys`, pairs with the rows around it under the same key, unsorted.

    A pair is row << 33 | other row << 1 | 1 if the key is a band.
    """
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
    """The pairs of each row that are to be verified, as younger row << 32 | older row."""
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
