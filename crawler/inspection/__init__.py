"""What commands show a person: one page explained, every source requested once, the table of outlets.

May import: everything of `crawler` but `.spiders`, `.commands` and `.tuning`. Data comes from files, single requests
and the lake; it leaves as text, HTML or JSON. Nothing lands. Open first: single_pages.py.
"""
