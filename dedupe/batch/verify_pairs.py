"""Verifies the candidate pairs of a batch by their signatures, and returns the links that merge."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np

from dedupe.records import Link, Relation
from dedupe.rules.relation import MERGING, Finding, compare, is_loose, is_round_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dedupe.batch.batch_pages import BatchPages

RELATIONS: tuple[Relation | None, ...] = (None, *get_args(Relation))
RELATION_CODES = {relation: code for code, relation in enumerate(RELATIONS)}
_MERGES = np.array([relation in MERGING for relation in RELATIONS])


@dataclass(frozen=True, slots=True)
class Links:
    """Relations between rows: the relation of rows[i] to others[i], with its figures."""

    rows: NDArray[np.int64]
    others: NDArray[np.int64]
    relations: NDArray[np.uint8]
    jaccard: NDArray[np.float64]
    containment: NDArray[np.float64]

    def select(self, mask: NDArray[np.bool_]) -> Links:
        """The links for which the mask is true."""
        return Links(*(getattr(self, name)[mask] for name in Links.__slots__))

    def concatenate(self, more: Links) -> Links:
        """These links, followed by others."""
        return Links(
            *(np.concatenate([getattr(self, name), getattr(more, name)]) for name in Links.__slots__)
        )

    def best_links(self, row_count: int) -> NDArray[np.int64]:
        """For each row the position of its best link; -1 if it has none."""
        order = np.lexsort((self.others, -self.jaccard, -self.containment, self.rows))
        linked_rows, first = np.unique(self.rows[order], return_index=True)
        best = np.full(row_count, -1)
        best[linked_rows] = order[first]
        return best

    def make_link(self, position: int, ids: list[str], story_id: str) -> Link:
        """The link at a position as a record. ids: the id of each row."""
        relation = RELATIONS[self.relations[position]]
        assert relation
        return Link(
            ids[self.others[position]],
            story_id,
            relation,
            float(self.jaccard[position]),
            float(self.containment[position]),
        )


def verify_pairs(pages: BatchPages, pairs: NDArray[np.int64]) -> Links:
    """Compare each pair (younger row, older row); return the merging links, in both directions.

    Loose links from or to a round-up are left out.
    """
    relations, reverse_relations, loose = array("B"), array("B"), array("b")
    jaccard, containment = array("d"), array("d")
    for younger, older in pairs.tolist():
        finding = compare(pages.get(younger), pages.get(older))
        relations.append(RELATION_CODES[finding.relation if finding else None])
        reverse_relations.append(RELATION_CODES[_reverse_relation(finding, pages, younger, older)])
        loose.append(finding is not None and is_loose(finding))
        jaccard.append(finding.jaccard if finding else 0)
        containment.append(finding.containment if finding else 0)
    links = Links(
        rows=np.concatenate([pairs[:, 0], pairs[:, 1]]),
        others=np.concatenate([pairs[:, 1], pairs[:, 0]]),
        relations=np.frombuffer(relations + reverse_relations, np.uint8),
        jaccard=np.tile(np.frombuffer(jaccard, np.float64), 2),
        containment=np.tile(np.frombuffer(containment, np.float64), 2),
    )
    doubtful = np.tile(np.frombuffer(loose, np.bool_), 2)
    round_ups = _find_round_ups(pages, links, np.unique(links.rows[doubtful]))
    doubtful &= np.isin(links.rows, round_ups) | np.isin(links.others, round_ups)
    return links.select(_MERGES[links.relations] & ~doubtful)


def _reverse_relation(
    finding: Finding | None, pages: BatchPages, younger: int, older: int
) -> Relation | None:
    """The older row's relation to the younger one. It differs only where one of them is a copy cut short."""
    if finding is None:
        return None
    if finding.relation not in ("copy", "truncated"):
        return finding.relation
    back = compare(pages.get(older), pages.get(younger))
    return back.relation if back else None


def _find_round_ups(pages: BatchPages, links: Links, rows: NDArray[np.int64]) -> list[int]:
    """The given rows that are round-ups: they hold several of the other stories they were compared with."""
    is_unmerged = np.isin(links.rows, rows) & ~_MERGES[links.relations]
    order = np.flatnonzero(is_unmerged)[np.argsort(links.rows[is_unmerged], kind="stable")]
    candidates, starts = np.unique(links.rows[order], return_index=True)
    return [
        row
        for row, places in zip(candidates.tolist(), np.split(order, starts[1:]), strict=True)
        if is_round_up(pages.get(row), map(pages.get, links.others[places].tolist()))
    ] if len(candidates) else []  # fmt: skip
