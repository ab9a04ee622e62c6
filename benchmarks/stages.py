"""The CPU of a page, stage by stage, from its bytes to its rows; beside trafilatura with metadata in the same run.

    python benchmarks/stages.py PAGES… [--every N] [--functions N]

PAGES: folders searched for *.html and *.html.gz, of which every Nth is taken. Prints milliseconds a page; with --functions the N functions of ours
that take most, by cProfile. The stages of cleaning are those that it tells itself (cleaning/trace.py).
"""

from __future__ import annotations

import argparse
import cProfile
import gzip
import pstats
import sqlite3
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import trafilatura

import dedupe
from cleaning import Article, Document, Header, NoArticle, RawPage, clean, page_id
from cleaning.pagination.next_page import first_page_url, next_page_url
from cleaning.trace import Trace
from dedupe import Index, sign
from lake.parquet.part_files import encode_rows
from lake.schema.columns import RequestedUrl, StoredSignature, row
from lake.schema.records import Landing
from lake.workers.page_processing import with_tdm_evidence

_ROUNDS = 3


class CpuTrace(Trace):
    """Of this process, where a busy machine would lengthen every stage."""

    def __init__(self) -> None:
        super().__init__()
        self._stage_started = time.process_time()

    def end_stage(self, stage: str) -> None:
        now = time.process_time()
        self.stages.append((stage, now - self._stage_started))
        self._stage_started = now


class Stages:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)
        self.cleaned = 0.0
        connection = sqlite3.connect(":memory:", isolation_level=None)
        self._index = Index(connection)
        self._tables: dict[str, list[dict[str, Any]]] = {"raw": [], "articles": []}

    def page(self, page: RawPage) -> None:
        document = Document(page)
        began = time.process_time()
        with self._stage("decoding and parsing"), suppress(NoArticle):
            document.check()
            _ = document.tree
        self.cleaned += time.process_time() - began
        with self._stage("reservations"):
            page = with_tdm_evidence(document)
        with self._stage("parts of an article"):
            first_page_url(page, document)
            next_page_url(page, document)
        began, trace, article = time.process_time(), CpuTrace(), None
        try:
            article = clean(page, trace=trace, document=document)
        except NoArticle:
            trace.end_stage("until it is refused")
        trace.end_stage("the article's record")
        for name, seconds in trace.stages:
            self.spent[f"  {name}"] += seconds
        self.cleaned += time.process_time() - began
        self._row("raw", row(page))
        if article:
            self._article(article)

    def _article(self, article: Article) -> None:
        with self._stage("signature"):
            signature = sign(article.text)
        dated = dedupe.Document(article.id, article.outlet, article.published_at or article.fetched_at)
        with self._stage("verdict"):
            verdict = self._index.judge(dated, signature)
            self._index.add(dated, signature, verdict.story_id)
        self._row(
            "articles",
            row(article, verdict, RequestedUrl(article.url), StoredSignature(signature.to_bytes())),
        )

    def _row(self, table: str, values: dict[str, Any]) -> None:
        self._tables[table].append(values | row(Landing("run", 0, datetime.now(UTC))))

    def flush(self) -> None:
        for table, rows in self._tables.items():
            with self._stage(f"Parquet, {table}"):
                encode_rows(table, rows, "run", 0)  # type: ignore[arg-type]
            rows.clear()

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        began = time.process_time()
        yield
        self.spent[name] += time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--functions", type=int, default=0)
    given = parser.parse_args()
    paths = [path for folder in given.folders for path in sorted(folder.rglob("*.html*"))]
    pages = [_page(path) for path in paths[:: given.every]]
    if not pages:
        raise SystemExit("no pages: name folders that hold *.html or *.html.gz")
    _stages(pages)  # imports, models
    best = min((_stages(pages) for _ in range(_ROUNDS)), key=lambda stages: sum(stages.spent.values()))
    theirs = min(_cpu(pages, _trafilatura) for _ in range(_ROUNDS))
    each = 1000 / len(pages)
    print(f"{len(pages)} pages; ms of CPU a page, best of {_ROUNDS} rounds")
    print(f"all stages                 {sum(best.spent.values()) * each:7.2f}")
    print(f"cleaning with metadata     {best.cleaned * each:7.2f}")
    for name, seconds in sorted(best.spent.items(), key=lambda pair: -pair[1]):
        print(f"  {name:38} {seconds * each:7.2f}")
    print(f"trafilatura with metadata  {theirs * each:7.2f}   ratio of cleaning {best.cleaned / theirs:.2f}")
    if given.functions:
        _functions(pages, given.functions)


def _page(path: Path) -> RawPage:
    data, url = path.read_bytes(), f"https://gazette.example/{path.name}"
    return RawPage(
        id=page_id(url),
        url=url,
        requested_url=url,
        outlet="gazette",
        status=200,
        headers=(Header("content-type", "text/html"),),
        body=gzip.decompress(data) if path.suffix == ".gz" else data,
        fetched_at=datetime.now(UTC),
    )


def _stages(pages: list[RawPage]) -> Stages:
    stages = Stages()
    for page in pages:
        stages.page(page)
    stages.flush()
    return stages


def _cpu(pages: list[RawPage], call: Callable[[RawPage], object]) -> float:
    began = time.process_time()
    for page in pages:
        call(page)
    return time.process_time() - began


def _trafilatura(page: RawPage) -> object:
    return trafilatura.bare_extraction(page.body, url=page.url, include_comments=False, with_metadata=True)


def _functions(pages: list[RawPage], most: int) -> None:
    profile = cProfile.Profile()
    profile.runcall(_stages, pages)
    found = pstats.Stats(profile).strip_dirs()
    found.sort_stats("cumulative").print_stats(most)


if __name__ == "__main__":
    main()
