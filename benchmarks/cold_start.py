"""Seconds, bytes and requests until a machine without an index can judge its first page, on a real S3 server.

    python benchmarks/cold_start.py 100000           # a lake of so many articles, learned from its parts
    python benchmarks/cold_start.py 1000000 --bulk   # its index filled by sorted inserts: hours become minutes

The lake has as much after its checkpoint as the default settings allow. Signatures are drawn at random: as large as
those of texts of 450 words, and no easier to compress.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cleaning import Rules, page_id
from dedupe import Document, Signature
from dedupe.online.inverted_index import encode_place, pack_places
from dedupe.online.memtable import SLICES, SWEEP_ROWS
from dedupe.online.rows import encode_id
from dedupe.signature.packing import coarsen, pack
from dedupe.signature.sketch import HASH_RANGE
from demo.object_store import ObjectStore
from lake.index import checkpoints
from lake.index.checkpoints import Cadence
from lake.index.page_index import Index
from lake.parquet import part_files
from lake.runs.catch_up import catch_up
from lake.runs.session import Lake
from lake.schema.columns import schema
from lake.storage.store import Store

RUN_ROWS = 500
OUTLETS = 200
WORDS = 450
KEYS = 12 + 28  # of a text: bands of the lead, and one shingle in sixteen
_CHANCE = np.random.default_rng(1)
_VOCABULARY = [f"word{n:04d}" for n in range(8000)]


def _hashes(count: int) -> bytes:
    return np.sort(_CHANCE.integers(0, 2**32, count, dtype=np.uint32)).astype("<u4").tobytes()


def signature() -> Signature:
    return Signature(
        digest=_CHANCE.bytes(16),
        tokens=WORDS,
        shingles=WORDS - 2,
        body=_hashes(WORDS - 2),
        body_limit=HASH_RANGE,
        lead=_CHANCE.bytes((WORDS - 2 + 7) // 8),
        bands=_hashes(24),
        numbers=_hashes(8),
        numbers_limit=HASH_RANGE,
        particulars=_hashes(40),
        particulars_limit=HASH_RANGE,
    )


def _page(number: int) -> str:
    return page_id(f"https://outlet{number % OUTLETS}.example/{number}")


def _template() -> dict[str, Any]:
    """A whole row with nothing in it, of which each article fills in what is its own."""
    nothing = {"string": "", "bool": False, "int64": 0, "double": 0.0}
    return {
        column.name: None if column.nullable else nothing.get(str(column.type), [])
        for column in schema("articles")
    }


def land(lake: Lake, first: int, count: int, began: datetime) -> None:
    """One finished run with so many articles."""
    run_id = f"{began:%Y%m%dT%H%M%SZ}-bench-{first:08x}"
    template, rows = _template(), []
    for number in range(first, first + count):
        page, url = _page(number), f"https://outlet{number % OUTLETS}.example/{number}"
        own = {
            "id": page, "url": url, "requested_url": url, "outlet": f"outlet{number % OUTLETS}",
            "story_id": page, "original_id": page, "content_hash": page, "canonical_url": None,
            "published_at": began, "fetched_at": began, "run_id": run_id, "seq": 0, "landed_at": began,
            "text": " ".join(random.choices(_VOCABULARY, k=WORDS)), "signature": signature().to_bytes(),
        }  # fmt: skip
        rows.append(template | own)
    facts = {"run_id": run_id, "host": "elsewhere", "started_at": began.isoformat()}
    lake.store.put_new(f"runs/{run_id}.started.json", json.dumps(facts).encode())
    landed = part_files.write_flush(lake.store, {"articles": rows}, run_id, 0, began)
    named = [{"table": p.table, "key": p.key, "seq": 0, "rows": p.rows} for p in landed]
    lake.store.put_new(f"runs/{run_id}.json", json.dumps({"run_id": run_id, "parts": named}).encode())


def fill(index: Index, count: int) -> None:
    """So many articles straight into the tables, the large one in the order of its keys."""
    began = datetime(2026, 1, 1, tzinfo=UTC)
    moment = int(began.timestamp() * 1e6)
    drawn = [
        pack(coarsen(signature())) for _ in range(min(count, 10_000))
    ]  # further apart than a compressor looks back
    db = index._db
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA cache_size = -1048576")
    with index.transaction():
        pages = sorted((_page(n), f"outlet{n % OUTLETS}") for n in range(count))
        _into(db, "pages", (
            (p, o, "20260101T000000Z-bench-00000000", 0, p, p, None, None, moment, moment, moment, 0, 0, None)
            for p, o in pages
        ))  # fmt: skip
        digests = _CHANCE.integers(0, 2**62, count).tolist()
        _into(db, "dedupe_documents", (
            (n + 1, encode_id(_page(n)), n % OUTLETS + 1, moment, None, digests[n], drawn[n % len(drawn)])
            for n in range(count)
        ))  # fmt: skip
        _into(db, "dedupe_outlets", (
            (n + 1, f"outlet{n}", len(range(n, count, OUTLETS)), None) for n in range(OUTLETS)
        ))  # fmt: skip
        keys = np.sort(_CHANCE.integers(0, 2**32, count * KEYS, dtype=np.int64))
        place = encode_place(moment, 450, 0)
        for first in range(0, len(keys), 1_000_000):
            some = keys[first : first + 1_000_000].tolist()
            data = pack_places(place | _CHANCE.integers(1, count + 1, len(some)))
            each = len(data) // len(some)
            _into(db, "dedupe_keys", (
                (key, data[n * each : (n + 1) * each]) for n, key in enumerate(some)
            ), "INSERT OR IGNORE INTO")  # fmt: skip
        _into(db, "dedupe_waiting", (
            (seq, seq, place | seq, np.sort(_CHANCE.integers(0, 2**32, KEYS)).astype("<u4").tobytes())
            for seq in range(max(1, count - SLICES * SWEEP_ROWS + 1), count + 1)
        ))  # fmt: skip


def _into(db: Any, table: str, rows: Iterable[tuple[Any, ...]], verb: str = "INSERT INTO") -> None:
    rows = iter(rows)
    one = next(rows)
    insert = f"{verb} {table} VALUES ({','.join('?' * len(one))})"
    db.execute(insert, one)
    db.executemany(insert, rows)


# ---------------------------------------------------------------- the start that is measured


def start(uri: str, state: Path) -> None:
    """In a process of its own: prints what a run's start took."""
    began = time.monotonic()
    lake = Lake(uri, state, cadence=Cadence(10**9, runs=10**9))
    asked: Counter[str] = Counter()
    received = [0]

    def count(http_response: Any, model: Any, **_: Any) -> None:
        asked[model.name] += 1
        received[0] += int(http_response.headers.get("content-length", 0))

    lake.store._client.meta.events.register("after-call.s3", count)  # type: ignore[attr-defined]
    spent = {"checkpoint": 0.0}
    restore = checkpoints.restore

    def timed(store: Store, path: Path, belongs_to_lake: Callable[[Index], bool]) -> bool:
        at = time.monotonic()
        done = restore(store, path, belongs_to_lake)
        spent["checkpoint"] = time.monotonic() - at
        return done

    checkpoints.restore = timed
    with lake.run("bench", lambda outlet: Rules(), {}) as (run, _):
        opened = time.monotonic() - began
        run.index.signatures.judge(Document("x", "outlet0", datetime.now(UTC)), signature())
        whole = time.monotonic() - began
        known = len(run.index.signatures)
        run.finish("finished", {})
    # not getrusage: a child's maximum begins with what its parent held
    memory = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1e3  # type: ignore[index]
    told = ", ".join(f"{n} {name}" for name, n in asked.most_common())
    print(
        f"  {whole:.1f} s until the first verdict, {known} articles known: checkpoint {spent['checkpoint']:.1f} s, "
        f"the rest of the start {opened - spent['checkpoint']:.1f} s, first verdict {whole - opened:.1f} s\n"
        f"  {time.process_time():.1f} s of CPU with the imports and the run's end, {memory:.0f} MB of memory, "
        f"{received[0] / 1e6:.0f} MB received; {told}"
    )


