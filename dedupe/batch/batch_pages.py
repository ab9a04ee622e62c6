"""Provides the pages of a batch for comparison, each without its outlet's boilerplate at that time."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from dedupe.online.boilerplate import NO_HASHES, WINDOW_ROWS, recurring_hashes
from dedupe.rules.relation import Page, are_versions, page_without_boilerplate
from dedupe.signature.signature import posting_keys

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dedupe.batch.staging import StagedBatch

CACHED_PAGES = 1 << 14  # some 10 kB each


class BatchPages:
    """The pages of a batch by row number; the latest used ones are cached.

    Each block of WINDOW_ROWS successive rows of an outlet has its own boilerplate, learned from these rows. That of
    the last block is learned from the outlet's last WINDOW_ROWS rows.
    """

    def __init__(self, batch: StagedBatch) -> None:
        self._batch = batch
        self._block_of = np.zeros(len(batch), np.int32)
        self._boilerplates: list[NDArray[np.uint32]] = []
        by_outlet = np.argsort(batch.outlets, kind="stable")
        ends = np.flatnonzero(np.diff(batch.outlets[by_outlet])) + 1
        for rows in np.split(by_outlet, ends) if len(by_outlet) else []:
            for start in range(0, len(rows), WINDOW_ROWS):
                self._block_of[rows[start : start + WINDOW_ROWS]] = len(self._boilerplates)
                window = rows[max(0, min(start, len(rows) - WINDOW_ROWS)) :][:WINDOW_ROWS]
                self._boilerplates.append(self._learn_boilerplate(window.tolist()))
        self.get = lru_cache(CACHED_PAGES)(self._make_page)

    def keys(self, row: int) -> list[int]:
        """The keys by which candidates for the row are found. Those of boilerplate would find its whole outlet."""
        page = self.get(row)
        return page.signature.band_keys() + posting_keys(page.body)

    def _make_page(self, row: int) -> Page:
        boilerplate = self._boilerplates[self._block_of[row]]
        return page_without_boilerplate(self._batch.outlet_name(row), self._batch.signature(row), boilerplate)

    def _learn_boilerplate(self, rows: list[int]) -> NDArray[np.uint32]:
        """The hashes that recur in these rows of one outlet. Versions of one page count once.

        Only rows that share a band are compared: versions have at least one in common, and nearly always all.
        """
        distinct_pages: list[Page] = []
        pages_by_key: dict[int, list[int]] = {}
        for row in rows:
            signature = self._batch.signature(row)
            page = page_without_boilerplate("", signature, NO_HASHES)
            keys = signature.band_keys()
            similar = {n for key in keys for n in pages_by_key.get(key, ())}
            if any(are_versions(page, distinct_pages[n]) for n in sorted(similar)):
                continue
            for key in keys:
                pages_by_key.setdefault(key, []).append(len(distinct_pages))
            distinct_pages.append(page)
        return recurring_hashes([page.body.hashes for page in distinct_pages])
