"""Part files: writing, reading and rewriting the Parquet files of the tables.

May import: `lake.schema`, `lake.storage`. Data comes from a run as dicts; it goes to the store as part files, and back
to jobs and readers as rows. Open first: part_files.py.
"""
