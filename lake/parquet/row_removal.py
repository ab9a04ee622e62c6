"""Taking the rows of what was taken down out of part files.

A part is overwritten under its own key, on the condition that it is still the part that was read. Before, a note
`overwritten/<key>.<digest>.json` names both digests: who verifies the lake accepts either.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from lake.parquet.part_files import encode_table
from lake.storage.store import LakeError, ObjectChanged, Store, sha256_hex
from lake.storage.tombstones import TakenDown

REWRITE_NOTES = "overwritten/"
_TRIES = 5


@dataclass(frozen=True, slots=True)
class RewrittenPart:
    """One part: its note in the lake, and its line of the receipt."""

    key: str
    rows: int  # left in it
    removed: int
    sha256_before: str
    sha256: str
    bytes: int


def remove_rows(store: Store, taken_down: TakenDown, keys: Iterable[str]) -> list[RewrittenPart]:
    """Take what was taken down out of these parts; returns those that held any. Raises LakeError."""
    return [part for key in keys if (part := _rewrite_part(store, key, taken_down))] if taken_down else []


def _rewrite_part(store: Store, key: str, taken_down: TakenDown) -> RewrittenPart | None:
    for _ in range(_TRIES):
        try:
            current = store.look(key)
        except KeyError:  # expired in between
            return None
        rewritten = without_rows(key, current.data, taken_down)
        if rewritten is None:
            return None
        part, data = rewritten
        note = f"{REWRITE_NOTES}{key.removesuffix('.parquet')}.{part.sha256[:16]}.json"
        store.put_new(note, json.dumps(asdict(part), indent=1).encode())
        with suppress(ObjectChanged):  # another takedown was at the same part
            store.swap(key, data, current.tag)
            return part
    raise LakeError(f"{store.uri}/{key}: changes all the time; run the same command again")


def without_rows(key: str, data: bytes, taken_down: TakenDown) -> tuple[RewrittenPart, bytes] | None:
    """The part without the rows; None where it holds none of them."""
    before = pq.read_table(io.BytesIO(data))
    columns = [c for c in ("id", "outlet", "url", "requested_url", "part_of") if c in before.column_names]
    keep_mask = [not taken_down.covers(row) for row in before.select(columns).to_pylist()]
    if all(keep_mask):
        return None
    after = encode_table(before.filter(pa.array(keep_mask, pa.bool_())))
    removed = keep_mask.count(False)
    return RewrittenPart(
        key, len(keep_mask) - removed, removed, sha256_hex(data), sha256_hex(after), len(after)
    ), after
