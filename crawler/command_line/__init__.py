"""What every command does before its work: options, `-a` arguments, the checks before a crawl.

May import: `crawler.settings`, `.addon`, `.outlet_files`, `.politeness`, `.sources`. Data comes from the command line
and the settings; it leaves as Selection, DaySpan or a refusal that says what to do. Open first: preflight.py.
"""
