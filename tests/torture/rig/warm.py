"""Imports what a crawl and the jobs need, once, in the process from which all others are forked.

It must start no thread of Python's and install no reactor; and it must not import what reads the environment while it
is imported (crawler.settings, crawler.spiders).
"""

# ruff: noqa: F401
import sys

import boto3
import pyarrow.parquet
import scrapy.cmdline
import scrapy.core.downloader.handlers.http11
import scrapy.crawler
import scrapy.extensions.feedexport
import scrapy.spiders
import twisted.internet.asyncioreactor
import twisted.web.client

import crawler.commands.crawl
import crawler.discovery.all_outlets
import crawler.pipeline.clean
import crawler.pipeline.land
import crawler.politeness.http_client
import crawler.politeness.robots
import crawler.reports.monitors
import lake.__main__
import lake.jobs.verify
import lake.storage.s3_store
from cleaning import load_extractor

load_extractor()
assert "twisted.internet.reactor" not in sys.modules
assert not {"crawler.settings", "crawler.spiders.outlets"} & set(sys.modules)
