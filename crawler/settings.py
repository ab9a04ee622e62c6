"""The Scrapy settings of this project.

The settings of pressline come first, those of Scrapy that it changes after them; docs/settings.md explains them. Each one can be given with `-s NAME=value`.
"""

import logging
import os
from pathlib import Path

from scrapy.settings.default_settings import DOWNLOADER_MIDDLEWARES_BASE as _SCRAPYS_MIDDLEWARES
from scrapy.settings.default_settings import EXTENSIONS_BASE as _SCRAPYS_EXTENSIONS

_ROOT = Path(__file__).resolve().parent.parent
_HOME = _ROOT if (_ROOT / "scrapy.cfg").is_file() else Path.cwd()  # an installed egg has no project folder

BOT_NAME = "pressline"
SPIDER_MODULES = ["crawler.spiders"]
NEWSPIDER_MODULE = "crawler.spiders"
COMMANDS_MODULE = "crawler.commands"
ADDONS = {"crawler.addon.Pressline": 100}

# ---------------------------------------------------------------- ours

# Rows land here: a folder, or s3://bucket/prefix.
LAKE_URI = os.environ.get("LAKE_URI") or str(_HOME / "output")
# This folder holds the index cache, the spool and the locks of this machine.
STATE_DIR = os.environ.get("STATE_DIR") or str(_HOME / ".state")
# This folder holds outlet files of your own; None: there are only the bundled ones.
OUTLETS_DIR = os.environ.get("OUTLETS_DIR") or None
# This e-mail address or web page says who is responsible for the crawl.
CONTACT = os.environ.get("CONTACT") or None
# These private networks may be crawled, as 127.0.0.0/8; by default none may.
ALLOWED_NETWORKS: list[str] = []
# These hosts have a fixed IP address (host: address), as in /etc/hosts.
DNS_OVERRIDES: dict[str, str] = {}
# A paginated article is read up to so many pages; 1: no second page is requested.
MAX_PARTS = 20
# So many processes clean pages; -1: one for each core; 0: a thread of the crawl does it.
CLEAN_WORKERS = os.environ.get("CLEAN_WORKERS") or -1
# A page that takes a worker more seconds than this is quarantined.
CLEAN_DEADLINE_S = 60.0
# A page that makes its worker use more bytes of memory than this is quarantined.
CLEAN_BYTES = 2**30
# A worker is replaced after so many pages.
CLEAN_WORKER_PAGES = 2000
# True: rows keep the texts that cleaning cuts; False: they keep only kind, rule and length of each cut.
REMOVED_TEXTS = True
# Rows are flushed when so many candidates wait.
FLUSH_ROWS = 1000
# Rows are flushed when the pages that wait have so many bytes.
FLUSH_BYTES = 32 * 2**20
# Rows are flushed when the oldest has waited for so many seconds.
FLUSH_AGE_S = 300.0
# What other machines have landed is looked for every so many seconds; 0: only before the run.
SEE_OTHERS_S = 30.0
# The crawl stops fetching when so many bytes wait on disk because the store is away.
SPOOL_BYTES = 2**30
# Pages published more days apart than this are never copies of one another; "all": there is no limit.
DEDUPE_WINDOW_DAYS = 30
# Another machine may crawl an outlet when its lease has not been renewed for so many seconds.
LEASE_S = 120.0
# A checkpoint of the index is written when the newest one lacks so many articles.
CHECKPOINT_ARTICLES = 1500
# The articles that the newest checkpoint lacks must also be at least this share of those that it has.
CHECKPOINT_SHARE = 0.01
# A checkpoint of the index is also written when the newest one lacks so many runs.
CHECKPOINT_RUNS = 50
# This notify command gets the record of a failed run on its standard input; None: there is no such command.
HOOK = os.environ.get("HOOK") or None
# The names of the variables that the notify command gets of our environment, besides PATH and HOME; by commas.
HOOK_ENV = os.environ.get("HOOK_ENV") or ""
# True: the notify command is called after every run, not only after a failed one.
HOOK_ALWAYS = False
# The notify command is killed after so many seconds.
HOOK_TIMEOUT_S = 30.0
# The crawl-all driver gives an outlet up after so many seconds.
OUTLET_DEADLINE_S = 1800.0
# A turn of the event loop that computes for more seconds than this is logged and counted, by outlet.
LOOP_HELD_S = 1.0
# An outlet is given up when it has held the event loop for so many seconds in all, by computing.
OUTLET_HELD_S = 5.0
# An article is fetched again for a change that its source tells, up to so many days after publication.
CHANGE_WINDOW_DAYS = 7.0
# Such a change is fetched so many seconds after the last fetch at the earliest; each fetch without news doubles it.
CHANGE_INTERVAL_S = 3600.0
# A source is not requested again within so many seconds, whatever its Cache-Control says.
SOURCE_INTERVAL_S = 0.0
# A source is requested again after so many seconds at the latest; 0: every run requests every source.
SOURCE_INTERVAL_MAX_S = 3600.0
# The well-known cache keeps robots.txt and tdmrep.json for so many seconds, at most 24 hours (RFC 9309); 0: each run
# requests them again.
WELL_KNOWN_KEPT_S = 86400.0
# A crawl for what is new follows so many entries of one feed or sitemap at most.
SOURCE_ENTRIES = 2000
# A crawl reads so many pages of one section at most, as long as they list something new.
SECTION_PAGES = 5
# A crawl for what is new skips sitemap entries that are more days old than this; -a since reads them.
SITEMAP_DAYS = 3.0
# So many sitemaps are opened at most from the index that an outlet names; an archive opens all that its days need.
SITEMAP_FILES = 20
# So many entries of one feed or sitemap are kept at most; this is the sitemap protocol's own limit.
SITEMAP_ENTRIES = 50_000
# So many bytes of one feed or sitemap are read at most, as they come and after decompression; this is the sitemap
# protocol's own limit.
SITEMAP_BYTES = 50 * 2**20

