"""What the layout of a part costs: size, time to write, and three typical queries with DuckDB and Polars.

    python benchmarks/parquet_layout.py [STORIES] [TEXTS.jsonl.gz] [FOLDER OF *.html*]

Made stories (benchmarks/articles.py, from the given texts or else from the demonstration newsroom's) in every column of
the lake, in parts as the crawl lands them and in larger ones; one thing changes at a time. The queries: one day of one
outlet; all titles with a word; all copies of a story. Pages for the table `raw` are those of the folder, or made ones.
"""

from __future__ import annotations

import gzip
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.articles import Generator, Made, newsroom_texts, texts_of
from benchmarks.made_site import Pages
from dedupe import sign
from lake.schema.columns import schema

FLUSH = 1000  # stories in a part, as FLUSH_ROWS has it
DAYS = 10
ROUNDS = 5
RAW_BYTES = 64 << 20  # of pages in a part
FEW_VALUES = ("outlet", "language", "published_precision", "published_source", "section", "rights", "cleaner_version",
              "relation", "run_id", "boilerplate_version")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layout:
    name: str
    codec: str = "zstd"
    level: int | None = None  # None: the library's own, 1
    dictionary: bool | tuple[str, ...] = True
    part: int = FLUSH  # stories
    group: int | None = None  # rows; None: the whole part
    order: tuple[str, ...] = ()  # columns; (): as they landed
    index: bool = False  # of pages


BASE = Layout("zstd 1, as landed, 1 group")
LAYOUTS = (
    BASE,
    *(replace(BASE, name=f"zstd {level}", level=level) for level in (3, 6, 9, 12)),
    replace(BASE, name="snappy", codec="snappy"),
    replace(BASE, name="lz4", codec="lz4"),
    replace(BASE, name="gzip 6", codec="gzip"),
    replace(BASE, name="no dictionary", dictionary=False),
    replace(BASE, name="dictionary for few values", dictionary=FEW_VALUES),
    replace(BASE, name="groups of 100", group=100),
    replace(BASE, name="groups of 250", group=250),
    replace(BASE, name="page index", index=True),
    replace(BASE, name="by outlet", order=("outlet", "published_at")),
    replace(BASE, name="by outlet, groups of 250", order=("outlet", "published_at"), group=250),
    replace(BASE, name="by story", order=("story_id",)),
    replace(BASE, name="by title", order=("title",)),
    *(
        replace(BASE, name=f"parts of {part}, groups of {group}", part=part, group=group)
        for part, group in ((10_000, 1000), (10_000, 10_000))
    ),
    *(
        replace(
            BASE, name=f"parts of 10000 by outlet, groups of {g}", part=10_000, group=g, order=("outlet",)
        )
        for g in (1000, 10_000)
    ),
)


def main(stories: int, texts: Path | None, pages: Path | None) -> None:
    began = time.process_time()
    tables = _stories(stories, texts)
    held = sum(t.nbytes for t in tables.values())
    print(f"{stories} stories, {held / 1e6:.0f} MB in memory, made in {time.process_time() - began:.0f} s")
    question = Question.of(tables)
    print(f"{'layout':40} {'MB':>7} {'write s':>8}   {'ms: DuckDB':>20}   {'Polars':>20}", flush=True)
    for layout in LAYOUTS:
        with tempfile.TemporaryDirectory() as name:
            written, size = _written(Path(name), tables, layout)
            asked = [_best(ask) for ask in (*duck(Path(name), question), *polars(Path(name), question))]
        ducks, bears = asked[:3], asked[3:]
        print(
            f"{layout.name:40} {size / 1e6:7.1f} {written:8.2f}   "
            f"{' '.join(f'{1000 * s:6.0f}' for s in ducks)}   {' '.join(f'{1000 * s:6.0f}' for s in bears)}",
            flush=True,
        )
    _raw(pages)


# ---------------------------------------------------------------- what is written


def _stories(stories: int, texts: Path | None) -> dict[str, pa.Table]:
    """articles and copies, in the order of landing."""
    generator, chance = Generator(texts_of(texts) if texts else newsroom_texts()), random.Random(2)
    signature = len(sign(next(Generator(newsroom_texts()).articles(1)).text).to_bytes())
    rows: dict[str, list[dict[str, Any]]] = {"articles": [], "copies": []}
    for number, made in enumerate(generator.articles(stories)):
        rows["copies" if made.copy_of else "articles"].append(
            _row(made, number, stories, chance, chance.randbytes(signature))
        )
    return {name: pa.Table.from_pylist(found, schema=schema(name)) for name, found in rows.items()}  # type: ignore[arg-type]


