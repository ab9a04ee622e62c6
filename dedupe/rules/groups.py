"""Decides which verified links join documents into one story: a close link alone, a weaker one only where enough pairs of
the two groups are linked. The surest links come first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

CLOSE_JACCARD, CLOSE_CONTAINMENT = 0.5, 0.8  # from either on, one link joins two groups
SUPPORT = 0.34  # any weaker link joins them only if this share of the pairs between the groups is linked
SUPPORT_MEMBERS = 16  # members that count at most: in larger groups not all that is alike has been linked


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """A verified relation between two ids that may join their groups; first < second."""

    first: str
    second: str
    jaccard: float
    containment: float

    @property
    def rank(self) -> tuple[bool, float, str, str]:
        """Sort key: close edges first, then by jaccard plus containment, the highest first."""
        close = is_close(self.jaccard, self.containment)
        return not close, -(self.jaccard + self.containment), self.first, self.second


def is_close(jaccard: float, containment: float) -> bool:
    """Whether a link of these figures joins two groups by itself."""
    return jaccard >= CLOSE_JACCARD or containment >= CLOSE_CONTAINMENT


def has_enough_links(linked: int, size: int, other_size: int = 1) -> bool:
    """Whether enough pairs between two groups of these sizes are linked. linked: number of linked pairs."""
    return linked >= SUPPORT * min(size, SUPPORT_MEMBERS) * min(other_size, SUPPORT_MEMBERS)


class Groups:
    """Disjoint sets of ids; each id starts in a set of its own."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._members = {id: {id} for id in ids}

    def members_of(self, id: str) -> set[str]:
        """The ids in the same group as this one, itself included."""
        return self._members[id]

    def join(self, a: str, b: str) -> None:
        """Merge the groups of two ids."""
        small, large = sorted((self._members[a], self._members[b]), key=len)
        if small is large:
            return
        large |= small
        for id in small:
            self._members[id] = large

    def names(self) -> dict[str, str]:
        """Map each id to the least id of its group. The order of joining does not matter."""
        name_of: dict[str, str] = {}
        for id in sorted(self._members):
            if id not in name_of:
                name_of |= dict.fromkeys(self._members[id], id)
        return name_of


def connected_components(
    row_count: int, rows: NDArray[np.int64], others: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Connected components of the graph of rows 0 to row_count - 1, whose edges join rows[i] and others[i].

    Returns for each row the least row of its component.
    """
    labels = np.arange(row_count)
    while True:
        previous = labels.copy()
        lowest = np.minimum(labels[rows], labels[others])
        for side in (rows, others):
            np.minimum.at(labels, labels[side], lowest)
            np.minimum.at(labels, side, lowest)
        labels = labels[labels]
        if np.array_equal(labels, previous):
            return labels


def join_supported(groups: Groups, edges: Iterable[Edge]) -> None:
    """Join groups along the edges: close edges first, then all others by average linkage, the surest first.

    Without average linkage a chain of half-alike texts would join stories whose ends share nothing: an agency's
    second and fifth version, or two reports with one common source.
    """
    ordered = sorted(set(edges), key=lambda edge: edge.rank)
    neighbours: dict[str, set[str]] = {}
    for edge in ordered:
        neighbours.setdefault(edge.first, set()).add(edge.second)
        neighbours.setdefault(edge.second, set()).add(edge.first)
    for edge in ordered:
        if is_close(edge.jaccard, edge.containment) or _has_support(groups, neighbours, edge):
            groups.join(edge.first, edge.second)


def _has_support(groups: Groups, neighbours: Mapping[str, set[str]], edge: Edge) -> bool:
    """Whether enough pairs between the two groups that an edge joins are linked."""
    small, large = sorted((groups.members_of(edge.first), groups.members_of(edge.second)), key=len)
    linked = sum(len(neighbours[id] & large) for id in small if id in neighbours)
    return has_enough_links(linked, len(small), len(large))
