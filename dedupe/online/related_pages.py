"""What a new text is to the rows that share keys with it."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from dedupe.online.rows import told
from dedupe.rules.relation import (
    CONTAINS_COMMON,
    MERGING,
    Finding,
    Page,
    Sieve,
    as_round_up,
    compare,
    is_loose,
    is_round_up,
    page_of,
)
from dedupe.signature.packing import Body, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dedupe.online.boilerplate import Outlet
    from dedupe.online.rows import Row


def related(new: Page, rows: Sequence[Row], outlets: Mapping[int, Outlet]) -> list[tuple[Finding, Row]]:
    """Merging relations first, then the highest containment, the earliest, the least id. Only rows that may be related
    are unpacked; others are looked at where the new text may be a round-up of them."""

    def page(row: Row) -> Page:
        its = outlets[row.outlet]
        return page_of(its.name, unpack(row.signature), its.boilerplate)

    sieve = Sieve(new)
    found: list[tuple[Finding, Row]] = []
    others: list[Page] = []
    rest: list[Row] = []
    bodies = [Body.of(row.signature) for row in rows]
    for row, body, shared in zip(rows, bodies, sieve.shared_at_most(bodies), strict=True):
        if sieve.may_relate(body, shared, len(outlets[row.outlet].boilerplate)):
            old = page(row)
            finding = compare(new, old)
            if finding:
                found.append((finding, row))
            if not finding or finding.relation == "contains":
                others.append(old)
        elif shared >= CONTAINS_COMMON:
            rest.append(row)
    if any(is_loose(finding) for finding, _ in found) and is_round_up(new, chain(others, map(page, rest))):
        found = [(as_round_up(finding), row) for finding, row in found]
    return sorted(found, key=_rank)


def _rank(found: tuple[Finding, Row]) -> tuple[bool, float, int, str]:
    finding, row = found
    return finding.relation not in MERGING, -finding.containment, row.published, told(row.id)