def _row(made: Made, number: int, of: int, chance: random.Random, signature: bytes) -> dict[str, Any]:
    words = made.text.split()
    landed = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=DAYS * number / of)
    title = " ".join(words[:9])
    url = f"https://{made.outlet}.example/politics/{'-'.join(words[:7]).lower()}-{number}"
    clutter = [
        {
            "kind": "clutter",
            "rule": f"rule-{n}",
            "stage": "prune",
            "text": " ".join(words[-30:]),
            "chars": 180,
        }
        for n in range(4)
    ]
    image = {"url": f"{url}.jpg", "caption": " ".join(words[20:34]), "credit": "Agency"}
    lines = [" ".join(words[n : n + 60]) for n in range(0, len(words), 60)]
    day = f"{landed:%Y%m%d}"
    values = {
        "id": f"{chance.getrandbits(128):032x}" if made.copy_of else made.id,
        "url": url, "requested_url": url, "canonical_url": url, "outlet": made.outlet, "title": title,
        "summary": " ".join(words[9:35]), "text": "\n".join(lines), "authors": [f"Author {number % 900}"],
        "published_at": landed - timedelta(minutes=chance.randrange(600)), "published_precision": "second",
        "published_source": "json-ld", "published_raw": landed.isoformat(), "section": "politics",
        "tags": [words[3], words[11]], "images": [image], "language": "en", "language_confidence": 0.99999,
        "text_confidence": chance.random(), "word_count": len(words), "removed": clutter, "fetched_at": landed,
        "content_hash": f"{chance.getrandbits(256):064x}", "cleaner_version": "1", "parts": 1, "tdm": [],
        "story_id": made.copy_of or made.id, "original_id": made.copy_of or made.id, "links": [],
        "relation": "copy" if made.copy_of else None, "copy_of": made.copy_of, "signature": signature,
        "similarity": 0.9 if made.copy_of else None, "containment": 0.95 if made.copy_of else None,
        "run_id": f"{day}T000000Z-run", "seq": number // FLUSH, "landed_at": landed,
    }  # fmt: skip
    flags = ("paywall_seen", "sponsored", "live_blog", "opinion", "text_is_partial", "tdm_reserved")
    return values | dict.fromkeys(flags, False)


