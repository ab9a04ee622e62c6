"""Pairs of a batch compared, and the links that merge."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np

from dedupe.records import Link, Relation
from dedupe.rules.relation import MERGING, Finding, compare, is_loose, is_round_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dedupe.batch.batch_pages import Pages

RELATIONS: tuple[Relation | None, ...] = (None, *get_args(Relation))
CODE = {relation: code for code, relation in enumerate(RELATIONS)}
_MERGES = np.array([relation in MERGING for relation in RELATIONS])


@dataclass(frozen=True, slots=True)
class Links:
    """Merging relations, of each row to others."""

    rows: NDArray[np.int64]
    others: NDArray[np.int64]
    relations: NDArray[np.uint8]
    jaccard: NDArray[np.float64]
    containment: NDArray[np.float64]

    def taken(self, which: NDArray[np.bool_]) -> Links:
        return Links(*(getattr(self, name)[which] for name in Links.__slots__))

    def with_more(self, more: Links) -> Links:
        return Links(
            *(np.concatenate([getattr(self, name), getattr(more, name)]) for name in Links.__slots__)
        )

    def surest(self, rows: int) -> NDArray[np.int64]:
        """For each row the place of its best link; -1: none."""
        order = np.lexsort((self.others, -self.jaccard, -self.containment, self.rows))
        found, first = np.unique(self.rows[order], return_index=True)
        best = np.full(rows, -1)
        best[found] = order[first]
        return best

    def link(self, at: int, ids: list[str], story_id: str) -> Link:
        relation = RELATIONS[self.relations[at]]
        assert relation
        return Link(
            ids[self.others[at]], story_id, relation, float(self.jaccard[at]), float(self.containment[at])
        )


def verified(pages: Pages, pairs: NDArray[np.int64]) -> Links:
    there, back, loose = array("B"), array("B"), array("b")
    jaccard, containment = array("d"), array("d")
    for young, old in pairs.tolist():
        finding = compare(pages.of(young), pages.of(old))
        there.append(CODE[finding.relation if finding else None])
        back.append(CODE[_reversed(finding, pages, young, old)])
        loose.append(finding is not None and is_loose(finding))
        jaccard.append(finding.jaccard if finding else 0)
        containment.append(finding.containment if finding else 0)
    links = Links(
        rows=np.concatenate([pairs[:, 0], pairs[:, 1]]),
        others=np.concatenate([pairs[:, 1], pairs[:, 0]]),
        relations=np.frombuffer(there + back, np.uint8),
        jaccard=np.tile(np.frombuffer(jaccard, np.float64), 2),
        containment=np.tile(np.frombuffer(containment, np.float64), 2),
    )
    doubtful = np.tile(np.frombuffer(loose, np.bool_), 2)
    round_ups = _round_ups(pages, links, np.unique(links.rows[doubtful]))
    doubtful &= np.isin(links.rows, round_ups) | np.isin(links.others, round_ups)
    return links.taken(_MERGES[links.relations] & ~doubtful)


def _reversed(finding: Finding | None, pages: Pages, young: int, old: int) -> Relation | None:
    """The older row's relation to the younger: only a cut has a direction."""
    if finding is None:
        return None
    if finding.relation not in ("copy", "truncated"):
        return finding.relation
    back = compare(pages.of(old), pages.of(young))
    return back.relation if back else None


def _round_ups(pages: Pages, links: Links, rows: NDArray[np.int64]) -> list[int]:
    """Those of the rows that hold several of the others they were compared with."""
    apart = np.isin(links.rows, rows) & ~_MERGES[links.relations]
    order = np.flatnonzero(apart)[np.argsort(links.rows[apart], kind="stable")]
    found, starts = np.unique(links.rows[order], return_index=True)
    return [
        row
        for row, places in zip(found.tolist(), np.split(order, starts[1:]), strict=True)
        if is_round_up(pages.of(row), map(pages.of, links.others[places].tolist()))
    ] if len(found) else []  # fmt: skip
