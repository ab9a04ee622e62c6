"""Cleaning in processes of their own: one page in, an article with its signature or a reject out.

May import: `lake.schema`. Data comes from a pipeline or a job as RawPages; it leaves as Refined records.
Open first: page_processing.py (the work), then pool.py (who does it).
"""
