"""Scrapy settings. Ours come first; docs/settings.md explains them. Every one can be given with `-s NAME=value`."""

import logging
import os
from pathlib import Path

from scrapy.settings.default_settings import DOWNLOADER_MIDDLEWARES_BASE as _SCRAPYS_MIDDLEWARES
from scrapy.settings.default_settings import EXTENSIONS_BASE as _SCRAPYS_EXTENSIONS

_ROOT = Path(__file__).resolve().parent.parent
_HOME = _ROOT if (_ROOT / "scrapy.cfg").is_file() else Path.cwd()  # an egg has no folder of its own

BOT_NAME = "pressline"
SPIDER_MODULES = ["crawler.spiders"]
NEWSPIDER_MODULE = "crawler.spiders"
COMMANDS_MODULE = "crawler.commands"
ADDONS = {"crawler.addon.Pressline": 100}

# ---------------------------------------------------------------- ours

LAKE_URI = os.environ.get("LAKE_URI") or str(_HOME / "output")  # a folder, or s3://bucket/prefix
STATE_DIR = os.environ.get("STATE_DIR") or str(
    _HOME / ".state"
)  # the index cache and the locks of this machine
OUTLETS_DIR = os.environ.get("OUTLETS_DIR") or None  # a folder of your own outlet files
CONTACT = os.environ.get("CONTACT") or None  # who answers for the crawl: an e-mail address or a web page
ALLOWED_NETWORKS: list[str] = []  # private networks that may be crawled, as 127.0.0.0/8; none by default
DNS_OVERRIDES: dict[str, str] = {}  # host: address, as in /etc/hosts
MAX_PARTS = 20  # pages of one article; 1: no second page is asked for
CLEAN_WORKERS = os.environ.get("CLEAN_WORKERS") or -1  # processes; -1: one a core; 0: a thread
CLEAN_DEADLINE_S = 60.0  # a page that takes longer is quarantined,
CLEAN_BYTES = 2**30  # and one that makes its worker so big
CLEAN_WORKER_PAGES = 2000  # then a worker is replaced
REMOVED_TEXTS = True  # False: of what cleaning cuts, rows keep kind, rule and length
FLUSH_ROWS = 1000  # land a part set at so many candidates,
FLUSH_BYTES = 32 * 2**20  # or so many bytes of pages,
FLUSH_AGE_S = 300.0  # or when the oldest has waited so long
SPOOL_BYTES = 2**30  # of what may wait on disk while the store is away; then nothing more is fetched
DEDUPE_WINDOW_DAYS = 30  # pages published further apart are no copies of one another; "all": no limit
LEASE_S = 120.0  # after so long without a sign of life another machine may crawl an outlet
CHECKPOINT_ARTICLES = 1500  # a checkpoint of the index is written when the newest one lacks so many articles,
CHECKPOINT_SHARE = 0.01  # and at least such a part of them,
CHECKPOINT_RUNS = 50  # or so many runs
HOOK = os.environ.get("HOOK") or None  # a command that gets the record of a failed run on its standard input
HOOK_ALWAYS = False  # of every run
HOOK_TIMEOUT_S = 30.0
OUTLET_DEADLINE_S = 1800.0  # in a crawl of many, an outlet is given up after so long
CHANGE_WINDOW_DAYS = 7.0  # a change that a source tells is looked at so long after publication,
CHANGE_INTERVAL_S = 3600.0  # and not sooner after the last fetch; doubles with each that found nothing new
SOURCE_INTERVAL_S = 0.0  # a source is not asked again sooner, whatever it says of itself,
SOURCE_INTERVAL_MAX_S = 3600.0  # and at the latest after so long; 0: every run asks every source
WELL_KNOWN_KEPT_S = 86400.0  # robots.txt and tdmrep.json; 24 hours at most (RFC 9309), 0: each run asks anew
SOURCE_ENTRIES = 2000  # of one feed or sitemap that are looked at in a crawl for what is new
SECTION_PAGES = 5  # of one section, as long as they list something new
SITEMAP_DAYS = 3.0  # what a sitemap has kept for longer is left to -a since
SITEMAP_FILES = 20  # sitemaps opened behind one that the outlet names; an archive opens all of its days
SITEMAP_ENTRIES = 50_000  # kept of one file; the protocol's own limit
SITEMAP_BYTES = 50 * 2**20  # of one file, after decompression; the protocol's own limit

