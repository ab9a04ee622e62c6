"""Flush records: small objects that say which parts a run's next flush will write, before it writes them.

1. A part of a run that has not ended is named by such a record from before it exists, so other machines find it without
   a listing of every table (lake/runs/other_runs.py).
2. A record names the parts of its flush and of the earlier flushes of its block, so each run has one record in use for
   FLUSHES_PER_RECORD flushes, and the listing stays short.
3. A run removes its records when its run record is there; what it leaves behind the next start removes. A record names
   keys alone: it holds nothing of any page.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lake.schema.records import TABLES, Table
from lake.storage.store import WRONG_FORM

PREFIX = "flushes/"
FLUSHES_PER_RECORD = 64

Parts = tuple[
    tuple[Table, str], ...
]  # of each part its table and key, in the order in which they are written


@dataclass(frozen=True, slots=True)
class FlushRecord:
    """The parts that a run names before it writes them."""

    run_id: str
    seq: int  # number of the flush that the record was written for
    parts: Parts  # of this flush and of earlier ones

    @property
    def key(self) -> str:
        """The record's key in the lake."""
        return f"{PREFIX}{self.run_id}-{self.seq:05d}.json"

    def encode(self) -> bytes:
        """Return the record as JSON. Equal records give equal bytes."""
        return json.dumps({"run_id": self.run_id, "seq": self.seq, "parts": self.parts}, indent=1).encode()

    def next(self, seq: int, parts: Iterable[tuple[Table, str]]) -> FlushRecord:
        """Return the record for the run's next flush; it names the parts of this one too, unless a block begins."""
        before = self.parts if seq % FLUSHES_PER_RECORD else ()
        return FlushRecord(self.run_id, seq, (*before, *parts))


def run_of(key: str) -> str:
    """Return the id of the run that a record's key names."""
    return key.removeprefix(PREFIX).rpartition("-")[0]


def parse(key: str, data: bytes) -> FlushRecord:
    """Return the record that stands under a key. Raises ValueError where it is none, or of another run."""
    try:
        values: dict[str, Any] = json.loads(data)
        record = FlushRecord(values["run_id"], values["seq"], tuple((t, k) for t, k in values["parts"]))
        if record.key != key:
            raise ValueError(f"it is of run {record.run_id}, flush {record.seq}")
        for table, part in record.parts:
            if table not in TABLES or not part.startswith(f"{table}/day="):
                raise ValueError(f"{part!r} is no part of {table!r}")
    except WRONG_FORM as error:
        raise ValueError(str(error) if isinstance(error, ValueError) else repr(error)) from error
    return record
