"""The spiders that `scrapy list` shows: one for each outlet file, `all`, `urls` and `warc`.

May import: everything of `crawler` but `.inspection`, `.commands` and `.tuning`. Scrapy loads every module here. Data
comes from outlet files and arguments; it leaves as requests. Open first: outlets.py. Put your own spiders here.
"""