# ---------------------------------------------------------------- manners

ROBOTSTXT_OBEY = True
ROBOTSTXT_USER_AGENT = "pressline"
TDM = "respect"  # reservations of text and data mining: respect, tag (fetch, and say so in the row), ignore
DOWNLOAD_DELAY = 1.0  # an outlet's file may say otherwise
CONCURRENT_REQUESTS = 16
CONCURRENT_REQUESTS_PER_DOMAIN = 1
AUTOTHROTTLE_ENABLED = True
AUTOTHROTTLE_START_DELAY = 1.0
AUTOTHROTTLE_MAX_DELAY = 60.0
# without the remote control: an HTTP server, which Scrapy would load with all of aiohttp even where it is off
EXTENSIONS_BASE = {
    name: order for name, order in _SCRAPYS_EXTENSIONS.items() if name.split(".")[-1] != "RemoteControl"
}
EXTENSIONS = {
    "scrapy.extensions.throttle.AutoThrottle": None,
    "crawler.politeness.throttle.Throttle": 0,
    "crawler.discovery.backfill_preemption.BackfillPreemption": 0,
    "crawler.tuning.event_loop_lag.EventLoopLag": 0,
    "crawler.tuning.process.ProcessTuning": 0,
}
RETRY_TIMES = 2
COOKIES_ENABLED = False
REFERRER_POLICY = "no-referrer"
# ours stand for these; a name that is merely switched off would be loaded all the same
_REPLACED = {"RobotsTxtMiddleware", "HttpCompressionMiddleware", "MetaRefreshMiddleware", "CookiesMiddleware"}
DOWNLOADER_MIDDLEWARES_BASE = {
    name: order for name, order in _SCRAPYS_MIDDLEWARES.items() if name.split(".")[-1] not in _REPLACED
}
DOWNLOADER_MIDDLEWARES = {
    "crawler.tuning.compression.Compression": 590,
    "crawler.tuning.lazy_middlewares.MetaRefresh": 580,
    "crawler.tuning.lazy_middlewares.Cookies": 700,
    "crawler.politeness.request_policy.RequestPolicy": 90,
    "crawler.politeness.robots.Robots": 100,
    "crawler.politeness.tdmrep.TdmReservations": 110,
}

# ---------------------------------------------------------------- safety

TWISTED_DNS_RESOLVER = "crawler.politeness.private_networks.GuardedResolver"
DOWNLOAD_HANDLERS = {"file": None, "data": None, "ftp": None, "s3": None}  # a link must not read local files
DOWNLOAD_MAXSIZE = 8 * 2**20  # bytes, after decompression: a 204 kB gzip can be 209 MB
DOWNLOAD_WARNSIZE = 0
DOWNLOAD_TIMEOUT = 30
DOWNLOAD_VERIFY_CERTIFICATES = True
REDIRECT_MAX_TIMES = 5
TELNETCONSOLE_ENABLED = False
HTTPPROXY_ENABLED = False  # a proxy resolves by itself and would lead into private networks
METAREFRESH_MAXDELAY = 5  # seconds; a page that reloads itself after a minute is the page, not a redirect
URLLENGTH_LIMIT = 2083
for _name in ("botocore", "boto3", "urllib3"):  # at DEBUG they print request headers, tokens included
    logging.getLogger(_name).setLevel(logging.INFO)

# ---------------------------------------------------------------- the way of a page

ITEM_PIPELINES = {"crawler.pipeline.clean.Clean": 300, "crawler.pipeline.land.Land": 800}
CONCURRENT_ITEMS = 4  # of one response, as a rule it has one; Scrapy makes so many tasks for each
SCHEDULER_MEMORY_QUEUE = "scrapy.squeues.FifoMemoryQueue"  # as named by the sources: newest first
SCHEDULER_DISK_QUEUE = "scrapy.squeues.PickleFifoDiskQueue"

LOG_LEVEL = os.environ.get("LOG_LEVEL") or "INFO"
FEED_EXPORT_ENCODING = "utf-8"
TWISTED_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"
