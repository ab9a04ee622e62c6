"""Rows of equal words: one text, of which few need be compared with others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dedupe.batch.verify_pairs import RELATION_CODES, Links
from dedupe.online.inverted_index import UNDATED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dedupe.batch.staging import StagedBatch

MAX_COMPARED_DUPLICATES = (
    8  # of equal texts published within one window's length, the earliest are compared with others
)


def group_equal_texts(batch: StagedBatch) -> NDArray[np.int64]:
    """Each row's earliest row of the same words, through gaps no longer than the window. Texts too short to tell
    equal none; one without a time belongs to all of its words."""
    order = np.lexsort((np.arange(len(batch)), batch.digests[:, 1], batch.digests[:, 0]))
    digests = batch.digests[order]
    is_first = np.any(digests != np.roll(digests, 1, axis=0), axis=1)
    is_first[:1] = True
    word_groups = np.cumsum(is_first) - 1
    has_undated = (
        np.bincount(word_groups, batch.moments[order] == UNDATED)[word_groups] > 0 if len(order) else is_first
    )
    is_first |= ~has_undated & ~batch.may_match(order, np.roll(order, 1))
    is_first |= ~batch.comparable[order]
    text_of = np.empty(len(batch), np.int64)
    text_of[order] = order[is_first][np.cumsum(is_first) - 1]
    return text_of


def rows_to_compare(batch: StagedBatch, text_of: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows to be compared with others, ascending: of each text the earliest EQUALS in each window's length of
    time. None that is too short to tell."""
    period = batch.moments // max(batch.window, 1)
    order = np.lexsort((np.arange(len(batch)), period, text_of))
    is_first = (np.diff(text_of[order], prepend=-1) != 0) | (np.diff(period[order], prepend=-1) != 0)
    starts = np.flatnonzero(is_first)
    rank = np.arange(len(order)) - starts[np.cumsum(is_first) - 1]
    return np.sort(order[(rank < MAX_COMPARED_DUPLICATES) & batch.comparable[order]])


def links_between_duplicates(batch: StagedBatch, text_of: NDArray[np.int64]) -> Links:
    """Each row of equal words to the first of them, or, where that is too long ago, to the one before; the first to
    the second."""
    order = np.lexsort((np.arange(len(text_of)), text_of))
    later = np.flatnonzero(text_of[order][1:] == text_of[order][:-1]) + 1
    rows, before = order[later], order[later - 1]
    others = np.where(batch.may_match(rows, text_of[rows]), text_of[rows], before)
    second = rows[before == text_of[rows]]
    rows, others = np.concatenate([rows, text_of[second]]), np.concatenate([others, second])
    ones = np.ones(len(rows))
    return Links(rows, others, np.full(len(rows), RELATION_CODES["identical"], np.uint8), ones, ones)
