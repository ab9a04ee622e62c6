"""All articles of a lake at once, grouped into stories on one machine.

May import: `dedupe.records`, `.signature`, `.rules`, `.online`. Data comes as documents with signatures; it leaves as
one cluster for each page. Open first: clusters.py.
"""
