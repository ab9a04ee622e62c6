"""The fields of an article besides its text: title, authors, dates, language, rights, paywall and others.

May import: `cleaning.records`, `.url`, `.text`, `.vocabulary`. Data comes from JSON-LD, meta tags and the shown page;
each module returns the values of its fields. Open first: json_ld.py and head.py, which the other modules read from.
"""
