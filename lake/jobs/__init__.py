"""Commands on a whole lake: cluster, boilerplate, forget, expire, verify, reclean.

May import: all of `lake`. Data comes from the tables; results go to `clusters/`, `boilerplate/`, rewritten parts or a
report. Open first: the module that a command of `python -m lake` names.
"""