def measure(what: str, uri: str, state: Path) -> None:
    print(f"{what}:", flush=True)
    subprocess.run([sys.executable, __file__, "--start", uri, str(state)], check=True)


def main(count: int, bulk: bool) -> None:
    with ObjectStore() as server, tempfile.TemporaryDirectory() as folder:
        os.environ.update(server.environ)
        uri, home = server.bucket("cold") + "/lake", Path(folder)
        warm, cadence = Lake(uri, home / "warm"), Cadence()
        after = min(int(cadence.threshold(count)), count // 2) - 1
        before, now = count - after, datetime.now(UTC) - timedelta(hours=1)
        at = time.monotonic()
        if bulk:
            index = catch_up(warm.store, warm.index_path)
            fill(index, before)
            index.close()
        else:
            runs = range(0, before, RUN_ROWS)
            for n, first in enumerate(runs):
                land(warm, first, min(RUN_ROWS, before - first), now - timedelta(hours=len(runs) - n))
        print(f"{before} articles made in {time.monotonic() - at:.0f} s", flush=True)
        if not bulk:
            at = time.monotonic()
            catch_up(warm.store, warm.index_path).close()
            print(f"without a checkpoint: {time.monotonic() - at:.0f} s", flush=True)
        at = time.monotonic()
        name = checkpoints.write(warm.store, warm.index_path)
        spent = time.monotonic() - at
        manifest = json.loads(warm.store.get(name))
        sent = sum(len(warm.store.get(p["key"])) for p in manifest["pieces"])
        print(
            f"checkpoint: {manifest['bytes'] / 1e6:.0f} MB, {sent / 1e6:.0f} MB sent, written in {spent:.1f} s"
        )
        shutil.rmtree(home / "warm")
        measure("cold, nothing after the checkpoint", uri, home / "first")
        shutil.rmtree(home / "first")
        each = -(-after // (cadence.runs - 2))
        for n, first in enumerate(range(before, count, each)):
            land(warm, first, min(each, count - first), now + timedelta(seconds=n))
        measure(f"cold, {after} articles in {cadence.runs - 2} runs after it", uri, home / "second")
        measure("warm", uri, home / "second")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--start"]:
        start(sys.argv[2], Path(sys.argv[3]))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 100_000, "--bulk" in sys.argv)
