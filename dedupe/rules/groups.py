"""Documents joined into groups along their links, the surest link first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

CLOSE_JACCARD, CLOSE_CONTAINMENT = 0.5, 0.8  # such a link joins two groups by itself
SUPPORT = 0.34  # any other must not stand alone: share of the pairs between two groups that are linked
SUPPORT_MEMBERS = 16  # of a group; larger ones are not linked to all that resembles them


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """A verified relation that may join two groups; first < second."""

    first: str
    second: str
    jaccard: float
    containment: float

    @property
    def rank(self) -> tuple[bool, float, str, str]:
        close = is_close(self.jaccard, self.containment)
        return not close, -(self.jaccard + self.containment), self.first, self.second


def is_close(jaccard: float, containment: float) -> bool:
    return jaccard >= CLOSE_JACCARD or containment >= CLOSE_CONTAINMENT


def has_enough_links(linked: int, size: int, other_size: int = 1) -> bool:
    """Whether enough of the pairs between two groups of these sizes are linked."""
    return linked >= SUPPORT * min(size, SUPPORT_MEMBERS) * min(other_size, SUPPORT_MEMBERS)


class Groups:
    """Disjoint sets of ids."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._members = {id: {id} for id in ids}

    def members_of(self, id: str) -> set[str]:
        return self._members[id]

    def join(self, a: str, b: str) -> None:
        small, large = sorted((self._members[a], self._members[b]), key=len)
        if small is large:
            return
        large |= small
        for id in small:
            self._members[id] = large

    def names(self) -> dict[str, str]:
        """Id to the least id of its group, whatever the order of joining."""
        name_of: dict[str, str] = {}
        for id in sorted(self._members):
            if id not in name_of:
                name_of |= dict.fromkeys(self._members[id], id)
        return name_of


def connected_components(
    row_count: int, rows: NDArray[np.int64], others: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Connected components of rows 0 to count: each row's least row that can be reached."""
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
    """Close links first, then average linkage for all others, the surest first.

    A chain of half-alike texts would otherwise join stories whose ends share nothing: an agency's second and
    fifth version, two reports with one common source.
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
    small, large = sorted((groups.members_of(edge.first), groups.members_of(edge.second)), key=len)
    linked = sum(len(neighbours[id] & large) for id in small if id in neighbours)
    return has_enough_links(linked, len(small), len(large))