def _written(folder: Path, tables: dict[str, pa.Table], layout: Layout) -> tuple[float, int]:
    """CPU seconds and bytes."""
    spent = 0.0
    for name, rows in tables.items():
        for number, part in enumerate(
            _parts(rows, layout.part * rows.num_rows // sum(map(len, tables.values())))
        ):
            day = pc.strftime(part["landed_at"][:1], "%Y-%m-%d")[0].as_py()
            path = folder / name / f"day={day}" / f"{number:05d}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            began = time.process_time()
            _write(part, path, layout)
            spent += time.process_time() - began
    return spent, sum(path.stat().st_size for path in folder.rglob("*.parquet"))


def _parts(rows: pa.Table, size: int) -> Iterator[pa.Table]:
    """In pieces that do not cross midnight."""
    start, days = 0, pc.floor_temporal(rows["landed_at"], unit="day").to_pylist()
    while start < rows.num_rows:
        end = next(
            (n for n in range(start, min(start + size, rows.num_rows)) if days[n] != days[start]), None
        )
        end = min(start + size, rows.num_rows) if end is None else end
        yield rows.slice(start, end - start)
        start = end


def _write(part: pa.Table, path: Path | None, layout: Layout) -> None:
    if layout.order:
        part = part.sort_by([(column, "ascending") for column in layout.order])
    dictionary = layout.dictionary if isinstance(layout.dictionary, bool) else list(layout.dictionary)
    pq.write_table(
        part,
        path,
        compression=layout.codec,
        compression_level=layout.level,
        use_dictionary=dictionary,
        row_group_size=layout.group,
        write_page_index=layout.index,
        write_page_checksum=True,
    )


# ---------------------------------------------------------------- what is asked


@dataclass(frozen=True, slots=True)
class Question:
    day: str
    outlet: str
    word: str  # in a hundredth of the titles, about
    story: str  # that has copies

    @classmethod
    def of(cls, tables: dict[str, pa.Table]) -> Question:
        titles = tables["articles"]["title"].to_pylist()
        words = sorted({word for title in titles[:300] for word in title.split() if word.isalpha()})
        share = {word: sum(word in title for title in titles[:3000]) for word in words}
        word = min(words, key=lambda w: (abs(share[w] - 30), w))
        story = tables["copies"]["story_id"][len(tables["copies"]) // 2].as_py()
        return cls("2026-11-04", "outlet-7", word, story)


Ask = Callable[[], object]


def duck(folder: Path, q: Question) -> Iterator[Ask]:
    def ask(query: str) -> Ask:
        return lambda: duckdb.execute(query).fetchall()

    articles, copies = (
        f"read_parquet('{folder}/{name}/*/*.parquet', hive_partitioning=true)"
        for name in ("articles", "copies")
    )
    yield ask(f"SELECT url, title, text FROM {articles} WHERE day = '{q.day}' AND outlet = '{q.outlet}'")
    yield ask(f"SELECT url, title FROM {articles} WHERE contains(title, '{q.word}')")
    yield ask(f"SELECT url, outlet, title, published_at FROM {copies} WHERE story_id = '{q.story}'")


def polars(folder: Path, q: Question) -> Iterator[Ask]:
    def scan(name: str) -> pl.LazyFrame:
        return pl.scan_parquet(
            f"{folder}/{name}/*/*.parquet", hive_partitioning=True, try_parse_hive_dates=False
        )

    def one_day() -> object:
        found = scan("articles").filter((pl.col("day") == q.day) & (pl.col("outlet") == q.outlet))
        return found.select("url", "title", "text").collect()

    def titles() -> object:
        found = scan("articles").filter(pl.col("title").str.contains(q.word, literal=True))
        return found.select("url", "title").collect()

    def copies() -> object:
        found = scan("copies").filter(pl.col("story_id") == q.story)
        return found.select("url", "outlet", "title", "published_at").collect()

    yield from (one_day, titles, copies)


def _best(ask: Ask) -> float:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        ask()
        took.append(time.perf_counter() - began)
    return min(took)


# ---------------------------------------------------------------- the pages as they came


def _raw(folder: Path | None) -> None:
    """One part of `raw`: by far the most bytes of a lake."""
    bodies, size = [], 0
    for body in _bodies(folder):
        bodies.append(body)
        size += len(body)
        if size > RAW_BYTES:
            break
    column = pa.table({"body": pa.array(bodies, pa.binary())})
    print(f"\nraw: {len(bodies)} pages, {size / 1e6:.0f} MB")
    for layout in (
        *(replace(BASE, name=f"zstd {level}", level=level) for level in (1, 3, 6, 9, 12)),
        replace(BASE, name="zstd 1, no dictionary", level=1, dictionary=False),
        replace(BASE, name="zstd 3, no dictionary", level=3, dictionary=False),
        replace(BASE, name="snappy", codec="snappy"),
        replace(BASE, name="gzip 6", codec="gzip"),
    ):
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "part.parquet"
            began = time.process_time()
            _write(column, path, layout)
            written, began = time.process_time() - began, time.process_time()
            pq.ParquetFile(path).read()
            read = time.process_time() - began
            share = path.stat().st_size / size
        each = 1000 / len(bodies)
        print(
            f"{layout.name:40} {share:7.1%} of the bytes, {written * each:6.2f} ms to write a page, {read * each:6.2f} ms to read"
        )


def _bodies(folder: Path | None) -> Iterator[bytes]:
    if folder is None:
        pages = Pages()
        yield from (pages.html(number, "http://one.test").encode() for number in count())
        return
    paths = [p for p in sorted(folder.rglob("*")) if p.name.endswith((".html", ".html.gz"))]
    random.Random(3).shuffle(paths)
    for path in paths:
        data = path.read_bytes()
        yield gzip.decompress(data) if path.suffix == ".gz" else data


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        int(given[0]) if given else 50_000,
        Path(given[1]) if len(given) > 1 else None,
        Path(given[2]) if len(given) > 2 else None,
    )
