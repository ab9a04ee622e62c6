"""Text and markup below the level of an article: characters, decoding, the parsed page, extraction.

May import: `cleaning.records`. Data comes from a RawPage's bytes; it leaves as an lxml tree and as Line records.
Open first: document.py (bytes to tree), then extraction.py (tree to lines, by trafilatura).
"""
