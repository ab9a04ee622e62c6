"""Jobs on a whole lake: story clusters, boilerplate, takedown, retention, verification, recleaning.

May import: all of `lake`. Data comes from the tables; results go to `clusters/`, `boilerplate/`, rewritten parts or a
report. Open first: the module of the `python -m lake` command in question.
"""
