"""Decides how two texts are related (identical, copy, truncated, update, contains) from their signatures.

Every threshold of these rules stands here, with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from dedupe.signature.scheme import SHINGLE_TOKENS
from dedupe.signature.sketch import HASH_RANGE, Overlap, Sketch, is_in, overlap, shared_hashes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from dedupe.records import Relation
    from dedupe.signature.packing import PackedBody
    from dedupe.signature.signature import Signature

MERGING: frozenset[Relation] = frozenset({"alias", "identical", "copy", "truncated", "update"})

MIN_COMMON_SHINGLES = 15  # fewer may be a set phrase, a name with its title, a slogan
MIN_SAMPLED_COMMON = 8  # common shingles in a sample; an estimate from fewer means nothing

# between outlets a copy needs one of four kinds of evidence
ALIKE_JACCARD, ALIKE_CONTAINMENT = 0.28, 0.45  # texts of like length, edited
INSIDE_CONTAINMENT, INSIDE_LEAD = 0.6, 0.3  # a shorter text inside a longer one, near its head
HEAD_CONTAINMENT, HEAD_SUM = 0.35, 1.2  # the same head, then cut or in clutter; sum with the lead's
# lower sum for long texts only: in a text not much longer than its lead, the lead is no separate evidence
LONG_SHINGLES, LONG_CONTAINMENT, LONG_SUM = 150, 0.45, 1.0
# two weaker agreements, where the text is rewritten or in clutter: the lead, and what follows it. A round-up that
# opens with the story goes on with other stories
WITNESS_LEAD, WITNESS_TAIL, WITNESS_COMMON = 0.4, 0.2, 20
# alike, but the leads must agree too: two round-ups may share a story, and an article may quote at length
LOOSE_JACCARD, LOOSE_LEAD, LOOSE_CONTAINMENT = 0.4, 0.3, 0.65
MIXED_JACCARD, MIXED_LEAD = 0.6, 0.1
SHORT_SHINGLES, SHORT_CONTAINMENT = 40, 0.7  # a text this short must be contained more fully
# of a copy cut short: least containment; its shingles as a share of the longer text's must be below this
TRUNCATED_CONTAINMENT, TRUNCATED_SIZE = 0.85, 0.85

# inside one outlet
UPDATE_JACCARD = 0.85  # near-identical texts
REWORKED_JACCARD, REWORKED_LEAD = 0.4, 0.8  # the same lead, and clutter or new paragraphs below

# pages made from one template
FIGURES_DIFFERING = 4  # numbers that the other page does not have, on either side
# template pages share less than this of the smaller page's numbers; not zero, as small numbers agree by chance
FIGURES_SHARED, CHAIN_FIGURES_SHARED = 0.75, 0.6
SAME_LEAD = 0.85  # the same lead word for word has the same figures, so the differing ones are in the clutter
# differing particulars on a side; share of the differing shingles that they explain
MIN_FILLED, FILLED_SHARE = 3, 0.7

# a round-up holds the heads of several stories in different places: the least share of a story's lead it must hold,
# and how much two of its passages may overlap, as a share of the smaller one
ROUND_UP_LEAD, ROUND_UP_SHARED = 0.5, 0.2

# linked, never merged
CONTAINS_CONTAINMENT, CONTAINS_COMMON = 0.3, 30


@dataclass(frozen=True, slots=True)
class Page:
    """One side of a comparison: a signature, and its body without the outlet's boilerplate."""

    outlet: str
    signature: Signature
    boilerplate: NDArray[np.uint32]  # ascending: shingle hashes that recur in the outlet's stories
    body: Sketch  # without boilerplate

    def lead(self) -> Sketch:
        """The shingles of the lead, without boilerplate."""
        return self.signature.lead_sketch().without(self.boilerplate)

    def tail(self) -> Sketch:
        """The shingles of what follows the lead, without boilerplate."""
        return self.body.without(self.signature.lead_sketch().hashes)


@dataclass(frozen=True, slots=True)
class Finding:
    """What `compare` found out about two pages; jaccard and containment are those of the bodies."""

    relation: Relation
    jaccard: float
    containment: float


def page_without_boilerplate(outlet: str, signature: Signature, boilerplate: NDArray[np.uint32]) -> Page:
    """The page of a signature. boilerplate: the outlet's recurring shingle hashes, ascending."""
    return Page(outlet, signature, boilerplate, signature.body_sketch().without(boilerplate))


