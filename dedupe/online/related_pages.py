"""Compares a new page with its candidate rows and returns the related ones, best first."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from dedupe.online.rows import decode_id
from dedupe.rules.relation import (
    CONTAINS_COMMON,
    MERGING,
    Finding,
    Page,
    Prefilter,
    compare,
    demote_to_contains,
    is_loose,
    is_round_up,
    page_without_boilerplate,
)
from dedupe.signature.packing import PackedBody, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dedupe.online.boilerplate import Outlet
    from dedupe.online.rows import Row


def find_related(new: Page, rows: Sequence[Row], outlets: Mapping[int, Outlet]) -> list[tuple[Finding, Row]]:
    """The rows that are related to the new page, each with its finding.

    Merging relations come first, then the highest containment, the earliest time, the least id. Only rows that may
    be related are unpacked. The others are needed only to see whether the new page is a round-up.

    outlets: by number, the outlets of all rows.
    """

    def page(row: Row) -> Page:
        outlet = outlets[row.outlet]
        return page_without_boilerplate(outlet.name, unpack(row.signature), outlet.boilerplate)

    prefilter = Prefilter(new)
    found: list[tuple[Finding, Row]] = []
    unmerged_pages: list[Page] = []
    skipped_rows: list[Row] = []
    bodies = [PackedBody.from_packed(row.signature) for row in rows]
    for row, body, shared in zip(rows, bodies, prefilter.max_shared(bodies), strict=True):
        if prefilter.may_relate(body, shared, len(outlets[row.outlet].boilerplate)):
            old = page(row)
            finding = compare(new, old)
            if finding:
                found.append((finding, row))
            if not finding or finding.relation == "contains":
                unmerged_pages.append(old)
        elif shared >= CONTAINS_COMMON:
            skipped_rows.append(row)
    if any(is_loose(finding) for finding, _ in found) and is_round_up(
        new, chain(unmerged_pages, map(page, skipped_rows))
    ):
        found = [(demote_to_contains(finding), row) for finding, row in found]
    return sorted(found, key=_rank)


def _rank(related: tuple[Finding, Row]) -> tuple[bool, float, int, str]:
    """Sort key of a related row: the best has the least."""
    finding, row = related
    return finding.relation not in MERGING, -finding.containment, row.published, decode_id(row.id)
