"""Judges one article at a time against all earlier ones, with an index in SQLite.

May import: `dedupe.records`, `.signature`, `.rules`. Data comes as documents with signatures; it leaves as verdicts.
Open first: index.py.
"""
