"""Keeps a set of 32-bit hashes, whole or as a bottom-k sketch, and measures how much two sets share.

The hashes below a limit are a uniform sample that depends on the set alone (Broder, resemblance and containment,
1997; bottom-k and FracMinHash sketches). Two sketches are compared below the lower of their limits, where both are
complete.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

HASH_RANGE = 1 << 32  # number of possible hashes; also the limit of a sketch that holds the whole set


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """All members of a set that are smaller than the limit."""

    hashes: NDArray[np.uint32]  # ascending, distinct
    limit: int  # 1 to WHOLE

    def __len__(self) -> int:
        return len(self.hashes)

    def below(self, limit: int) -> NDArray[np.uint32]:
        """The hashes smaller than `limit`, ascending."""
        if limit >= self.limit:
            return self.hashes
        return self.hashes[: self.hashes.searchsorted(np.uint32(limit))]

    def without(self, others: NDArray[np.uint32]) -> Sketch:
        """The sketch without the hashes in `others`, which are ascending."""
        if not len(others) or not len(self.hashes):
            return self
        return Sketch(self.hashes[~is_in(self.hashes, others)], self.limit)


@dataclass(frozen=True, slots=True)
class Overlap:
    """How much two sketches share, counted below their common limit.

    The properties are exact where both sketches are whole, and estimates otherwise.
    """

    first_size: int
    second_size: int
    common: int
    sampled_share: float  # share of the hash range that was compared, above 0 to 1

    @property
    def jaccard(self) -> float:
        """Common hashes divided by the hashes of the union, 0 to 1."""
        union = self.first_size + self.second_size - self.common
        return self.common / union if union else 0.0

    @property
    def containment(self) -> float:
        """Common hashes divided by the hashes of the smaller set, 0 to 1."""
        smaller = min(self.first_size, self.second_size)
        return self.common / smaller if smaller else 0.0

    def estimate_total(self, count: int) -> float:
        """Scale a count below the limit up to an estimate for the whole set."""
        return count / self.sampled_share


def make_sketch(hashes: NDArray[np.uint32], max_size: int) -> Sketch:
    """The sketch of any hashes: all distinct ones, or the `max_size` smallest."""
    return bottom_k(sorted_distinct(hashes), max_size)


def bottom_k(distinct: NDArray[np.uint32], max_size: int) -> Sketch:
    """The sketch of hashes that are already ascending and distinct: all of them, or the `max_size` smallest."""
    if len(distinct) <= max_size:
        return Sketch(distinct, HASH_RANGE)
    return Sketch(distinct[:max_size], int(distinct[max_size]))


def sorted_distinct(hashes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The hashes ascending, each once. numpy.unique uses a hash table, which is slower at this size."""
    ordered = np.sort(hashes)
    is_first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    return ordered[is_first]


def is_in(hashes: NDArray[np.uint32], others: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """A mask of the `hashes` that occur in `others` (ascending, not empty). Faster than numpy.isin at this size."""
    is_member: NDArray[np.bool_] = others.take(others.searchsorted(hashes), mode="clip") == hashes
    return is_member


def shared_hashes(a: Sketch, b: Sketch) -> NDArray[np.uint32]:
    """The hashes that both sketches hold below their common limit, ascending."""
    limit = min(a.limit, b.limit)
    first, second = a.below(limit), b.below(limit)
    return first[is_in(first, second)] if len(second) else second


def overlap(a: Sketch, b: Sketch) -> Overlap:
    """Sizes and common hashes of two sketches, counted below the lower of their limits."""
    limit = min(a.limit, b.limit)
    first, second = a.below(limit), b.below(limit)
    shorter, longer = (first, second) if len(first) <= len(second) else (second, first)
    common = int(np.count_nonzero(is_in(shorter, longer))) if len(shorter) else 0
    return Overlap(len(first), len(second), common, limit / HASH_RANGE)


def concatenate_ranges(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The indices start, start + 1, ... of each range, with `counts` indices per range, one range after the other."""
    ends = counts.cumsum()
    total = int(ends[-1]) if len(ends) else 0
    ranges: NDArray[np.int64] = np.arange(total) + np.repeat(starts - ends + counts, counts)
    return ranges
