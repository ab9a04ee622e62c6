"""Defines the index's table of documents, and how ids, digests and times are stored in it."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple

from dedupe.online.inverted_index import UNDATED

if TYPE_CHECKING:
    from datetime import datetime

TABLES = """
CREATE TABLE IF NOT EXISTS dedupe_scheme (scheme TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS dedupe_documents (
    seq INTEGER PRIMARY KEY,
    id NOT NULL UNIQUE, -- 16 bytes if it has 32 hexadecimal digits, else text
    outlet INTEGER NOT NULL, -- of dedupe_outlets
    published INTEGER NOT NULL, -- Document.moment in microseconds since 1970; UNDATED for none
    story_id, -- as id; NULL: the row's own
    digest INTEGER NOT NULL, -- of the words: 64 bits, signed
    signature BLOB NOT NULL -- packed
);
CREATE INDEX IF NOT EXISTS dedupe_documents_digest ON dedupe_documents (digest, published, id);
CREATE INDEX IF NOT EXISTS dedupe_documents_outlet ON dedupe_documents (outlet, seq);
CREATE INDEX IF NOT EXISTS dedupe_documents_story ON dedupe_documents (story_id, published, id)
    WHERE story_id IS NOT NULL;
"""


class Row(NamedTuple):
    """What a comparison reads of a row of dedupe_documents, as stored."""

    id: bytes | str
    outlet: int
    published: int
    story_id: bytes | str | None
    signature: bytes  # packed

    @property
    def story(self) -> str:
        """The id of the row's story."""
        return decode_id(self.story_id if self.story_id is not None else self.id)


def encode_id(id: str) -> bytes | str:
    """An id as it is stored: 16 bytes if it has 32 hexadecimal digits, as page ids do, else the text."""
    if len(id) != 32:
        return id
    try:
        encoded = bytes.fromhex(id)
    except ValueError:
        return id
    return encoded if encoded.hex() == id else id


def decode_id(id: bytes | str) -> str:
    """The id that was stored by `encode_id`."""
    return id if isinstance(id, str) else id.hex()


def digest_number(digest: bytes) -> int:
    """The first 64 bits of a digest as a signed integer, which SQLite can store."""
    return int.from_bytes(digest[:8], "little", signed=True)


def to_microseconds(moment: datetime | None) -> int:
    """Microseconds since 1970; UNDATED for None. A time without a zone is taken as UTC."""
    if moment is None:
        return UNDATED
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1_000_000)
