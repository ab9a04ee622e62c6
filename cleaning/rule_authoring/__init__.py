"""Helps a person who writes an outlet file: explains how a page was cleaned, and suggests cleaning rules.

May import: all of `cleaning`. Input is a Trace or sample pages; output goes to `scrapy explain` and `scrapy suggest`.
Open first: rule_suggestions.py.
"""
