"""This sub-package keeps the local SQLite index of a lake, and copies of it (checkpoints) in the lake.

May import: `lake.schema`, `lake.storage`. Data comes from rows and run records; it leaves as PageState and verdicts.
The lake is the source of truth, and the index a cache of it. Open first: page_index.py.
"""
