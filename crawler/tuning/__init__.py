"""Changes to Scrapy and to the process that save CPU and memory and keep the event loop free.

May import: nothing else of `crawler`. Data: none of its own; these are middlewares and extensions that settings.py
names. Open first: process.py.
"""
