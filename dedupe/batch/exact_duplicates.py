"""Groups the rows of a batch that are exact duplicates, so that only a few of each group need be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dedupe.batch.verify_pairs import RELATION_CODES, Links
from dedupe.online.inverted_index import UNDATED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dedupe.batch.staging import StagedBatch

# of exact duplicates published within one window's length, the earliest so many are compared with other texts
MAX_COMPARED_DUPLICATES = 8


def group_equal_texts(batch: StagedBatch) -> NDArray[np.int64]:
    """For each row its representative: the earliest row of its group of exact duplicates.

    A gap longer than the window ends a group, except where one of the duplicates has no time: then all are one group.
    A text that is too short to compare is a group of its own.
    """
    order = np.lexsort((np.arange(len(batch)), batch.digests[:, 1], batch.digests[:, 0]))
    digests = batch.digests[order]
    starts_group = np.any(digests != np.roll(digests, 1, axis=0), axis=1)
    starts_group[:1] = True
    word_groups = np.cumsum(starts_group) - 1
    has_undated = (
        np.bincount(word_groups, batch.moments[order] == UNDATED)[word_groups] > 0
        if len(order)
        else starts_group
    )
    starts_group |= ~has_undated & ~batch.may_match(order, np.roll(order, 1))
    starts_group |= ~batch.comparable[order]
    representative_of = np.empty(len(batch), np.int64)
    representative_of[order] = order[starts_group][np.cumsum(starts_group) - 1]
    return representative_of


def rows_to_compare(batch: StagedBatch, representative_of: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows (ascending row numbers) that the batch compares with other texts.

    representative_of: for each row the earliest row with the same text. Time is cut into periods as long as the batch's
    window; of a group of exact duplicates only the earliest MAX_COMPARED_DUPLICATES of each period are compared. Rows
    that are too short to compare are left out.
    """
    period = batch.moments // max(batch.window, 1)
    order = np.lexsort((np.arange(len(batch)), period, representative_of))
    starts_group = (np.diff(representative_of[order], prepend=-1) != 0) | (
        np.diff(period[order], prepend=-1) != 0
    )
    starts = np.flatnonzero(starts_group)
    rank = np.arange(len(order)) - starts[np.cumsum(starts_group) - 1]
    return np.sort(order[(rank < MAX_COMPARED_DUPLICATES) & batch.comparable[order]])


def links_between_duplicates(batch: StagedBatch, representative_of: NDArray[np.int64]) -> Links:
    """A link of each exact duplicate to the first row of its group, and of that row to the second one.

    Where the first row is outside the window, the link is to the row before.
    """
    order = np.lexsort((np.arange(len(representative_of)), representative_of))
    later = np.flatnonzero(representative_of[order][1:] == representative_of[order][:-1]) + 1
    rows, previous = order[later], order[later - 1]
    others = np.where(batch.may_match(rows, representative_of[rows]), representative_of[rows], previous)
    second = rows[previous == representative_of[rows]]
    rows, others = np.concatenate([rows, representative_of[second]]), np.concatenate([others, second])
    ones = np.ones(len(rows))
    return Links(rows, others, np.full(len(rows), RELATION_CODES["identical"], np.uint8), ones, ones)
