"""The lake: rows and their Parquet schema, runs that land them, the index, jobs; the only home of pyarrow and boto3.

May import: cleaning, dedupe, outlets. Data comes from crawls as processed pages; it goes to a folder or an S3 bucket.
Open first: runs/session.py, which opens a lake for one run, then schema/records.py.
"""
