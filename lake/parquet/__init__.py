"""This sub-package writes, reads and rewrites the Parquet part files of the tables.

May import: `lake.schema`, `lake.storage`. Data comes from a run as dicts; it goes to the store as part files, and
back to jobs and readers as rows. Open first: part_files.py.
"""
