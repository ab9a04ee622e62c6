"""Runs Scrapy's command line with its clock ahead: python -m tests.crawler.later DAYS crawl NAME …

The workers' processes have a clock of their own, so CLEAN_WORKERS has to be 0. The waits between requests are measured
by another clock, which is not moved.
"""

import sys
from datetime import UTC, datetime, timedelta

import time_machine
from scrapy.cmdline import execute

if __name__ == "__main__":
    days = float(sys.argv.pop(1))
    with time_machine.travel(datetime.now(UTC) + timedelta(days=days), tick=True):
        execute()
