"""The rows of the lake as dataclasses, and the Parquet schema that is computed from them.

May import: nothing else of `lake`. Data comes from `cleaning` and `dedupe` as records; it leaves as dicts and pyarrow
schemas. Open first: records.py.
"""
