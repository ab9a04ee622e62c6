"""What a run reports about itself: the run record, monitors, health of outlets, the last word, the notify command.

May import: `crawler.outlet_files`. Data comes from stats, results and earlier run records in the lake; it leaves in
the run record, the last lines of a crawl and the exit code. Open first: run_report.py.
"""
