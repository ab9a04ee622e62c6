"""What two signatures must have in common before they may be compared."""

from __future__ import annotations

from importlib.metadata import version

import xxhash

VERSION = 2  # of the arithmetic in tokens, sketch and signature: raise it with any change there
SEED = 1
SHINGLE_TOKENS = 3
LEAD_TOKENS = 120
BANDS, ROWS_PER_BAND = 12, 3  # for the body, and again for the lead
SKETCH_HASHES = 1024
POSTING_SHARE, POSTINGS = 16, 64  # one shingle in 16, at most 64 of a text
FIGURE_HASHES = 128  # numbers, and particulars

# datasketch's values changed between its first and second major version without a trace in the values:
# the major version is part of the name
SCHEME = (
    f"v{VERSION};datasketch-{version('datasketch').split('.')[0]}-affine32;seed={SEED};hash=xxh3_64;"
    f"tokens=nfkc-casefold-words-or-spaceless-characters;shingle={SHINGLE_TOKENS};lead={LEAD_TOKENS};"
    f"bands={BANDS}x{ROWS_PER_BAND}+{BANDS}x{ROWS_PER_BAND};postings=1/{POSTING_SHARE}<={POSTINGS};"
    f"sketch={SKETCH_HASHES};figures={FIGURE_HASHES}"
)
# what an index must have been made as: the scheme, and the layout of its tables
INDEX_FORMAT = f"{SCHEME};layout=6"
SCHEME_TAG = xxhash.xxh32_digest(SCHEME.encode())  # 4 bytes: opens every stored signature


class SchemeMismatch(ValueError):
    """Stored signatures follow another scheme: rebuild the index from the texts, never compare."""

    def __init__(self, where: str, found: str) -> None:
        super().__init__(where, found)  # both, or the error could not cross a process pool
        self.where = where
        self.found = found

    def __str__(self) -> str:
        return f"{self.where}: scheme {self.found!r} found, {SCHEME!r} wanted; sign the texts again"
