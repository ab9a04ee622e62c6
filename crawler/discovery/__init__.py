"""Base classes of the spiders: which sources are asked, and which of their entries become candidates.

May import: `.politeness`, `.sources`, `.command_line`, `.reports`, `.pipeline`, `.outlet_files`. Data comes from outlet
files, sources and WARC files; it leaves as requests and RawPages. Open first: candidates.py, then outlet_spider.py.
"""
