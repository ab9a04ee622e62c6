"""One crawl of an outlet of one's own, by the command line; what it left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lake.stories import page

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("-s", "DOWNLOAD_DELAY=0", "-s", "AUTOTHROTTLE_ENABLED=0", "-s", "RETRY_TIMES=0")
PAGE = page("http://x.test/a", "bridge").body.decode()


@dataclass(frozen=True)
class Crawl:
    code: int
    log: str
    record: dict[str, Any]  # the run record; {} where there is none

    @property
    def sources(self) -> dict[str, dict[str, Any]]:
        """By path."""
        return {"/" + url.split("/", 3)[3]: facts for url, facts in self.record["sources"].items()}


def crawl(folder: Path, home: str, *arguments: str, tables: dict[str, dict[str, Any]] | None = None) -> Crawl:
    """tables: the outlet file's, besides articles.allow = ^/news/; politeness is left out."""
    outlets, lake = folder / "outlets", folder / "lake"
    outlets.mkdir(exist_ok=True)
    lines = ['name = "Mine"', f'home = "{home}/"', 'domains = ["127.0.0.1"]']
    for name, values in {"articles": {"allow": ["^/news/"]}, **(tables or {})}.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    (outlets / "mine.toml").write_text("\n".join(lines))
    settings = {
        "OUTLETS_DIR": str(outlets),
        "LAKE_URI": str(lake),
        "STATE_DIR": str(folder / "state"),
        "ALLOWED_NETWORKS": "127.0.0.0/8",
        "CONCURRENT_REQUESTS_PER_DOMAIN": "1",  # in order
    }
    given = [part for name, value in settings.items() for part in ("-s", f"{name}={value}")]
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", "crawl", "mine", *given, *QUICK, *arguments],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if k != "CONTACT"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    records = [p for p in (lake / "runs").glob("*.json") if not p.name.endswith(".started.json")]
    newest = max(records, key=lambda p: p.stat().st_mtime_ns, default=None)
    return Crawl(done.returncode, done.stderr, json.loads(newest.read_text()) if newest else {})


def urlset(*entries: str | tuple[str, str]) -> str:
    """Addresses, or (address, lastmod)."""
    urls = (e if isinstance(e, tuple) else (e, "") for e in entries)
    return f"<urlset>{''.join(f'<url><loc>{u}</loc><lastmod>{d}</lastmod></url>' for u, d in urls)}</urlset>"


def index(*entries: str | tuple[str, str]) -> str:
    return urlset(*entries).replace("urlset", "sitemapindex").replace("url>", "sitemap>")
