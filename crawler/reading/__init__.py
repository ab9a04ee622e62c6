"""Reads in processes of their own what sites send besides articles: lists, section pages, meta refreshes.

May import: `crawler.sources`. Data comes from responses as bytes; it leaves as Reading records. Nothing that a site sends
is parsed on the event loop. Open first: jobs.py (the work, pure functions), then source_readers.py (who has it done).
"""
