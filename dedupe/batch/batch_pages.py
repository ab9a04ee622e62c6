"""The pages of a batch as the rules see them: each without what recurs around it in its outlet."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from dedupe.online.boilerplate import NOTHING, WINDOW_ROWS, recurring
from dedupe.rules.relation import Page, is_version, page_of
from dedupe.signature.signature import posting_keys

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dedupe.batch.staging import Staged

CACHED_PAGES = 1 << 14  # some 10 kB each


class Pages:
    """Boilerplate is learned from WINDOW_ROWS rows of an outlet that follow one another; of the last ones, from as
    many up to the end."""

    def __init__(self, staged: Staged) -> None:
        self._staged = staged
        self._block_of = np.zeros(len(staged), np.int32)
        self._learned: list[NDArray[np.uint32]] = []
        by_outlet = np.argsort(staged.outlets, kind="stable")
        ends = np.flatnonzero(np.diff(staged.outlets[by_outlet])) + 1
        for rows in np.split(by_outlet, ends) if len(by_outlet) else []:
            for start in range(0, len(rows), WINDOW_ROWS):
                self._block_of[rows[start : start + WINDOW_ROWS]] = len(self._learned)
                around = rows[max(0, min(start, len(rows) - WINDOW_ROWS)) :][:WINDOW_ROWS]
                self._learned.append(self._learn(around.tolist()))
        self.of = lru_cache(CACHED_PAGES)(self._page)

    def keys(self, row: int) -> list[int]:
        """Under which the row is sought: boilerplate would find its whole outlet."""
        page = self.of(row)
        return page.signature.band_keys() + posting_keys(page.body)

    def _page(self, row: int) -> Page:
        learned = self._learned[self._block_of[row]]
        return page_of(self._staged.outlet(row), self._staged.signature(row), learned)

    def _learn(self, rows: list[int]) -> NDArray[np.uint32]:
        """Versions of one story count once; a version has a band in common, and nearly always all of them."""
        kept: list[Page] = []
        filed: dict[int, list[int]] = {}
        for row in rows:
            signature = self._staged.signature(row)
            page = page_of("", signature, NOTHING)
            keys = signature.band_keys()
            alike = {n for key in keys for n in filed.get(key, ())}
            if any(is_version(page, kept[n]) for n in sorted(alike)):
                continue
            for key in keys:
                filed.setdefault(key, []).append(len(kept))
            kept.append(page)
        return recurring([page.body.hashes for page in kept])
