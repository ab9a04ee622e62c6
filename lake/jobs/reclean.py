"""Cleans a lake's pages again from `raw`, without a request, after a change of the cleaner or of outlet files.

A page with a different result lands in a run of its own, with its original fetch time: as a revision, or in articles
or copies if it had held no article. An unchanged page leaves no row. raw is not written again, so it is no
write-ahead log of such a run: if the run dies, the rows that have landed count, and the same command does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cleaning import Rules
from cleaning.metadata.reservations import is_reserved
from lake.parquet.raw_page_selection import RawPageSelection
from lake.parquet.reading import rows_of
from lake.runs.catch_up import articles_to_process
from lake.runs.run import Run
from lake.schema.records import ProcessedPage
from lake.storage.store import Store
from lake.storage.tombstones import parse_tombstones, tombstone_names
from lake.workers.pool import Workers


def outlets_to_reclean(store: Store, choice: RawPageSelection) -> set[str]:
    """Return the outlets of the pages in `raw` that the selection names. Raises LakeError if the lake cannot be read."""
    outlets = {
        row["outlet"] for key in _chosen_parts(store, choice) for row in rows_of(store.uri, key, ["outlet"])
    }
    return outlets & choice.outlets if choice.outlets else outlets


def reclean(
    run: Run,
    workers: Workers,
    rules_of: Callable[[str], Rules],
    choice: RawPageSelection,
    finalize: Callable[[ProcessedPage], ProcessedPage] = lambda processed: processed,
    flush_rows: int = 1000,
) -> int:
    """Clean the chosen pages again, add them to the run and flush it. Returns the number of pages processed; the
    caller finishes the run.

    finalize: applied to each processed page before it is added (the crawl's rejection of reserved pages, for
    example). flush_rows: rows of one flush. Raises LakeError, WorkersFailed."""
    run.keeps_pages = False
    looked_at = 0
    articles = _group_pages(
        row for key in _chosen_parts(run.store, choice) for row in _chosen_rows(run.store, key, choice)
    )
    for processed in workers.process_all(articles_to_process(articles, rules_of)):
        run.add(finalize(processed))
        looked_at += len(processed.pages)
        if run.waiting[0] >= flush_rows:
            run.flush()
    run.flush()
    return looked_at


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
