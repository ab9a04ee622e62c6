"""Crawling the demonstration newsroom with the very commands that a user would type."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Place:
    """Where a demonstration crawl finds its outlets and leaves its rows."""

    lake: str  # LAKE_URI
    state: Path
    outlets: Path
    hosts: tuple[str, ...]  # invented domains, served on loopback
    environ: Mapping[str, str] = field(default_factory=dict)

    def command(self, spider: str, *more: str) -> list[str]:
        settings = {
            "LAKE_URI": self.lake,
            "STATE_DIR": str(self.state),
            "OUTLETS_DIR": str(self.outlets),
            "ALLOWED_NETWORKS": "127.0.0.0/8",
            "DNS_OVERRIDES": json.dumps(dict.fromkeys(self.hosts, "127.0.0.1")),
        }
        given = [part for name, value in settings.items() for part in ("-s", f"{name}={value}")]
        return [sys.executable, "-m", "scrapy", "crawl", spider, *given, *more]

    def start(self, spider: str, *more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(spider, *more),
            cwd=ROOT,
            env={**os.environ, **self.environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def crawl(self, spider: str, *more: str) -> subprocess.CompletedProcess[str]:
        process = self.start(spider, *more)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)
