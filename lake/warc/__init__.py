"""WARC files: reads captures from them, and writes pages from `raw` as WARC.

May import: `lake.schema`, `lake.storage`, `lake.parquet`. Data comes from files, buckets and `raw`; it leaves as
Capture records or WARC files. Open first: record_reader.py.
"""
