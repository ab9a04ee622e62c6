"""Loads the outlet files, and builds the downloader slots with each outlet's politeness."""

from __future__ import annotations

import os
from typing import Any

from scrapy.settings import SETTINGS_PRIORITIES, BaseSettings

import outlets


def known_outlets() -> outlets.Outlets:
    """Return the bundled outlets and those of OUTLETS_DIR. crawler/addon.py puts that setting into the environment,
    because Scrapy imports spider modules without settings. Raises OutletErrors for mistakes in the files."""
    return outlets.load(os.environ.get("OUTLETS_DIR"))


def download_slots(settings: BaseSettings) -> dict[str, Any]:
    """Return DOWNLOAD_SLOTS for a spider of many outlets: each outlet's delay (seconds) and concurrency. Settings
    given on the command line win."""
    setting_and_field = {
        "delay": ("DOWNLOAD_DELAY", "delay_s"),
        "concurrency": ("CONCURRENT_REQUESTS_PER_DOMAIN", "concurrency"),
    }
    cmdline_priority = SETTINGS_PRIORITIES["cmdline"]  # a value from the command line holds for every site
    slots = {
        outlet.key: {
            key: getattr(outlet, field)
            for key, (setting, field) in setting_and_field.items()
            if (settings.getpriority(setting) or 0) < cmdline_priority
        }
        for outlet in known_outlets().by_name.values()
    }
    return {**slots, **settings.getdict("DOWNLOAD_SLOTS")}