def compare(new: Page, old: Page) -> Finding | None:
    """The relation of a new page to an older one; None if there is nothing worth a link.

    1. Texts that are too short to compare are never copies.
    2. Texts of the same words in the same order are identical, whatever else holds.
    3. Inside one outlet only near-identical texts are one story, unless they were made from a template.
    4. Between outlets the smaller text must be contained in the larger.
    5. Texts that share a long passage without being the same story are linked as `contains`.

    Except for copy and truncated, the relation is the same in both directions.
    """
    if not (new.signature.comparable and old.signature.comparable):
        return None
    if new.signature.digest == old.signature.digest:
        return Finding("identical", 1.0, 1.0)
    shared = overlap(new.body, old.body)
    relation: Relation | None
    if new.outlet == old.outlet:
        relation = "update" if _is_update(new, old, shared) else None
    else:
        relation = _copy_relation(new, old, shared)
    if relation is None and _is_contained(shared):
        relation = "contains"
    return relation and Finding(relation, shared.jaccard, shared.containment)


class Prefilter:
    """Rules out packed texts that are unrelated to a new page, without unpacking them.

    It compares 16 bits of each hash, which gives an upper bound of the shared shingles. So it never rules out a text
    that `compare` would relate.
    """

    def __init__(self, new: Page) -> None:
        self._new = new
        self._has_middle_bits = np.zeros(1 << 16, np.uint8)
        self._has_middle_bits[(new.body.hashes >> np.uint32(8)).astype(np.uint16)] = 1

    def max_shared(self, packed: Sequence[PackedBody]) -> list[int]:
        """An upper bound, for each packed text, of the number of its shingles that the new page has too."""
        middle_bits = np.frombuffer(b"".join(body.middle_bits() for body in packed), "<u2")
        hits_before = np.concatenate([[0], self._has_middle_bits.take(middle_bits).cumsum(dtype=np.int32)])
        ends = np.array([0, *accumulate(body.length for body in packed)])
        max_counts: list[int] = np.diff(hits_before.take(ends)).tolist()
        return max_counts

    def may_relate(self, packed: PackedBody, shared: int, boilerplate_size: int) -> bool:
        """Whether `compare` could find a relation to the packed text.

        shared: the text's bound from `max_shared`. boilerplate_size: number of boilerplate shingles of its outlet.
        """
        if packed.limit < HASH_RANGE or self._new.body.limit < HASH_RANGE:
            return shared >= MIN_SAMPLED_COMMON or packed.digest == self._new.signature.digest
        smaller = min(len(self._new.body), packed.length - boilerplate_size)
        min_shared = max(min(MIN_COMMON_SHINGLES, max(smaller, 1)), CONTAINS_CONTAINMENT * smaller)
        return shared >= min_shared or packed.digest == self._new.signature.digest


def are_versions(new: Page, old: Page) -> bool:
    """Whether two pages of one outlet show the same article: with identical words, or as an update of it."""
    finding = compare(new, old)
    return finding is not None and finding.relation in {"identical", "update"}


def is_round_up(new: Page, others: Iterable[Page]) -> bool:
    """Whether the new page holds two of the other stories, or their heads, in different places."""
    held_passages: list[NDArray[np.uint32]] = []
    for old in others:
        common = shared_hashes(new.body, old.body)
        lead = overlap(old.lead(), new.body)
        if len(common) < CONTAINS_COMMON or lead.common < ROUND_UP_LEAD * lead.first_size:
            continue
        if any(_are_apart(common, passage) for passage in held_passages):
            return True
        held_passages.append(common)
    return False


def _are_apart(first: NDArray[np.uint32], second: NDArray[np.uint32]) -> bool:
    """Whether two passages of the new page, as shingle hashes, hardly overlap."""
    return int(np.count_nonzero(is_in(first, second))) <= ROUND_UP_SHARED * min(len(first), len(second))


def demote_to_contains(finding: Finding) -> Finding:
    """The finding where one of the two texts is a round-up: a loose relation becomes `contains`.

    Two round-ups may share most of their stories without being copies.
    """
    return replace(finding, relation="contains") if is_loose(finding) else finding


def is_loose(finding: Finding) -> bool:
    """Whether the finding merges although the texts are not alike enough to rule out a round-up."""
    return finding.relation in MERGING and finding.jaccard < MIXED_JACCARD


def _is_update(new: Page, old: Page, shared: Overlap) -> bool:
    """Whether two pages of one outlet are one story and not made from a template."""
    if not _has_enough_common(shared) or shared.jaccard < REWORKED_JACCARD:
        return False
    if shared.jaccard < UPDATE_JACCARD and overlap(new.lead(), old.lead()).containment < REWORKED_LEAD:
        return False
    return not (
        figures_differ(new.signature, old.signature, FIGURES_SHARED)
        or is_filled_template(new.signature, old.signature)
    )


