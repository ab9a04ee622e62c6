"""The local SQLite index of a lake, and its checkpoints in the lake.

May import: `lake.schema`, `lake.storage`. Data comes from rows and run records; it leaves as PageState and verdicts.
The lake is the truth, the index a cache. Open first: page_index.py.
"""
