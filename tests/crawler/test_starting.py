"""What a start loads: a crawl that finds nothing new pays for it every time."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# what cleans runs in the workers; what writes parts is needed at the first flush; what speaks to S3, by who uses S3
DEAR = {
    "pandas",
    "pyarrow",
    "trafilatura",
    "boto3",
    "botocore",
    "datasketch",
    "aiohttp",
    "tldextract",
    "requests",
}
STARTED = """
import sys
from scrapy.crawler import AsyncCrawlerRunner
from scrapy.utils.project import get_project_settings
from scrapy.utils.reactor import install_reactor
settings = get_project_settings()
install_reactor(settings["TWISTED_REACTOR"])
runner = AsyncCrawlerRunner(settings)
crawler = runner.create_crawler("all")
crawler.spider = crawler._create_spider(only="bbc")
crawler._apply_settings()
crawler._create_engine()
print(*{name.partition(".")[0] for name in sys.modules})
"""


def test_a_crawl_without_a_new_page_loads_no_dear_library():
    done = subprocess.run(
        [sys.executable, "-c", STARTED], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "twisted" in loaded
    assert loaded & DEAR == set()
