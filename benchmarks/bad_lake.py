"""What a lake makes of signatures of another scheme, and of an index that is of another version or damaged; with the
cost of each. Part of benchmarks/bad_input.py."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.articles import Generator
from cleaning import Article, Header, RawPage, Rules, page_id
from dedupe import sign
from lake.jobs.story_clusters import cluster_lake
from lake.parquet import part_files
from lake.parquet.part_files import encode_table
from lake.runs.session import Lake
from lake.schema.records import STORY_TABLES, ProcessedPage
from lake.storage.store import Store
from lake.workers.page_processing import process_page

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW = timedelta(days=30)
STARTS = 2  # one that meets the damage, and one that rebuilds
EVERY = 20  # of the articles one in so many comes again at another outlet
Answer = tuple[str, bool]  # in words, and whether it is the documented one
Stories = dict[str, list[str]]  # of each page, once for each of its rows


def answers(texts: list[str], pages: int) -> Iterator[Answer]:
    """A lake of so many articles; then, each time, all of them come again, and some at another outlet."""
    logging.disable()
    processed = list(_made(texts, pages))
    with tempfile.TemporaryDirectory() as folder:
        home, root = Lake(f"{folder}/lake", Path(folder) / "state"), Path(folder) / "lake"
        began = time.process_time()
        _crawl(home, processed)
        yield f"a lake of {pages} articles: {time.process_time() - began:.1f} s of CPU", True
        yield from _another_scheme(home, root)
        whole = _one_file(home)
        for what, damage in {"no index": Path.unlink, **DAMAGES}.items():
            _one_file(home)
            home.index_path.write_bytes(whole)
            damage(home.index_path)
            yield _begun_anew(home, processed, f"{what}, {len(whole) / 1e6:.0f} MB")


def _another_scheme(home: Lake, root: Path) -> Iterator[Answer]:
    """The lake's signatures stay so."""
    expected, _ = _clusters(home.store)
    for key in [key for table in STORY_TABLES for key in home.store.keys(f"{table}/")]:
        rows = pq.read_table(io.BytesIO(home.store.get(key)))
        at, old = rows.schema.get_field_index("signature"), [b"old!" + bytes(60)] * len(rows)
        other = rows.set_column(at, rows.schema.field(at), pa.array(old, pa.binary()))
        (root / key).write_bytes(encode_table(other))
    found, spent = _clusters(home.store)
    told = f"signatures of another scheme in a lake: grouped as before, {spent:.1f} s of CPU"
    yield told, found == expected


def _clusters(store: Store) -> tuple[list[dict[str, object]], float]:
    began = time.process_time()
    done = cluster_lake(store, WINDOW)
    return pq.read_table(io.BytesIO(store.get(done.key))).to_pylist(), time.process_time() - began


def _begun_anew(home: Lake, processed: list[ProcessedPage], what: str) -> Answer:
    copies = {_copy(one, what): one for one in processed[::EVERY]}
    before = _stories(home.store)
    expected = before | {_id(copy): before[_id(one)] for copy, one in copies.items()}
    began, starts = time.process_time(), 1
    while True:
        try:
            _crawl(home, [*processed, *copies])
            break
        except sqlite3.DatabaseError:
            if starts == STARTS:
                return f"{what}: {starts} starts end with an error", False
            starts += 1
    told = "at once" if starts == 1 else "by the start after the one that met it"
    spent = time.process_time() - began
    told = f"{what}: all pages in their stories, {told}, {spent:.1f} s of CPU with {len(expected)} pages"
    return told, _stories(home.store) == expected


def _crawl(home: Lake, processed: list[ProcessedPage]) -> None:
    with home.run("bad", lambda outlet: Rules(), {}) as (run, _):
        for one in processed:
            run.add(one)
        run.flush()
        run.finish("finished", {})


def _stories(store: Store) -> Stories:
    found: Stories = {}
    for key in [key for table in STORY_TABLES for key in store.keys(f"{table}/")]:
        for values in part_files.read_rows(store, key, ["id", "story_id"]):
            found.setdefault(values["id"], []).append(values["story_id"])
    return found


def _one_file(home: Lake) -> bytes:
    """What the index holds, without a journal and without what was moved aside."""
    connection = sqlite3.connect(home.index_path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = home.index_path.read_bytes()
    for file in home.state.glob("index-*"):
        file.unlink()
    return data


def _zeros_in_the_middle(path: Path) -> None:
    data = path.read_bytes()
    third = len(data) // 3
    path.write_bytes(data[:third] + bytes(third) + data[2 * third :])


def _cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _second_half_overwritten(path: Path) -> None:
    data = path.read_bytes()
    half = len(data) // 2
    path.write_bytes(data[:half] + random.Random(1).randbytes(len(data) - half))


def _another_version(path: Path) -> None:
    _changed(path, "UPDATE meta SET value = '0 of long ago' WHERE key = 'format'")


def _index_of_another_scheme(path: Path) -> None:
    _changed(path, "UPDATE dedupe_scheme SET scheme = 'v0'")


def _changed(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "an index of another version": _another_version,
    "an index of another scheme": _index_of_another_scheme,
    "an index with zeros in the middle": _zeros_in_the_middle,
    "an index cut short": _cut_short,
    "an index overwritten from the middle": _second_half_overwritten,
}


def _made(texts: list[str], pages: int) -> Iterator[ProcessedPage]:
    page, article = _model()
    for number, made in enumerate(Generator(texts).articles(pages)):
        url, at = f"https://{made.outlet}.example/{number}", BEGAN + timedelta(minutes=number)
        own = replace(
            article, id=page_id(url), url=url, outlet=made.outlet, text=made.text, published_at=at, fetched_at=at,
            content_hash=hashlib.sha256(made.text.encode()).hexdigest()[:32],
        )  # fmt: skip
        raw = replace(
            page, id=own.id, url=url, requested_url=url, outlet=made.outlet, body=b"", fetched_at=at
        )
        yield ProcessedPage(raw, own, sign(made.text))


def _model() -> tuple[RawPage, Article]:
    lines = "".join(f"<p>The council of Lindow voted for bridge number {n} on Monday.</p>" for n in range(9))
    html = (
        f'<html lang="en"><head><title>A bridge</title></head><body><article>{lines}</article></body></html>'
    )
    url, headers = "https://one.example/0", (Header("content-type", "text/html"),)
    page = RawPage(page_id(url), url, url, "one.example", 200, headers, html.encode(), BEGAN)
    article = process_page(page, Rules()).article
    assert article
    return page, article


def _id(processed: ProcessedPage) -> str:
    assert processed.article
    return processed.article.id


def _copy(processed: ProcessedPage, outlet: str) -> ProcessedPage:
    """The same words at another outlet, an hour later."""
    assert processed.article
    assert processed.page
    name = outlet.partition(",")[0].replace(" ", "-")
    url, at = f"https://{name}.example/{_id(processed)}", processed.article.fetched_at + timedelta(hours=1)
    own = replace(processed.article, id=page_id(url), url=url, outlet=name, published_at=at, fetched_at=at)
    page = replace(processed.page, id=own.id, url=url, requested_url=url, outlet=name, fetched_at=at)
    return replace(processed, page=page, article=own)
