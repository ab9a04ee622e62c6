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
class Tie:
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


def is_supported(linked: int, one: int, other: int = 1) -> bool:
    """Whether enough of the pairs between two groups of these sizes are linked."""
    return linked >= SUPPORT * min(one, SUPPORT_MEMBERS) * min(other, SUPPORT_MEMBERS)


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


def components(count: int, some: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
    """Connected components of rows 0 to count: each row's least row that can be reached."""
    label = np.arange(count)
    while True:
        before = label.copy()
        least = np.minimum(label[some], label[others])
        for ends in (some, others):
            np.minimum.at(label, label[ends], least)
            np.minimum.at(label, ends, least)
        label = label[label]
        if np.array_equal(label, before):
            return label


def join_supported(groups: Groups, ties: Iterable[Tie]) -> None:
    """Close links first, then average linkage for all others, the surest first.

    A chain of half-alike texts would otherwise join stories whose ends share nothing: an agency's second and
    fifth version, two reports with one common source.
    """
    ordered = sorted(set(ties), key=lambda tie: tie.rank)
    tied: dict[str, set[str]] = {}
    for tie in ordered:
        tied.setdefault(tie.first, set()).add(tie.second)
        tied.setdefault(tie.second, set()).add(tie.first)
    for tie in ordered:
        if is_close(tie.jaccard, tie.containment) or _is_supported(groups, tied, tie):
            groups.join(tie.first, tie.second)


def _is_supported(groups: Groups, tied: Mapping[str, set[str]], tie: Tie) -> bool:
    small, large = sorted((groups.members_of(tie.first), groups.members_of(tie.second)), key=len)
    linked = sum(len(tied[id] & large) for id in small if id in tied)
    return is_supported(linked, len(small), len(large))
