"""Base classes of the spiders: they decide which sources are requested, and which entries become candidates.

May import: `.politeness`, `.sources`, `.reading`, `.tuning`, `.command_line`, `.reports`, `.pipeline`, `.outlet_files`.
Data comes from outlet files, sources and WARC files; it leaves as requests and RawPages.
Open first: candidates.py, then outlet_spider.py.
"""
