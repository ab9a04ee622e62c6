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

from dedupe.batch.band_join import entries, join
from dedupe.batch.batch_pages import Pages
from dedupe.batch.exact_duplicates import between_equals, equal_texts, standing_for
from dedupe.batch.staging import Staged, staged
from dedupe.batch.verify_pairs import Links, verified
from dedupe.online.index import WINDOW
from dedupe.records import Document, Link
from dedupe.rules.groups import CLOSE_CONTAINMENT, CLOSE_JACCARD, Groups, Tie, components, join_supported
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
    sought: int = 0  # rows compared with others: all but equal texts and those too short to tell
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
    with staged(signed, window) as batch:
        text_of = equal_texts(batch)
        sought = standing_for(batch, text_of)
        pages = Pages(batch)
        pairs, counts.crowded = _candidates(batch, pages, sought)
        links = verified(pages, pairs)
        counts.rows, counts.sought, counts.pairs = len(batch), len(sought), len(pairs)
    yield from _joined(batch, text_of, links)


def _candidates(batch: Staged, pages: Pages, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    filed = array("Q")
    for row in rows.tolist():
        filed.frombytes(entries(pages.keys(row), row).tobytes())
    joined = join(np.frombuffer(filed, np.uint64), len(batch), batch.may_match)
    return joined.pairs, joined.crowded


def _joined(batch: Staged, text_of: NDArray[np.int64], links: Links) -> Iterator[Clustered]:
    group_of = _groups(batch, text_of[links.rows], text_of[links.others], links)[text_of]
    inside = links.taken(group_of[links.rows] == group_of[links.others])
    found = inside.with_more(between_equals(batch, text_of))
    surest = found.surest(len(batch))
    name_of: dict[int, str] = {}
    for row in sorted(range(len(batch)), key=batch.ids.__getitem__):
        name = name_of.setdefault(int(group_of[row]), batch.ids[row])
        at = surest[row]
        yield Clustered(batch.ids[row], name, found.link(at, batch.ids, name) if at >= 0 else None)


def _groups(
    batch: Staged, texts: NDArray[np.int64], others: NDArray[np.int64], links: Links
) -> NDArray[np.int64]:
    """Each row's group, named by one of its rows. Close links join by themselves: their components are groups. What
    else is linked is looked at one component after the other, and nothing of it outside."""
    close = (links.jaccard >= CLOSE_JACCARD) | (links.containment >= CLOSE_CONTAINMENT)
    group_of = components(len(batch), texts[close], others[close])
    loose = np.flatnonzero(group_of[texts] != group_of[others])
    label = components(len(batch), group_of[texts[loose]], group_of[others[loose]])[group_of]
    rows = np.unique(texts)  # each link is there in both directions
    rows = rows[np.isin(label[rows], label[texts[loose]])]
    for members, ties in zip(_split(rows, label[rows]), _split(loose, label[texts[loose]]), strict=True):
        row_of = {batch.ids[row]: row for row in members.tolist()}
        groups = Groups(row_of)
        for id, row in row_of.items():
            groups.join(id, batch.ids[group_of[row]])
        join_supported(groups, (_tie(batch.ids, texts, others, links, at) for at in ties.tolist()))
        for id, name in groups.names().items():
            group_of[row_of[id]] = row_of[name]
    return group_of


def _split(values: NDArray[np.int64], labels: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The values of each label, in the order of labels."""
    order = np.argsort(labels, kind="stable")
    return np.split(values[order], np.flatnonzero(np.diff(labels[order])) + 1) if len(values) else []


def _tie(ids: list[str], texts: NDArray[np.int64], others: NDArray[np.int64], links: Links, at: int) -> Tie:
    first, second = sorted((ids[texts[at]], ids[others[at]]))
    return Tie(first, second, float(links.jaccard[at]), float(links.containment[at]))
