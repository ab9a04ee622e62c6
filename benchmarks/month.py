"""A month of hourly runs over twenty outlets: how many parts, how long a cold start takes, and what readers pay for the
small files, against the same rows compacted into one file a table and day.

    python benchmarks/month.py              # 30 days × 24 runs × 20 outlets
    python benchmarks/month.py --days 3     # a tenth of it
    python benchmarks/month.py --each       # a run for each outlet, as single `scrapy crawl` have it, not one for all

The pages are made, not fetched; they go through the lake's own runs, flushes, records, index and checkpoints, in a
folder, and are then copied to a real S3 server on loopback.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.dataset as ds

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cleaning import Article, Header, RawPage, Rules, page_id
from cleaning.records import content_hash
from dedupe import sign
from demo.object_store import ObjectStore
from lake.parquet.reading import dataset
from lake.runs import session
from lake.runs.run import new_run_id
from lake.runs.session import Lake
from lake.schema.records import TABLES, ProcessedPage, reject
from lake.storage.open_store import open_store
from lake.workers.page_processing import process_page

RUNS_A_DAY, OUTLETS = 24, 20
STORIES = 0.3  # an outlet and run, on average: 144 a day from twenty
COPIES, REVISIONS, REJECTS = 0.05, 0.03, 0.04  # beside each story
WORDS = 450
_CHANCE = random.Random(20261122)
_VOCABULARY = [f"word{n:04d}" for n in range(8000)]


def _template() -> tuple[RawPage, Article]:
    text = "".join(f"<p>The council of Lindow voted for bridge number {n} on Monday.</p>" for n in range(9))
    html = (
        f'<html lang="en"><head><title>A bridge</title></head><body><article>{text}</article></body></html>'
    )
    url, headers = "https://outlet0.example/0", (Header("content-type", "text/html"),)
    page = RawPage(page_id(url), url, url, "outlet0", 200, headers, html.encode(), datetime.now(UTC))
    article = process_page(page, Rules()).article
    assert article
    return page, article


_PAGE, _ARTICLE = _template()


def _text() -> str:
    return " ".join(_CHANCE.choices(_VOCABULARY, k=WORDS))


def _refined(number: int, outlet: str, text: str, now: datetime) -> ProcessedPage:
    url = f"https://{outlet}.example/{number}"
    own: Any = {"id": page_id(url), "url": url, "outlet": outlet, "fetched_at": now}
    body = f"<html><body><article>{text}</article>{_CHANCE.randbytes(6000).hex()}</body></html>".encode()
    page = replace(_PAGE, **own, requested_url=url, body=body)
    title = f"Story {number} of {outlet}"
    told: Any = {"title": title, "text": text, "published_at": now, "content_hash": content_hash(title, text)}
    return ProcessedPage(page, replace(_ARTICLE, **own, **told), sign(text))


class Town:
    """What twenty outlets publish."""

    def __init__(self) -> None:
        self.outlets = [f"outlet{n}" for n in range(OUTLETS)]
        self._number = 0
        self._late: list[tuple[int, str, str]] = []  # stories of which copies and revisions are still to come

    def hour(self, outlet: str, now: datetime) -> Iterator[ProcessedPage]:
        for _ in range(sum(_CHANCE.random() < STORIES / 2 for _ in range(2))):
            number, text = self._next(), _text()
            self._late = [*self._late[-200:], (number, outlet, text)]
            yield _refined(number, outlet, text, now)
            old, theirs, words = _CHANCE.choice(self._late)
            if _CHANCE.random() < COPIES and theirs != outlet:
                yield _refined(self._next(), outlet, words, now)
            if _CHANCE.random() < REVISIONS and theirs == outlet:
                yield _refined(old, theirs, f"{words} {_text()[:200]}", now)
            if _CHANCE.random() < REJECTS:
                held = _refined(self._next(), outlet, "", now).page
                assert held
                yield ProcessedPage(held, reject=reject(held, "gallery", ""))

    def _next(self) -> int:
        self._number += 1
        return self._number


def crawl(home: Lake, name: str, outlets: list[str], town: Town, now: datetime) -> None:
    """One run at a moment of the month."""
    session.new_run_id = lambda name, _: new_run_id(name, now)  # type: ignore[attr-defined, assignment]
    with home.run(name, lambda outlet: Rules(), {}) as (run, _):
        for outlet in outlets:
            for processed in town.hour(outlet, now):
                run.add(processed)
        if batch := run.cut(now):
            run.write(batch)
            run.mark_landed()
        run.finish("finished", {"sources": {}, "outlets": {o: {"articles": 1} for o in outlets}})


def month(home: Lake, days: int, each: bool) -> None:
    town, began = Town(), datetime.now(UTC).replace(minute=0, second=0) - timedelta(days=days)
    at = time.monotonic()
    for hour in range(days * RUNS_A_DAY):
        now = began + timedelta(hours=hour * 24 / RUNS_A_DAY)
        for name, outlets in [(o, [o]) for o in town.outlets] if each else [("all", town.outlets)]:
            crawl(home, name, outlets, town, now)
        if hour % RUNS_A_DAY == 0:
            print(
                f"  day {hour // RUNS_A_DAY + 1}, {time.monotonic() - at:.0f} s", file=sys.stderr, flush=True
            )
    print(f"{days} days made in {time.monotonic() - at:.0f} s")


def copied(root: Path, uri: str) -> None:
    store, files = open_store(uri), [p for p in root.rglob("*") if p.is_file() and ".tmp" not in p.parts]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda p: store.put_new(p.relative_to(root).as_posix(), p.read_bytes()), files))


def compacted(uri: str, into: Path) -> None:
    """One file a table and day, as a reader would have it best."""
    for table in TABLES:
        rows = dataset(uri, table).to_table()
        ds.write_dataset(
            rows, into / table, format="parquet", partitioning=["day"], partitioning_flavor="hive",
            file_options=ds.ParquetFileFormat().make_write_options(compression="zstd"),
            basename_template="all-{i}.parquet", existing_data_behavior="overwrite_or_ignore",
        )  # fmt: skip


# ---------------------------------------------------------------- what is measured


def queries(last_day: str) -> dict[str, str]:
    return {
        "articles by outlet and day": "SELECT outlet, day, count(*), avg(word_count) FROM articles GROUP BY ALL",
        "the last day's titles and texts": f"SELECT url, title, text FROM articles WHERE day = '{last_day}'",
        "latest version of each page, by a word": (
            "SELECT id, title FROM (SELECT *, row_number() OVER (PARTITION BY id ORDER BY landed_at DESC) AS n "
            "FROM (SELECT * FROM articles UNION ALL BY NAME SELECT * FROM copies UNION ALL BY NAME "
            "SELECT * FROM revisions)) WHERE n = 1 AND text LIKE '%word0042%'"
        ),
    }


def read(what: str, tables: Callable[[str], str | ds.Dataset], last_day: str) -> None:
    for name, query in queries(last_day).items():
        spent = []
        for _ in range(3):
            at = time.monotonic()
            with duckdb.connect() as db:
                for table in ("articles", "copies", "revisions"):
                    found = tables(table)
                    if isinstance(found, str):
                        db.execute(f"CREATE VIEW {table} AS {found}")
                    else:
                        db.register(table, found)
                rows = len(db.execute(query).fetchall())
            spent.append(time.monotonic() - at)
        print(f"  {what}, {name}: {min(spent):.2f} s ({rows} rows)", flush=True)


def in_folder(root: Path) -> Callable[[str], str]:
    return lambda table: (
        f"SELECT * FROM read_parquet('{root}/{table}/**/*.parquet', hive_partitioning = true, "
        "hive_types = {'day': VARCHAR})"
    )


def cold_start(what: str, uri: str, state: Path) -> None:
    at = time.monotonic()
    with Lake(uri, state).run("cold", lambda outlet: Rules(), {}) as (run, _):
        spent, known = time.monotonic() - at, len(run.index.signatures)
        run.finish("finished", {})
    print(f"cold start, {what}: {spent:.1f} s, {known} articles and copies known", flush=True)


def counted(root: Path) -> None:
    for kind in (*TABLES, "runs", "checkpoints"):
        files = [p.stat().st_size for p in (root / kind).rglob("*") if p.is_file()]
        print(f"  {kind}: {len(files)} objects, {sum(files) / 1e6:.1f} MB")


def main(days: int, each: bool) -> None:
    with ObjectStore() as server, tempfile.TemporaryDirectory() as folder:
        os.environ.update(server.environ)
        home, root = Path(folder), Path(folder) / "lake"
        month(Lake(str(root), home / "state"), days, each)
        counted(root)
        uri = server.bucket("month") + "/lake"
        copied(root, uri)
        cold_start("folder", str(root), home / "cold")
        cold_start("S3", uri, home / "cold-s3")
        compacted(str(root), home / "compacted")
        copied(home / "compacted", f"{uri}-compacted")
        last_day = max(p.name for p in (root / "articles").iterdir()).removeprefix("day=")
        read("folder, as landed", in_folder(root), last_day)
        read("folder, compacted", in_folder(home / "compacted"), last_day)
        read("S3, as landed", lambda table: dataset(uri, table), last_day)  # type: ignore[arg-type]
        read("S3, compacted", lambda table: dataset(f"{uri}-compacted", table), last_day)  # type: ignore[arg-type]


if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("--days", type=int, default=30)
    asked.add_argument("--each", action="store_true")
    given = asked.parse_args()
    main(given.days, given.each)
