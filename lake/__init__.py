"""The lake stores crawled pages as Parquet files in a folder or an S3 bucket, and keeps an index of them.

It holds the row types and their schema, the stores, the runs that land rows, the local index and the jobs. It is the
only package that uses pyarrow and boto3. May import: cleaning, dedupe, outlets. Data comes from crawls as processed
pages. Open first: runs/session.py, which opens a lake for one run, then schema/records.py.
"""
