"""Clusters a whole batch of documents into stories, by the same rules as the online index.

1. Stage the batch: number the rows in the order of publication (staging.py).
2. Group exact duplicates; only the earliest ones of each group are compared with other texts (exact_duplicates.py).
3. Compute the keys of each row, without its outlet's boilerplate (batch_pages.py), and join the rows that share keys
   (band_join.py).
4. Verify each candidate pair by its signatures (verify_pairs.py, relation.py). A round-up is recognised by all rows
   that it was compared with.
5. Find the connected components of the links, and in each the groups that enough links support (groups.py).

Each stage reads the one before it and could run on many machines: pages and keys by row, the join by key,
verification by pair, groups by component.
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
    """The cluster of one document."""

    id: str
    cluster: str  # the least id in it
    link: Link | None  # the best relation to another document of the cluster; None if it is alone


@dataclass(slots=True)
class Counts:
    """How much work a batch was."""

    rows: int = 0
    compared_rows: int = (
        0  # rows compared with others: not most exact duplicates, nor texts too short to compare
    )
    pairs: int = 0  # candidate pairs that were verified
    crowded: int = 0  # keys with more rows than one row is paired with


def cluster(documents: Iterable[tuple[Document, str]], window: timedelta | None = WINDOW) -> dict[str, str]:
    """Cluster documents with their texts. Maps each document's id to the id of its cluster, the least id in it.

    If an id occurs twice, the last text counts. Documents published further apart than the window do not match;
    None if all may.
    """
    signed = ((document, sign(text).to_bytes()) for document, text in documents)
    return {found.id: found.cluster for found in cluster_signed(signed, window)}


def cluster_signed(
    signed: Iterable[tuple[Document, bytes]], window: timedelta | None = WINDOW, counts: Counts | None = None
) -> Iterator[Clustered]:
    """Cluster documents with their signatures (Signature.to_bytes), like `cluster`; yields them in the order of ids.

    counts: filled in. Memory holds ids, keys and links; signatures are in a temporary file. Raises SchemeMismatch for
    a signature of another scheme, ValueError for one of the wrong length.
    """
    counts = counts or Counts()
    with stage_batch(signed, window) as batch:
        representative_of = group_equal_texts(batch)
        rows = rows_to_compare(batch, representative_of)
        pages = BatchPages(batch)
        pairs, counts.crowded = _candidate_pairs(batch, pages, rows)
        links = verify_pairs(pages, pairs)
        counts.rows, counts.compared_rows, counts.pairs = len(batch), len(rows), len(pairs)
    yield from _clustered_documents(batch, representative_of, links)


def _candidate_pairs(
    batch: StagedBatch, pages: BatchPages, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], int]:
    entries = array("Q")
    for row in rows.tolist():
        entries.frombytes(key_entries(pages.keys(row), row).tobytes())
    joined = join_on_keys(np.frombuffer(entries, np.uint64), len(batch), batch.may_match)
    return joined.pairs, joined.crowded_keys


def _clustered_documents(
    batch: StagedBatch, representative_of: NDArray[np.int64], links: Links
) -> Iterator[Clustered]:
    group_of = _group_rows(batch, representative_of[links.rows], representative_of[links.others], links)[
        representative_of
    ]
    links_inside = links.select(group_of[links.rows] == group_of[links.others])
    all_links = links_inside.concatenate(links_between_duplicates(batch, representative_of))
    best = all_links.best_links(len(batch))
    name_of: dict[int, str] = {}
    for row in sorted(range(len(batch)), key=batch.ids.__getitem__):
        name = name_of.setdefault(int(group_of[row]), batch.ids[row])
        position = best[row]
        yield Clustered(
            batch.ids[row], name, all_links.make_link(position, batch.ids, name) if position >= 0 else None
        )


def _group_rows(
    batch: StagedBatch, texts: NDArray[np.int64], others: NDArray[np.int64], links: Links
) -> NDArray[np.int64]:
    """For each row its group, named by one of the group's rows.

    Close links join by themselves, so their connected components are groups. The other links join groups where enough
    links support it; this is decided for one connected component after the other, with nothing outside it.

    texts, others: the rows that each link joins, with exact duplicates replaced by their representative.
    """
    close = (links.jaccard >= CLOSE_JACCARD) | (links.containment >= CLOSE_CONTAINMENT)
    group_of = connected_components(len(batch), texts[close], others[close])
    loose = np.flatnonzero(group_of[texts] != group_of[others])
    component_of = connected_components(len(batch), group_of[texts[loose]], group_of[others[loose]])[group_of]
    rows = np.unique(texts)  # enough, because each link is there in both directions
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
        join_supported(
            groups, (_edge(batch.ids, texts, others, links, position) for position in edges.tolist())
        )
        for id, name in groups.names().items():
            group_of[row_of[id]] = row_of[name]
    return group_of


def _split_by_label(values: NDArray[np.int64], labels: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The values with the same label as one array, in the order of labels."""
    order = np.argsort(labels, kind="stable")
    return np.split(values[order], np.flatnonzero(np.diff(labels[order])) + 1) if len(values) else []


def _edge(
    ids: list[str], texts: NDArray[np.int64], others: NDArray[np.int64], links: Links, position: int
) -> Edge:
    first, second = sorted((ids[texts[position]], ids[others[position]]))
    return Edge(first, second, float(links.jaccard[position]), float(links.containment[position]))
