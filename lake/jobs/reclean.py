"""A lake's own pages cleaned anew from `raw`, without a request: after a new version of the cleaning, or of outlet files.

What comes out otherwise lands in a run of its own, with the time at which the page was fetched: as a revision, or, of a
page that had held no article, among articles or copies. What comes out as before leaves no row. raw is not written again,
so it is no write-ahead log of such a run: of one that dies, what has landed counts, and the same command does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cleaning import Rules
from cleaning.metadata.reservations import is_reserved
from lake.parquet.raw_choice import RawChoice
from lake.parquet.reading import rows_of
from lake.runs.catch_up import articles_to_process
from lake.runs.run import Run
from lake.schema.records import ProcessedPage
from lake.storage.store import Store
from lake.storage.tombstones import taken_down_by, tombstone_names
from lake.workers.pool import Workers


def outlets_in(store: Store, choice: RawChoice) -> set[str]:
    """Whose pages are to be cleaned anew."""
    outlets = {
        row["outlet"] for key in _chosen_parts(store, choice) for row in rows_of(store.uri, key, ["outlet"])
    }
    return outlets & choice.outlets if choice.outlets else outlets


def reclean(
    run: Run,
    workers: Workers,
    rules_of: Callable[[str], Rules],
    choice: RawChoice,
    settled: Callable[[ProcessedPage], ProcessedPage] = lambda processed: processed,
    flush_rows: int = 1000,
) -> int:
    """How many pages were looked at; the caller finishes the run. settled: what the crawl would make of a page at last.
    Raises LakeError, WorkersFailed."""
    run.keeps_pages = False
    looked_at = 0
    articles = _group_pages(
        row for key in _chosen_parts(run.store, choice) for row in _chosen_rows(run.store, key, choice)
    )
    for processed in workers.process_all(articles_to_process(articles, rules_of)):
        run.add(settled(processed))
        looked_at += len(processed.pages)
        if run.waiting[0] >= flush_rows:
            run.flush()
    run.flush()
    return looked_at


def _chosen_parts(store: Store, choice: RawChoice) -> Iterator[str]:
    """By day of landing, a page's captures one after the other."""
    return (key for key in sorted(store.keys("raw/")) if key.endswith(".parquet") and choice.has_part(key))


def _chosen_rows(store: Store, key: str, choice: RawChoice) -> Iterator[dict[str, Any]]:
    """Without those of which no body was kept, and those that were taken down."""
    taken_down = taken_down_by(tombstone_names(store))
    for row in rows_of(store.uri, key):
        is_reserved_row = not row["body"] and is_reserved(tuple(row["tdm"] or ()))
        if (
            not is_reserved_row
            and not taken_down.covers(row)
            and (not choice.outlets or row["outlet"] in choice.outlets)
        ):
            yield row


def _group_pages(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Each first page with the later pages of its article, which follow it."""
    article: list[dict[str, Any]] = []
    for row in rows:
        if article and not row.get("part_of"):
            yield article
            article = []
        article.append(row)
    if article:
        yield article
