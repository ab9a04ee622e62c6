"""Defines the parameters of a signature and the scheme name that two signatures must share to be comparable."""

from __future__ import annotations

from importlib.metadata import version

import xxhash

VERSION = 2  # of the arithmetic in tokens.py, sketch.py and signature.py: raise it with any change there
SEED = 1  # of the MinHash permutations
SHINGLE_TOKENS = 3
LEAD_TOKENS = 120  # the first words of a text, which a cut from the bottom leaves alone
BANDS, ROWS_PER_BAND = 12, 3  # for the body, and again for the lead
SKETCH_HASHES = 1024
POSTING_SHARE, POSTINGS = 16, 64  # one shingle in 16 becomes a posting key, at most 64 of a text
FIGURE_HASHES = 128  # size of the sketch of numbers, and of that of particulars

# datasketch's hash values changed between its first and second major version, and the values do not show it.
# So the major version is in the name.
SCHEME = (
    f"v{VERSION};datasketch-{version('datasketch').split('.')[0]}-affine32;seed={SEED};hash=xxh3_64;"
    f"tokens=nfkc-casefold-words-or-spaceless-characters;shingle={SHINGLE_TOKENS};lead={LEAD_TOKENS};"
    f"bands={BANDS}x{ROWS_PER_BAND}+{BANDS}x{ROWS_PER_BAND};postings=1/{POSTING_SHARE}<={POSTINGS};"
    f"sketch={SKETCH_HASHES};figures={FIGURE_HASHES}"
)
# an index can be opened only if it was created with this: the scheme, and the layout of its tables
INDEX_FORMAT = f"{SCHEME};layout=6"
SCHEME_TAG = xxhash.xxh32_digest(SCHEME.encode())  # 4 bytes: the first ones of every stored signature


class SchemeMismatch(ValueError):
    """Stored signatures follow another scheme: they must not be compared, and the texts must be signed again."""

    def __init__(self, where: str, found: str) -> None:
        super().__init__(where, found)  # both arguments, or the error could not be pickled for a process pool
        self.where = where
        self.found = found

    def __str__(self) -> str:
        return f"{self.where}: scheme {self.found!r} found, {SCHEME!r} wanted; sign the texts again"
