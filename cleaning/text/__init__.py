"""Turns bytes into a parsed page and the page into lines of text: decoding, parsing, extraction, text helpers.

May import: `cleaning.records`. Input: the bytes of a RawPage. Output: an lxml tree and Line records.
Open first: document.py (bytes to tree), then extraction.py (tree to lines, by trafilatura).
"""
