"""Rewrites part files without the rows of pages and outlets that were taken down.

1. A note `overwritten/<key>.<digest>.json` is written first. It names the digests of the part file before and after,
   so that `lake verify` accepts either.
2. The part file is then replaced under its own key, on the condition that it is still the file that was read.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from lake.parquet.part_files import encode_table, telling_damaged_part
from lake.storage.store import LakeError, ObjectChanged, Store, sha256_hex
from lake.storage.tombstones import TakenDown

REWRITE_NOTES = "overwritten/"  # key prefix of the notes
_TRIES = 5  # where other takedowns rewrite the same part file


@dataclass(frozen=True, slots=True)
class RewrittenPart:
    """A rewritten part file. Its fields are the note in the lake, and the entry in the receipt of the takedown."""

    key: str
    rows: int  # number of rows that stayed
    removed: int  # number of rows that were removed
    sha256_before: str
    sha256: str  # after
    bytes: int  # file size after


def remove_rows(
    store: Store, taken_down: TakenDown, keys: Iterable[str], lake: Store | None = None
) -> list[RewrittenPart]:
    """Remove what was taken down from the part files of these keys; return those that were rewritten.

    lake: takes the notes, where `store` is a spool. Raises LakeError."""
    if not taken_down:
        return []
    return [part for key in keys if (part := _rewrite_part(store, key, taken_down, lake or store))]


def _rewrite_part(store: Store, key: str, taken_down: TakenDown, lake: Store) -> RewrittenPart | None:
    """Rewrite one part file; None if it needs no change or no longer exists. Raises LakeError."""
    for _ in range(_TRIES):
        try:
            current = store.look(key)
        except KeyError:  # deleted by `lake expire` in between
            return None
        rewritten = without_rows(key, current.data, taken_down)
        if rewritten is None:
            return None
        part, data = rewritten
        note = f"{REWRITE_NOTES}{key.removesuffix('.parquet')}.{part.sha256[:16]}.json"
        lake.put_new(note, json.dumps(asdict(part), indent=1).encode())
        with suppress(ObjectChanged):  # another takedown rewrote the same part file
            store.swap(key, data, current.tag)
            return part
    raise LakeError(f"{store.uri}/{key}: changes all the time; run the same command again")


def without_rows(key: str, data: bytes, taken_down: TakenDown) -> tuple[RewrittenPart, bytes] | None:
    """Return what a part file becomes without the rows that were taken down; None if it has no such rows.

    Writes nothing."""
    with telling_damaged_part(key):
        before = pq.read_table(io.BytesIO(data), page_checksum_verification=True)
    columns = [c for c in ("id", "outlet", "url", "requested_url", "part_of") if c in before.column_names]
    keep_mask = [not taken_down.covers(row) for row in before.select(columns).to_pylist()]
    if all(keep_mask):
        return None
    after = encode_table(before.filter(pa.array(keep_mask, pa.bool_())))
    removed = keep_mask.count(False)
    return RewrittenPart(
        key, len(keep_mask) - removed, removed, sha256_hex(data), sha256_hex(after), len(after)
    ), after
