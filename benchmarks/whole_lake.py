"""Time and memory of `python -m lake cluster` over a lake of so many articles.

    python benchmarks/whole_lake.py LAKE 100000 ../shared/pages/syndication/synthetic.jsonl.gz

The lake is a folder, made first where it is not as large yet: run it again with a greater number, or after an
interruption, and it goes on. The first SIGNED articles are made as benchmarks/articles.py makes them, by numbers of words
instead of words, and signed. All others have their signatures: shingles and keys that recur in COMMON or more articles
stay as they are, and the others become those of another text, the same ones in an article and in its copies.
"""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.articles import (
    COPIES,
    OUTLETS,
    RECENT,
    REWRITTEN,
    TEMPLATES,
    WORDS_MEDIAN,
    WORDS_SIGMA,
    newsroom_texts,
    texts_of,
)  # fmt: skip
from cleaning import page_id
from dedupe import Signature, sign
from dedupe.signature.sketch import is_in
from dedupe.signature.tokens import mix_bits
from lake.parquet import part_files
from lake.schema.columns import schema
from lake.storage.open_store import open_store
from lake.storage.store import Store

RUN_ROWS = 5_000
SIGNED, COMMON = 100_000, 16
ARTICLES_A_DAY = 50_000
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
Words = NDArray[np.int32]


class Texts:
    """Numbers of words: sentences of the given texts, and which words follow which."""

    def __init__(self, texts: list[str]) -> None:
        self.chance = np.random.default_rng(1)
        spoken = [s.split() for text in texts for s in text.replace("\n", ". ").split(". ") if s.split()]
        self.vocabulary = sorted({word for sentence in spoken for word in sentence})
        number = {word: n for n, word in enumerate(self.vocabulary)}
        self.sentences = [np.array([number[word] for word in sentence], np.int32) for sentence in spoken]
        following: list[list[int]] = [[] for _ in self.vocabulary]
        for sentence in self.sentences:
            for word, after in pairwise(sentence.tolist()):
                following[word].append(after)
        self.counts = np.array([len(after) for after in following])
        self.starts = np.cumsum(self.counts) - self.counts
        self.following = np.array([*(word for after in following for word in after), 0], np.int32)
        self.figures = np.array(
            [n for n, word in enumerate(self.vocabulary) if word.isdigit()] or [0], np.int32
        )
        self.clutter = [self.fresh(30) for _ in range(OUTLETS)]
        self.template = self.fresh(120)

    def fresh(self, length: int) -> Words:
        """Sentences, partly rewritten: a new word is one that follows the word before it somewhere."""
        found: list[Words] = []
        while sum(map(len, found)) < length:
            found += [self.sentences[n] for n in self.chance.integers(0, len(self.sentences), 8)]
        words = np.concatenate(found)[:length]
        before = np.roll(words, 1)
        other = self.following[
            self.starts[before] + (self.chance.random(length) * self.counts[before]).astype(int)
        ]
        rewritten = (self.chance.random(length) < REWRITTEN) & (self.counts[before] > 0)
        return np.where(rewritten, other, words).astype(np.int32)

    def edited(self, words: Words) -> Words:
        kept = words[: int(len(words) * self.chance.choice([1, 1, 0.75, 0.5]))]
        changed = self.chance.random(len(kept)) < 0.04
        kept = np.where(changed, self.chance.integers(0, len(self.vocabulary), len(kept)), kept).astype(
            np.int32
        )
        return np.concatenate([self.fresh(25), kept]) if self.chance.random() < 0.3 else kept

    def filled_in(self) -> Words:
        words = self.template.copy()
        words[::7] = self.chance.choice(self.figures, len(words[::7]))
        return words

    def text(self, words: Words) -> str:
        return " ".join(map(self.vocabulary.__getitem__, words.tolist()))


def run_of(texts: Texts, first: int) -> list[dict[str, Any]]:
    """The rows of one run: its articles, in the order of publication."""
    recent: list[Words] = []
    rows = []
    empty = _empty_row()
    for number in range(first, first + RUN_ROWS):
        kind = texts.chance.random()
        if recent and kind < COPIES:
            words = texts.edited(recent[int(texts.chance.integers(len(recent)))])
        elif kind < COPIES + TEMPLATES:
            words = texts.filled_in()
        else:
            words = texts.fresh(int(texts.chance.lognormal(0, WORDS_SIGMA) * WORDS_MEDIAN) + 20)
            recent = [*recent[-RECENT:], words] if len(recent) > 2 * RECENT else recent
            recent.append(words)
        outlet = int(texts.chance.integers(OUTLETS))
        text = texts.text(np.concatenate([words, texts.clutter[outlet]]))
        url = f"https://outlet{outlet}.example/{number}"
        page = page_id(url)
        at = BEGAN + timedelta(days=number / ARTICLES_A_DAY)
        rows.append(empty | {
            "id": page, "url": url, "requested_url": url, "outlet": f"outlet{outlet}", "text": text,
            "story_id": page, "original_id": page, "content_hash": page, "word_count": len(words),
            "published_at": at, "fetched_at": at + timedelta(hours=1), "signature": sign(text).to_bytes(),
        })  # fmt: skip
    return rows


