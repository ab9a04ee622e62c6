"""Page processing in worker processes: a raw page becomes an article with its signature, or a reject.

May import: `lake.schema`. Data comes from a pipeline or a job as RawPages; it leaves as ProcessedPage records.
Open first: page_processing.py (the work on one page), then pool.py (the processes that do it).
"""
