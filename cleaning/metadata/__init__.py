"""Reads the fields of an article besides its text: title, authors, dates, language, rights, paywall and others.

May import: `cleaning.records`, `.url`, `.text`, `.vocabulary`. Input: JSON-LD, meta tags and the shown page.
Output: the values of the fields, from one module each. Open first: json_ld.py and meta_tags.py, which the others use.
"""
