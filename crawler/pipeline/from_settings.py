"""What the pipelines are made with: an outlet's rules, the limits of workers, the lake; from outlet files and settings."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from scrapy.settings import BaseSettings

from cleaning import Rules
from crawler.outlet_files import known_outlets
from lake.index.checkpoints import Cadence
from lake.runs.session import Lake
from lake.workers.pool import WorkerLimits


def rules_of(outlet: str) -> Rules:
    """The outlet's clutter rules; the general ones alone for an outlet that no file knows."""
    found = known_outlets().by_name.get(outlet)
    return found.rules if found else Rules()


def limits_of(settings: BaseSettings) -> WorkerLimits:
    return WorkerLimits(
        workers=settings.getint("CLEAN_WORKERS"),
        deadline_s=settings.getfloat("CLEAN_DEADLINE_S"),
        memory=settings.getint("CLEAN_BYTES"),
        pages=settings.getint("CLEAN_WORKER_PAGES"),
    )


def lake_of(settings: BaseSettings) -> Lake:
    days = settings["DEDUPE_WINDOW_DAYS"]
    return Lake(
        settings["LAKE_URI"],
        Path(settings["STATE_DIR"]),
        settings.getfloat("LEASE_S"),
        None if days == "all" else timedelta(days=float(days)),
        Cadence(
            settings.getint("CHECKPOINT_ARTICLES"),
            settings.getint("CHECKPOINT_RUNS"),
            settings.getfloat("CHECKPOINT_SHARE"),
        ),
        limits=limits_of(settings),
        removed_texts=settings.getbool("REMOVED_TEXTS"),
    )
