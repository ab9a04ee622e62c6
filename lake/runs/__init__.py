"""One run, from its start to its run record: index catch-up, recovery of dead runs, verdicts and flushes.

May import: all of `lake` but `.jobs` and `.warc`. Data comes from pipelines as ProcessedPage records; it goes to the
store as part files and run records. Open first: session.py, then run.py.
"""
