"""One run: verdicts, the rows on their way, the flushes, and the run's two records.

Rows gather in memory; `cut` takes them as a batch, `write` lands it (no shared state, so it may run in another
thread), `landed` tells the index. A flush that fails leaves the run unfinished: the next start recovers it.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from cleaning import CLEANER_VERSION, Article
from dedupe import SCHEME, Document, Signature, Verdict
from lake.index import Index, Known, known_article, known_reject
from lake.parts import Part, write
from lake.records import Landing, Refined, Reject, Table
from lake.schema import SCHEMA_VERSION, Signed, row
from lake.store import Store

Outcome = Literal["articles", "copies", "revisions", "rejects", "unchanged"]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one candidate. values: its row, without the Landing columns; None where nothing landed."""

    outcome: Outcome
    id: str
    url: str
    title: str | None = None
    verdict: Verdict | None = None
    reason: str | None = None
    values: dict[str, Any] | None = None


@dataclass(slots=True)
class Batch:
    """The rows of one flush, all under one part name."""

    seq: int
    landed_at: datetime
    tables: dict[Table, list[dict[str, Any]]]


@dataclass(slots=True)
class _Buffer:
    tables: dict[Table, list[dict[str, Any]]] = field(default_factory=dict)
    rows: int = 0
    bytes: int = 0
    since: datetime | None = None


def new_run_id(name: str, now: datetime) -> str:
    """Sorts by start time; the random tail keeps two machines apart."""
    return f"{now:%Y%m%dT%H%M%SZ}-{name}-{secrets.token_hex(4)}"


class Run:
    """A run that lands rows. Made by `start` (a new one) or by lake/catchup.py (to finish one that died)."""

    def __init__(self, store: Store, index: Index, run_id: str, first_seq: int = 0) -> None:
        self.store, self.index, self.run_id = store, index, run_id
        self.seq = first_seq
        self.parts: list[Part] = []
        self.counts: Counter[str] = Counter()
        self._buffer = _Buffer()

    # ------------------------------------------------------------ one candidate

    def add(self, refined: Refined) -> Result:
        """Judge one candidate, enter it as pending and buffer its rows; in one transaction of the index."""
        with self.index.transaction():
            result = self._judged(refined)
        self.counts[result.outcome] += 1
        if result.reason:
            self.counts[f"rejects/{result.reason}"] += 1
        if result.outcome != "unchanged":
            self._buffer_rows(result, refined)
        return result

    def _judged(self, refined: Refined) -> Result:
        if refined.reject:
            return self._rejected(refined.reject)
        article, signature = refined.article, refined.signature
        assert article is not None, "a refined page is an article or a reject"
        assert signature is not None, "an article is signed"
        known = self.index.known(article.id)
        if known and (known.content_hash == article.content_hash or self._is_elsewhere(known)):
            return Result("unchanged", article.id, article.url, article.title)
        verdict = self.index.judge(article, signature)
        self.index.expect(
            known_article(article, verdict.story_id, self.run_id, self.seq),
            Document(article.id, article.outlet, article.published_at),
            signature,
        )
        return _kept(article, signature, verdict, known)

    def _is_elsewhere(self, known: Known) -> bool:
        """Another run is about to land a row of the page: a second one now could find itself without a first."""
        return known.run_id != self.run_id and self.index.is_pending(known.id)

    def _rejected(self, reject: Reject) -> Result:
        known = self.index.known(reject.id)
        if known and (known.reason == reject.reason or self._is_elsewhere(known)):
            return Result("unchanged", reject.id, reject.url)
        self.index.expect(
            known_reject(reject.id, reject.outlet, reject.reason, (self.run_id, self.seq), known)
        )
        return Result("rejects", reject.id, reject.url, reason=reject.reason, values=row(reject))

    def _buffer_rows(self, result: Result, refined: Refined) -> None:
        assert result.outcome != "unchanged"
        buffer = self._buffer
        if refined.page:
            buffer.tables.setdefault("raw", []).append(row(refined.page))
            buffer.bytes += len(refined.page.body)
        buffer.tables.setdefault(result.outcome, []).append(result.values or {})
        buffer.bytes += len(refined.article.text) if refined.article else 0
        buffer.rows += 1
        buffer.since = buffer.since or datetime.now(UTC)

    # ------------------------------------------------------------ a flush

    @property
    def waiting(self) -> tuple[int, int, float]:
        """Rows, bytes and age in seconds of what has not been cut yet."""
        since = self._buffer.since
        age_s = (datetime.now(UTC) - since).total_seconds() if since else 0.0
        return self._buffer.rows, self._buffer.bytes, age_s

    def cut(self, landed_at: datetime | None = None) -> Batch | None:
        """Take what is waiting; later rows go to the next part. landed_at: now, unless an old flush is completed."""
        if not self._buffer.rows:
            return None
        batch = Batch(self.seq, landed_at or datetime.now(UTC), self._buffer.tables)
        landing = row(Landing(self.run_id, batch.seq, batch.landed_at))
        for rows in batch.tables.values():
            for values in rows:
                values.update(landing)
        self._buffer = _Buffer()
        self.seq += 1
        return batch

    def write(self, batch: Batch) -> list[Part]:
        """Land a batch. Raises LakeError; then the run must end without `finish`."""
        return write(self.store, batch.tables, self.run_id, batch.seq, batch.landed_at)

    def landed(self, batch: Batch, parts: list[Part]) -> None:
        self.parts += parts
        self.index.landed(self.run_id, batch.seq)

    def flush(self) -> None:
        """All three steps at once, for callers that may wait."""
        if batch := self.cut():
            self.landed(batch, self.write(batch))

    # ------------------------------------------------------------ its two records

    def start(self, facts: dict[str, Any]) -> None:
        """Write runs/<run>.started.json: from now on a crash is noticed."""
        self.store.put_new(
            f"runs/{self.run_id}.started.json", _json({"run_id": self.run_id, **identity(), **facts})
        )

    def finish(self, outcome: str, facts: dict[str, Any]) -> None:
        """Write runs/<run>.json, last of all; everything must have been flushed."""
        record = {
            "run_id": self.run_id,
            "outcome": outcome,
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "counts": dict(sorted(self.counts.items())),
            "parts": [asdict(part) for part in self.parts],
            **facts,
        }
        self.store.put_new(f"runs/{self.run_id}.json", _json(record))
        with self.index.transaction():
            self.index.add_run(self.run_id)

    def abandon(self) -> None:
        """End without a record: the next start finishes the run from its raw parts."""
        with self.index.transaction():
            self.index.drop_pending(self.run_id)


def _kept(article: Article, signature: Signature, verdict: Verdict, known: Known | None) -> Result:
    outcome: Outcome = "copies" if verdict.relation else "articles"
    if known and known.content_hash:
        outcome = "revisions"
    values = row(article, verdict, Signed(signature.to_bytes()))
    return Result(outcome, article.id, article.url, article.title, verdict, None, values)


def identity() -> dict[str, Any]:
    """Who writes, and with what."""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"schema": SCHEMA_VERSION, "cleaner": CLEANER_VERSION, "signature": SCHEME},
    }


def _json(record: dict[str, Any]) -> bytes:
    return json.dumps(record, indent=1, ensure_ascii=False, default=str).encode()


@contextmanager
def alive(folder: Path, run_id: str) -> Iterator[None]:
    """Hold the run's lock for as long as the process lives; the kernel lets go of it at any death."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run_id}.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def is_alive(folder: Path, run_id: str) -> bool | None:
    """None where this folder knows nothing of the run."""
    path = folder / f"{run_id}.lock"
    try:
        with path.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return True
    return False