# Rejects whose retry is due are requested even if no source lists them any more: so many of one outlet, and of all
# outlets of one run, at most.
RETRIES_PER_OUTLET = 100
RETRIES_PER_RUN = 1000

# ---------------------------------------------------------------- politeness

ROBOTSTXT_OBEY = True
ROBOTSTXT_USER_AGENT = "pressline"
ROBOTSTXT_PARSER = "crawler.politeness.robots_rules.ProductTokenParser"
# This says what becomes of a page whose text and data mining is reserved: `respect` leaves it, `tag` fetches it and marks
# its row, `ignore` fetches it without a look at tdmrep.json.
TDM = "respect"
# Requests to one site start at least so many seconds apart; an outlet's file may set another delay.
DOWNLOAD_DELAY = 1.0
# So many requests are in progress at most, over all sites.
CONCURRENT_REQUESTS = 16
# So many requests to one site are in progress at most; an outlet's file may set another number.
CONCURRENT_REQUESTS_PER_DOMAIN = 1
AUTOTHROTTLE_ENABLED = True
# AutoThrottle begins with this delay, in seconds.
AUTOTHROTTLE_START_DELAY = 1.0
# AutoThrottle raises the delay to so many seconds at most.
AUTOTHROTTLE_MAX_DELAY = 60.0
# RemoteControl is left out: even where it is off, Scrapy would load this HTTP server with all of aiohttp.
EXTENSIONS_BASE = {
    name: order for name, order in _SCRAPYS_EXTENSIONS.items() if name.split(".")[-1] != "RemoteControl"
}
EXTENSIONS = {
    "scrapy.extensions.throttle.AutoThrottle": None,
    "crawler.politeness.throttle.Throttle": 0,
    "crawler.discovery.backfill_preemption.BackfillPreemption": 0,
    "crawler.tuning.event_loop_lag.EventLoopLag": 0,
    "crawler.tuning.loop_watchdog.LoopWatchdog": 0,
    "crawler.tuning.process.ProcessTuning": 0,
}
# A request that failed is sent again so many times.
RETRY_TIMES = 2
COOKIES_ENABLED = False
REFERRER_POLICY = "no-referrer"
# Our middlewares replace these; Scrapy would load a middleware that is only switched off all the same.
_REPLACED = {
    "RobotsTxtMiddleware", "HttpCompressionMiddleware", "MetaRefreshMiddleware", "RedirectMiddleware",
    "CookiesMiddleware",
}  # fmt: skip
DOWNLOADER_MIDDLEWARES_BASE = {
    name: order for name, order in _SCRAPYS_MIDDLEWARES.items() if name.split(".")[-1] not in _REPLACED
}
DOWNLOADER_MIDDLEWARES = {
    "crawler.tuning.compression.Compression": 590,
    "crawler.politeness.redirects.MetaRefresh": 580,
    "crawler.politeness.torn_transfers.TornTransfers": 595,
    "crawler.politeness.redirects.Redirects": 600,
    "crawler.politeness.cookies.Cookies": 700,
    "crawler.politeness.failures.LocalFaults": 540,
    "crawler.discovery.job.Job": 85,
    "crawler.politeness.request_policy.RequestPolicy": 90,
    "crawler.politeness.robots.Robots": 100,
    "crawler.politeness.tdmrep.TdmReservations": 110,
}

