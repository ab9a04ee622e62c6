"""The commands of `scrapy`: ours, and Scrapy's own as far as they fetch or make something of this project.

May import: all of `crawler`; imports stand inside the methods, because Scrapy loads every command at each start. Data
comes from the command line; it leaves as output and exit code. Open first: crawl.py.
"""