def _copy_relation(new: Page, old: Page, shared: Overlap) -> Relation | None:
    """The relation of two pages of different outlets: copy, truncated or None."""
    if not _has_enough_common(shared) or shared.containment < HEAD_CONTAINMENT:  # the lowest of all the rules
        return None
    lead = overlap(new.lead(), old.lead())
    if not (_is_copy(shared, lead) or (lead.containment >= WITNESS_LEAD and _tails_agree(new, old))):
        return None
    if lead.containment < SAME_LEAD and _is_chain_template(new.signature, old.signature):
        return None
    if (
        shared.containment >= TRUNCATED_CONTAINMENT
        and shared.first_size < TRUNCATED_SIZE * shared.second_size
    ):
        return "truncated"
    return "copy"


def _is_copy(body: Overlap, lead: Overlap) -> bool:
    if (
        body.estimate_total(min(body.first_size, body.second_size)) < SHORT_SHINGLES
        and body.containment < SHORT_CONTAINMENT
    ):
        return False
    if _heads_agree(body, lead):
        return True
    if body.containment >= INSIDE_CONTAINMENT and lead.containment >= INSIDE_LEAD:
        return True
    if body.jaccard < ALIKE_JACCARD or body.containment < ALIKE_CONTAINMENT:
        return False
    if body.jaccard < LOOSE_JACCARD and body.containment < LOOSE_CONTAINMENT:
        return lead.containment >= LOOSE_LEAD
    return body.jaccard >= MIXED_JACCARD or lead.containment >= MIXED_LEAD


def _tails_agree(new: Page, old: Page) -> bool:
    tail = overlap(new.tail(), old.tail())
    return tail.containment >= WITNESS_TAIL and tail.estimate_total(tail.common) >= WITNESS_COMMON


def _heads_agree(body: Overlap, lead: Overlap) -> bool:
    both = body.containment + lead.containment
    if body.containment >= HEAD_CONTAINMENT and both >= HEAD_SUM:
        return True
    smaller = body.estimate_total(min(body.first_size, body.second_size))
    return smaller >= LONG_SHINGLES and body.containment >= LONG_CONTAINMENT and both >= LONG_SUM


def _has_enough_common(shared: Overlap) -> bool:
    """Whether enough shingles are common to speak of one story; of a very short text, all of them must be."""
    smaller = shared.estimate_total(min(shared.first_size, shared.second_size))
    min_common = MIN_SAMPLED_COMMON if shared.sampled_share < 1 else 1
    return shared.common >= min_common and shared.estimate_total(shared.common) >= min(
        MIN_COMMON_SHINGLES, smaller
    )


def _is_contained(shared: Overlap) -> bool:
    return (
        shared.containment >= CONTAINS_CONTAINMENT
        and shared.common >= MIN_SAMPLED_COMMON
        and shared.estimate_total(shared.common) >= CONTAINS_COMMON
    )


def _is_chain_template(new: Signature, old: Signature) -> bool:
    """Whether two outlets of one group filled in one template.

    Both signs of a template are required, because house styles change figures too. It is enough if the second one
    holds on one side: the other page may have more clutter.
    """
    return figures_differ(new, old, CHAIN_FIGURES_SHARED) and any(_are_sides_filled(new, old))


def figures_differ(new: Signature, old: Signature, max_shared_share: float) -> bool:
    """Whether the pages mostly have different numbers, as forecasts, market reports and tables of results do.

    max_shared_share: share of the smaller page's numbers from which on they count as the same.
    """
    shared = overlap(new.numbers_sketch(), old.numbers_sketch())
    differing = min(shared.first_size, shared.second_size) - shared.common
    return shared.estimate_total(differing) >= FIGURES_DIFFERING and shared.containment < max_shared_share


def is_filled_template(new: Signature, old: Signature) -> bool:
    """Whether most of what differs, on both sides, is a figure or a name in the same surroundings.

    A particular that differs changes SHINGLE_TOKENS shingles. An editor's new sentence changes many shingles and few
    particulars.
    """
    return all(_are_sides_filled(new, old))


def _are_sides_filled(new: Signature, old: Signature) -> tuple[bool, bool]:
    """For the new and for the old text: whether differing particulars explain most of its differing shingles."""
    shared_body = overlap(new.body_sketch(), old.body_sketch())
    shared_particulars = overlap(new.particulars_sketch(), old.particulars_sketch())

    def is_filled(particulars: int, shingles: int) -> bool:
        filled = shared_particulars.estimate_total(particulars - shared_particulars.common)
        changed = shared_body.estimate_total(shingles - shared_body.common)
        return filled >= MIN_FILLED and filled * SHINGLE_TOKENS >= FILLED_SHARE * changed

    return is_filled(shared_particulars.first_size, shared_body.first_size), is_filled(
        shared_particulars.second_size, shared_body.second_size
    )
