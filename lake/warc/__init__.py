"""WARC files: reading captures from them, and writing pages out of `raw` as WARC.

May import: `lake.schema`, `lake.storage`, `lake.parquet`. Data comes from files, buckets and `raw`; it leaves as Capture
records or WARC files. Open first: reader.py.
"""
