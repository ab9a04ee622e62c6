"""Groups all articles of a lake into stories at once, on one machine.

May import: `dedupe.records`, `.signature`, `.rules`, `.online`. Data comes as documents with signatures; it leaves as
one cluster for each page. Open first: clusters.py.
"""
