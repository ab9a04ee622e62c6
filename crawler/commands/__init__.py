"""The commands of `scrapy`: crawl, crawlall, explain, list, outlets, reclean, suggest.

May import: all of `crawler`; imports stand inside the methods, because Scrapy loads every command at each start. Data
comes from the command line; it leaves as output and exit code. Open first: crawl.py.
"""
