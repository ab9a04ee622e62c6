"""Cleans a lake's pages again from `raw`, without a request, after a change of the cleaner or of outlet files.

A page with a different result lands in a run of its own, with its original fetch time: as a revision, or in articles
or copies if it had held no article. An unchanged page leaves no row. raw is not written again, so it is no
write-ahead log of such a run: if the run dies, the rows that have landed count, and the same command does the rest.

Crawls go first. Pages are cleaned without a lease. What comes out otherwise is collected, and a batch takes the leases of
its outlets, learns what others have landed, is judged and lands, and gives them back. The pages of an outlet that another
machine crawls are left for a second pass.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cleaning import Rules
from cleaning.metadata.reservations import is_reserved
from lake.index.page_index import Index
from lake.parquet.raw_page_selection import RawPageSelection
from lake.parquet.reading import rows_of
from lake.runs.catch_up import articles_to_process
from lake.runs.other_runs import OtherRuns
from lake.runs.run import Run
from lake.schema.records import ProcessedPage
from lake.storage.leases import LeaseHeld, Leases
from lake.storage.store import Store
from lake.storage.tombstones import parse_tombstones, tombstone_names
from lake.workers.pool import Workers

_SECOND_PASS_WAIT_S = 120.0  # for the outlets that other machines were crawling in the first pass
_ASKED_EVERY_S = 2.0
_BATCH_BYTES = 32 << 20  # of pages whose rows are still to be judged


def outlets_to_reclean(store: Store, choice: RawPageSelection) -> set[str]:
    """Return the outlets of the pages in `raw` that the selection names. Raises LakeError if the lake cannot be read."""
    outlets = {
        row["outlet"] for key in _chosen_parts(store, choice) for row in rows_of(store.uri, key, ["outlet"])
    }
    return outlets & choice.outlets if choice.outlets else outlets


@dataclass(slots=True)
class Recleaning:
    """Cleans pages of a lake again, in one run. The caller starts and finishes the run."""

    run: Run
    others: OtherRuns
    workers: Workers
    rules_of: Callable[[str], Rules]
    open_leases: Callable[[], Leases]
    leased: Collection[str] = ()  # the outlets that need a lease: those that are crawled
    # applied to each processed page before it is added (the crawl's rejection of reserved pages, for example)
    finalize: Callable[[ProcessedPage], ProcessedPage] = lambda processed: processed
    flush_rows: int = 1000  # of one batch
    wait_s: float = _SECOND_PASS_WAIT_S
    looked_at: int = 0  # pages processed
    held: dict[str, LeaseHeld] = field(default_factory=dict)  # by outlet: pages left to a crawl that goes on
    _batch: list[ProcessedPage] = field(default_factory=list)
    _batch_bytes: int = 0

    def reclean(self, choice: RawPageSelection) -> None:
        """Clean the chosen pages again, and land what comes out otherwise. Raises LakeError, WorkersFailed.

        Afterwards `held` names the outlets that another machine went on crawling."""
        self.run.keeps_pages = False
        self._pass_over(choice)
        if self.held:
            left, self.held = frozenset(self._wait_for_crawls()), {}
            self._pass_over(RawPageSelection(choice.days, left, choice.runs))

    def _pass_over(self, choice: RawPageSelection) -> None:
        store = self.run.store
        rows = (row for key in _chosen_parts(store, choice) for row in _chosen_rows(store, key, choice))
        articles = _group_pages(row for row in rows if row["outlet"] not in self.held)
        for processed in self.workers.process_all(articles_to_process(articles, self.rules_of)):
            self._take(self.finalize(processed))
        self._land_batch()

    def _take(self, processed: ProcessedPage) -> None:
        """Collect a page that comes out otherwise than the lake knows it."""
        self.looked_at += len(processed.pages)
        if _is_as_known(self.run.index, processed):
            self.run.counts["unchanged"] += 1
            return
        self._batch.append(processed)
        self._batch_bytes += sum(len(page.body) for page in processed.pages)
        if len(self._batch) >= self.flush_rows or self._batch_bytes >= _BATCH_BYTES:
            self._land_batch()

    def _land_batch(self) -> None:
        """Judge the collected pages and land them, under leases that are held for this alone."""
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        if not batch:
            return
        with self.open_leases() as leases:
            for outlet in sorted({_outlet_of(processed) for processed in batch}.intersection(self.leased)):
                try:
                    leases.take(outlet)
                except LeaseHeld as error:
                    self.held[outlet] = error
            self.others.look()  # under the leases: nobody else adds to these outlets now
            self.run.leases = leases
            for processed in batch:
                if _outlet_of(processed) not in self.held:
                    self.run.add(processed)
            self.run.flush()
        self.run.leases = None

    def _wait_for_crawls(self) -> set[str]:
        """Wait until the outlets that others were crawling are free, for `wait_s` at most, and return their names."""
        waiting, until = set(self.held), time.monotonic() + self.wait_s
        while waiting and time.monotonic() < until:
            with self.open_leases() as leases:
                for outlet in sorted(waiting):
                    try:
                        leases.take(outlet)
                        waiting.remove(outlet)
                    except LeaseHeld:
                        continue
            if waiting:
                time.sleep(min(_ASKED_EVERY_S, self.wait_s))
        return set(self.held)


def _outlet_of(processed: ProcessedPage) -> str:
    record = processed.page or processed.article or processed.reject
    assert record, "a refined page is an article or a reject"
    return record.outlet


def _is_as_known(index: Index, processed: ProcessedPage) -> bool:
    """Whether the lake has this very version of the page, so that it can give no row."""
    if article := processed.article:
        id, fetched_at, mark = article.id, article.fetched_at, article.content_hash
        known = index.page_state(id)
        is_latest = known is not None and known.content_hash == mark
    else:
        assert processed.reject, "a refined page is an article or a reject"
        id, fetched_at = processed.reject.id, processed.reject.fetched_at
        known, mark = index.requested_state(id), f"reject:{processed.reject.reason}"
        is_latest = known is not None and known.reason == processed.reject.reason
    if known is None or fetched_at > known.fetched_at:
        return False
    return is_latest or (fetched_at < known.fetched_at and index.has_version(id, mark))


def _chosen_parts(store: Store, choice: RawPageSelection) -> Iterator[str]:
    """The keys of the chosen parts of raw, by day of landing, so that a page's captures come in order."""
    return (key for key in sorted(store.keys("raw/")) if key.endswith(".parquet") and choice.has_part(key))


def _chosen_rows(store: Store, key: str, choice: RawPageSelection) -> Iterator[dict[str, Any]]:
    """The chosen rows of a part; without reserved pages, which have no body, and pages that were taken down."""
    taken_down = parse_tombstones(tombstone_names(store))
    for row in rows_of(store.uri, key):
        is_reserved_row = not row["body"] and is_reserved(tuple(row["tdm"] or ()))
        if (
            not is_reserved_row
            and not taken_down.covers(row)
            and (not choice.outlets or row["outlet"] in choice.outlets)
        ):
            yield row


def _group_pages(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Group the rows by article: each first page with its later pages, which follow it."""
    article: list[dict[str, Any]] = []
    for row in rows:
        if article and not row.get("part_of"):
            yield article
            article = []
        article.append(row)
    if article:
        yield article
