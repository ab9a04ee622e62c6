"""Objects by key, in a folder or in an S3 bucket: store, spool, leases, tombstones.

May import: `lake.schema`. Data comes from the rooms above as bytes under a key; it goes to disk or to the bucket,
whole or not at all. Open first: store.py, the protocol of both stores.
"""
