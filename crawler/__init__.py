"""The crawl: spiders, politeness, pipelines, reports and commands; the only home of Scrapy and Twisted.

May import: cleaning, dedupe, lake, outlets. Data comes from outlet files and the web; it goes to the lake as rows.
Open first: settings.py, which names every middleware, pipeline and extension, then discovery/ and pipeline/.
"""
