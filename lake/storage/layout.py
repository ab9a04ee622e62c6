"""Lists what lies in a lake, by the first part of its key: what a takedown and a verification have to look at.

An object under any other name is not ours; both tell it.
"""

from __future__ import annotations

from typing import Literal

from lake.schema.records import TABLES
from lake.storage.folder_store import SWAP_LOCK, TEMPORARY
from lake.storage.store import PROBE

Holding = Literal["rows", "records", "lines", "index", "names", "temporary", "nothing"]

# rows: Parquet, with the pages themselves or their ids. records: JSON that may name addresses. lines: texts that recur.
# index: pieces of an index. names: ids, digests and names of outlets, but no text and no address.
LAYOUT: dict[str, Holding] = {
    **dict.fromkeys(TABLES, "rows"),
    "clusters": "rows",
    "runs": "records",
    "flushes": "records",
    "boilerplate": "lines",
    "checkpoints": "index",
    "takedowns": "names",
    "overwritten": "names",
    "leases": "names",
    TEMPORARY.rstrip("/"): "temporary",
    PROBE: "nothing",
    SWAP_LOCK: "nothing",
    "README.md": "nothing",  # the data dictionary, in the folder that this project makes
}


def place_of(key: str) -> str:
    """Return the first part of a key."""
    return key.partition("/")[0]


def holding_of(key: str) -> Holding | None:
    """Return what an object holds, by its key; None for one that is not ours."""
    holding = LAYOUT.get(place_of(key))
    return holding if ("/" in key) != (holding == "nothing") else None
