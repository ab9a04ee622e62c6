"""A run from its start to its record: catching up the index, recovery, judging, flushing.

May import: all of `lake` but `.jobs` and `.warc`. Data comes from pipelines as Refined records; it goes to the store as
part files and run records. Open first: session.py, then run.py.
"""
