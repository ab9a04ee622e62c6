"""Words that pages use, by language, in *.toml, and the modules that look them up.

May import: `cleaning.records`, `cleaning.text`. Data comes from the TOML files; it leaves as matches and kinds.
Open first: phrases.py (words of clutter by kind), then the TOML file of a language.
"""