# ---------------------------------------------------------------- safety

TWISTED_DNS_RESOLVER = "crawler.politeness.private_networks.GuardedResolver"
# Only http and https are fetched: a link must not read local files.
DOWNLOAD_HANDLERS = {
    "http": "crawler.politeness.http_client.HttpClient",
    "https": "crawler.politeness.http_client.HttpClient",
    **dict.fromkeys(("file", "data", "ftp", "s3")),
}
# An answer may have so many bytes after decompression: a gzip file of 204 kB can hold 209 MB.
DOWNLOAD_MAXSIZE = 8 * 2**20
# No size of an answer gives a warning.
DOWNLOAD_WARNSIZE = 0
# A request is given up after so many seconds.
DOWNLOAD_TIMEOUT = 30
DOWNLOAD_VERIFY_CERTIFICATES = True
# So many redirects of one request are followed.
REDIRECT_MAX_TIMES = 5
TELNETCONSOLE_ENABLED = False
# No proxy is used: it would resolve names itself, and so could lead into private networks.
HTTPPROXY_ENABLED = False
# A meta refresh within so many seconds is a redirect; a page that reloads itself after a minute is not.
METAREFRESH_MAXDELAY = 5
# A URL of more characters than this is not requested.
URLLENGTH_LIMIT = 2083
# At level DEBUG these libraries log request headers, tokens included.
for _name in ("botocore", "boto3", "urllib3"):
    logging.getLogger(_name).setLevel(logging.INFO)

# ---------------------------------------------------------------- pipelines and queues

ITEM_PIPELINES = {"crawler.pipeline.clean.Clean": 300, "crawler.pipeline.land.Land": 800}
# So many items of one response are processed at once. Scrapy makes so many tasks for each response, which has one item
# as a rule.
CONCURRENT_ITEMS = 4
# Scrapy would read a callback's source at its first answer; where no file can be opened, each answer would fail with it.
WARN_ON_GENERATOR_RETURN_VALUE = False
# Requests of one priority are sent in the order in which their sources name them: newest first.
SCHEDULER_MEMORY_QUEUE = "scrapy.squeues.FifoMemoryQueue"
SCHEDULER_DISK_QUEUE = "scrapy.squeues.PickleFifoDiskQueue"

# The log names pages and rows; Scrapy would print them whole.
LOG_FORMATTER = "crawler.reports.item_log.ItemNames"
LOG_LEVEL = os.environ.get("LOG_LEVEL") or "INFO"
FEED_EXPORT_ENCODING = "utf-8"
TWISTED_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"
