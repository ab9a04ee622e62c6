"""A whole batch at once, by the same rules. Each stage reads the one before it and could run on many machines: pages
and keys by row, the join by key, verification by pair, groups by component.

1. Stage: rows in the order of publication (staging.py).
2. Equal texts: one text, of which the earliest are compared with others (equals.py).
3. Keys, without what recurs in the outlet (pages.py), and rows that share them (joining.py).
4. Verify each pair by its signatures (verifying.py, relation.py); round-ups are told by all that a row was
   compared with.
5. Connected components, and in each the groups that enough links support (groups.py).
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dedupe.batch.band_join import join_on_keys, key_entries
from dedupe.batch.batch_pages import BatchPages
from dedupe.batch.exact_duplicates import group_equal_texts, links_between_duplicates, rows_to_compare
from dedupe.batch.staging import StagedBatch, stage_batch
from dedupe.batch.verify_pairs import Links, verify_pairs
from dedupe.online.index import WINDOW
from dedupe.records import Document, Link
from dedupe.rules.groups import (
    CLOSE_CONTAINMENT,
    CLOSE_JACCARD,
    Edge,
    Groups,
    connected_components,
    join_supported,
)
from dedupe.signature.signature import sign

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import timedelta

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Clustered:
    """A document's place in a batch."""

    id: str
    cluster: str  # the least id in it
    link: Link | None  # the surest relation to another of the cluster, if there is one


@dataclass(slots=True)
class Counts:
    """What a batch took."""

    rows: int = 0
    compared_rows: int = 0  # rows compared with others: all but equal texts and those too short to tell
    pairs: int = 0  # verified
    crowded: int = 0  # keys of more rows than one row meets


def cluster(documents: Iterable[tuple[Document, str]], window: timedelta | None = WINDOW) -> dict[str, str]:
    """Document id to the id of its cluster, the least in it; of an id seen twice the last text counts."""
    signed = ((document, sign(text).to_bytes()) for document, text in documents)
    return {found.id: found.cluster for found in cluster_signed(signed, window)}


def cluster_signed(
    signed: Iterable[tuple[Document, bytes]], window: timedelta | None = WINDOW, counts: Counts | None = None
) -> Iterator[Clustered]:
    """The same from signatures (Signature.to_bytes), in the order of ids; raises SchemeMismatch. Memory holds ids,
    keys and links; signatures lie in a temporary file."""
    counts = counts or Counts()
    with stage_batch(signed, window) as batch:
        text_of = group_equal_texts(batch)
        rows = rows_to_compare(batch, text_of)
        pages = BatchPages(batch)
        pairs, counts.crowded = _candidate_pairs(batch, pages, rows)
        links = verify_pairs(pages, pairs)
        counts.rows, counts.compared_rows, counts.pairs = len(batch), len(rows), len(pairs)
    yield from _clustered_documents(batch, text_of, links)


def _candidate_pairs(
    batch: StagedBatch, pages: BatchPages, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], int]:
    entries = array("Q")
    for row in rows.tolist():
        entries.frombytes(key_entries(pages.keys(row), row).tobytes())
    joined = join_on_keys(np.frombuffer(entries, np.uint64), len(batch), batch.may_match)
    return joined.pairs, joined.crowded_keys


def _clustered_documents(batch: StagedBatch, text_of: NDArray[np.int64], links: Links) -> Iterator[Clustered]:
    group_of = _group_rows(batch, text_of[links.rows], text_of[links.others], links)[text_of]
    links_inside = links.select(group_of[links.rows] == group_of[links.others])
    all_links = links_inside.concatenate(links_between_duplicates(batch, text_of))
    best = all_links.best_links(len(batch))
    name_of: dict[int, str] = {}
    for row in sorted(range(len(batch)), key=batch.ids.__getitem__):
        name = name_of.setdefault(int(group_of[row]), batch.ids[row])
        at = best[row]
        yield Clustered(batch.ids[row], name, all_links.make_link(at, batch.ids, name) if at >= 0 else None)


def _group_rows(
    batch: StagedBatch, texts: NDArray[np.int64], others: NDArray[np.int64], links: Links
) -> NDArray[np.int64]:
    """Each row's group, named by one of its rows. Close links join by themselves: their components are groups. What
    else is linked is looked at one component after the other, and nothing of it outside."""
    close = (links.jaccard >= CLOSE_JACCARD) | (links.containment >= CLOSE_CONTAINMENT)
    group_of = connected_components(len(batch), texts[close], others[close])
    loose = np.flatnonzero(group_of[texts] != group_of[others])
    component_of = connected_components(len(batch), group_of[texts[loose]], group_of[others[loose]])[group_of]
    rows = np.unique(texts)  # each link is there in both directions
    rows = rows[np.isin(component_of[rows], component_of[texts[loose]])]
    for members, edges in zip(
        _split_by_label(rows, component_of[rows]),
        _split_by_label(loose, component_of[texts[loose]]),
        strict=True,
    ):
        row_of = {batch.ids[row]: row for row in members.tolist()}
        groups = Groups(row_of)
        for id, row in row_of.items():
            groups.join(id, batch.ids[group_of[row]])
        join_supported(groups, (_edge(batch.ids, texts, others, links, at) for at in edges.tolist()))
        for id, name in groups.names().items():
            group_of[row_of[id]] = row_of[name]
    return group_of


def _split_by_label(values: NDArray[np.int64], labels: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The values of each label, in the order of labels."""
    order = np.argsort(labels, kind="stable")
    return np.split(values[order], np.flatnonzero(np.diff(labels[order])) + 1) if len(values) else []


def _edge(ids: list[str], texts: NDArray[np.int64], others: NDArray[np.int64], links: Links, at: int) -> Edge:
    first, second = sorted((ids[texts[at]], ids[others[at]]))
    return Edge(first, second, float(links.jaccard[at]), float(links.containment[at]))
