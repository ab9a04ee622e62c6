"""The item pipelines: they clean each RawPage in a worker, judge it, and land it in the lake.

May import: `crawler.outlet_files`, `.politeness`, `.sources`, `.reading`, `.tuning`, `.command_line`, `.reports`. Data
comes from spiders as RawPage or Reject; it leaves as rows of the lake. Open first: clean.py, then land.py.
"""
