"""A crawl of an outlet of one's own with the clock ahead, by tests/crawler/later.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def crawl_later(
    folder: Path, home: str, days: float, outlet: str, *more: str, retries: int = 0
) -> tuple[int, str]:
    """Exit code and log of a crawl so many days ahead. outlet: the lines of its file behind name, home and domains;
    retries: RETRY_TIMES."""
    (folder / "outlets").mkdir(exist_ok=True)
    (folder / "outlets" / "mine.toml").write_text(
        f'name = "Mine"\nhome = "{home}/"\ndomains = ["127.0.0.1"]\n{outlet}'
    )
    settings = {
        "OUTLETS_DIR": folder / "outlets",
        "LAKE_URI": folder / "lake",
        "STATE_DIR": folder / "state",
        "ALLOWED_NETWORKS": "127.0.0.0/8",
        "CLEAN_WORKERS": 0,
        "DOWNLOAD_DELAY": 0,
        "AUTOTHROTTLE_ENABLED": 0,
        "RETRY_TIMES": retries,
    }
    options = [part for name, value in settings.items() for part in ("-s", f"{name}={value}")]
    done = subprocess.run(
        [sys.executable, "-m", "tests.crawler.later", str(days), "crawl", "mine", *options, *more],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "CONTACT"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stderr
