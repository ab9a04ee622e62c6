"""This sub-package defines the rows of the lake as dataclasses and computes the Parquet schema from them.

May import: nothing else of `lake`. Data comes from `cleaning` and `dedupe` as records; it leaves as dicts and pyarrow
schemas. Open first: records.py.
"""
