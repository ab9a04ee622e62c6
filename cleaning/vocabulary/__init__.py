"""Holds the words and phrases that pages use, by language in *.toml files, and the modules that look them up.

May import: `cleaning.records`, `cleaning.text`. Input: the TOML files and a text. Output: matches and kinds.
Open first: phrases.py (phrases of clutter by kind), then the TOML file of a language.
"""
