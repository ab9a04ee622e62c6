"""Builds what the pipelines need from outlet files and settings: an outlet's rules, the workers' limits, the lake."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from scrapy.settings import BaseSettings

from cleaning import Rules
from crawler.outlet_files import known_outlets
from crawler.reading.source_readers import limits_of
from lake.index.checkpoints import Cadence
from lake.runs.session import Lake

__all__ = ["lake_of", "limits_of", "rules_of"]


def rules_of(outlet: str) -> Rules:
    """Return the outlet's clutter rules; empty rules for an outlet without a file, so that only the general ones
    hold."""
    known_outlet = known_outlets().by_name.get(outlet)
    return known_outlet.rules if known_outlet else Rules()


def lake_of(settings: BaseSettings) -> Lake:
    """Return the lake that LAKE_URI names, with the settings of leases, deduplication and checkpoints. Nothing is
    opened yet."""
    window_days = settings["DEDUPE_WINDOW_DAYS"]
    return Lake(
        settings["LAKE_URI"],
        Path(settings["STATE_DIR"]),
        settings.getfloat("LEASE_S"),
        None if window_days == "all" else timedelta(days=float(window_days)),
        Cadence(
            settings.getint("CHECKPOINT_ARTICLES"),
            settings.getint("CHECKPOINT_RUNS"),
            settings.getfloat("CHECKPOINT_SHARE"),
        ),
        limits=limits_of(settings),
        removed_texts=settings.getbool("REMOVED_TEXTS"),
        look_interval_s=settings.getfloat("SEE_OTHERS_S"),
    )
