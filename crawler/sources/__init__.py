"""Readers of what an outlet lists: feeds, sitemaps, section pages. Pure functions, no request is sent here.

May import: nothing else of `crawler`. Data comes from response bodies and URLs; it leaves as Entry records.
Open first: entries.py, then lists.py.
"""