def _empty_row() -> dict[str, Any]:
    def nothing(kind: pa.DataType) -> Any:
        if pa.types.is_list(kind):
            return []
        return {pa.int64(): 0, pa.float64(): 0.0, pa.bool_(): False, pa.binary(): b""}.get(kind, "")

    return {field.name: None if field.nullable else nothing(field.type) for field in schema("articles")}


class Others:
    """Runs whose articles have the signatures of earlier ones, with other words."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parts = sorted(store.keys("articles/"))[: SIGNED // RUN_ROWS]
        read = [Signature.from_bytes(data) for key in self._parts for data in self._signatures(key)]
        self._shingles = _recurring([_words(one.body) for one in read])
        self._bands = _recurring([_words(one.bands) for one in read])

    def run(self, number: int) -> pa.Table:
        turn, place = divmod(number, len(self._parts))
        table = pq.read_table(io.BytesIO(self._store.get(self._parts[place])))
        numbers = range(number * RUN_ROWS, (number + 1) * RUN_ROWS)
        pages = [page_id(f"https://outlet.example/{n}") for n in numbers]
        at = [BEGAN + timedelta(days=n / ARTICLES_A_DAY) for n in numbers]
        columns: dict[str, list[Any]] = {}
        columns |= dict.fromkeys(("id", "story_id", "original_id", "content_hash"), pages)
        signatures = [self._other(data, turn) for data in table["signature"].to_pylist()]
        columns |= {"published_at": at, "fetched_at": at, "signature": signatures}
        for name, values in columns.items():
            field = table.schema.field(name)
            table = table.set_column(table.schema.get_field_index(name), field, pa.array(values, field.type))
        return table

    def _signatures(self, key: str) -> list[bytes]:
        return [row["signature"] for row in part_files.read_rows(self._store, key, ["signature"])]

    def _other(self, data: bytes, turn: int) -> bytes:
        signature = Signature.from_bytes(data)
        body = _words(signature.body)
        lead = np.unpackbits(np.frombuffer(signature.lead, np.uint8), count=len(body))
        other = _replaced(body, self._shingles, turn, signature.body_limit)
        order = np.argsort(other)
        return replace(
            signature,
            digest=signature.digest[:12] + turn.to_bytes(4, "little"),
            body=other[order].tobytes(),
            lead=np.packbits(lead[order]).tobytes(),
            bands=_replaced(_words(signature.bands), self._bands, turn, 1 << 32).tobytes(),
        ).to_bytes()


def _words(data: bytes) -> NDArray[np.uint32]:
    return np.frombuffer(data, "<u4")


def _recurring(hashes: list[NDArray[np.uint32]]) -> NDArray[np.uint32]:
    """Ascending: what COMMON or more of them hold."""
    ordered = np.sort(np.concatenate(hashes))
    return np.unique(ordered[COMMON - 1 :][ordered[COMMON - 1 :] == ordered[: 1 - COMMON]])


def _replaced(
    hashes: NDArray[np.uint32], kept: NDArray[np.uint32], turn: int, limit: int
) -> NDArray[np.uint32]:
    """Those below the limit by others below it, but for those that are kept."""
    wide = hashes.astype(np.uint64) + (np.uint64(turn) << np.uint64(32))
    other = (mix_bits(wide) >> np.uint64(16)) % np.uint64(limit)
    return np.where(is_in(hashes, kept), hashes, other.astype(np.uint32)).astype("<u4")


def make(store: Store, count: int, words: list[str]) -> None:
    """Runs until the lake has so many articles."""
    there = sum(not key.endswith(".started.json") for key in store.keys("runs/"))
    texts, others = Texts(words), None
    for number in range(there, -(-count // RUN_ROWS)):
        landed = BEGAN + timedelta(days=(number + 1) * RUN_ROWS / ARTICLES_A_DAY, hours=1)
        run_id = f"{landed:%Y%m%dT%H%M%SZ}-made-{number:08x}"
        marks = {"run_id": run_id, "seq": 0, "landed_at": landed}
        if number * RUN_ROWS < SIGNED:
            texts.chance = np.random.default_rng(number + 2)
            rows = run_of(texts, number * RUN_ROWS)
            table = pa.Table.from_pylist([values | marks for values in rows], schema=schema("articles"))
        else:
            others = others or Others(store)
            table = others.run(number)
            for name, value in marks.items():
                field = table.schema.field(name)
                column = pa.array([value] * len(table), field.type)
                table = table.set_column(table.schema.get_field_index(name), field, column)
        key = part_files.part_key("articles", run_id, 0, landed)
        store.put_new(f"runs/{run_id}.started.json", json.dumps({"run_id": run_id}).encode())
        store.put_new(key, part_files.encode_table(table))
        named = [{"table": "articles", "key": key}]
        store.put_new(f"runs/{run_id}.json", json.dumps({"run_id": run_id, "parts": named}).encode())
        print(f"  {(number + 1) * RUN_ROWS} articles", flush=True)


def main(folder: str, count: int, texts: list[str]) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    make(open_store(folder), count, texts)
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "lake", "cluster", "--lake", folder], check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{count} articles: {time.monotonic() - began:.0f} s, {used.ru_utime + used.ru_stime:.0f} s of CPU, "
        f"at most {used.ru_maxrss / 1e6:.2f} GB of memory"
    )


if __name__ == "__main__":
    main(
        sys.argv[1], int(sys.argv[2]), texts_of(Path(sys.argv[3])) if len(sys.argv) > 3 else newsroom_texts()
    )
