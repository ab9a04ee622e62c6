"""What a person needs who writes an outlet file: why a page was cleaned as it was, and proposed rules.

May import: all of `cleaning`. Data comes from a Trace and from sample pages; it leaves for `scrapy explain` and
`scrapy suggest`. Open first: rule_suggestions.py.
"""
