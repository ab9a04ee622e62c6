"""One article at a time against all earlier ones: the index of a crawl, in SQLite.

May import: `dedupe.records`, `.signature`, `.rules`. Data comes as documents with signatures; it leaves as verdicts.
Open first: index.py.
"""
