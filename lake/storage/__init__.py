"""This sub-package stores objects by key in a folder or an S3 bucket, and holds the spool, leases and tombstones.

May import: `lake.schema`. Data comes from the other sub-packages as bytes under a key; an object goes to disk or to
the bucket as a whole or not at all. Open first: store.py, the protocol of both stores.
"""
