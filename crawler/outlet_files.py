from __future__ import annotations

import os
from typing import Any

from scrapy.settings import SETTINGS_PRIORITIES, BaseSettings

import outlets


def known_outlets() -> outlets.Outlets:
    """The bundled outlets and those of OUTLETS_DIR, which crawler/addon.py puts into the environment because
    Scrapy imports spider modules without settings."""
    return outlets.load(os.environ.get("OUTLETS_DIR"))


def download_slots(settings: BaseSettings) -> dict[str, Any]:
    """DOWNLOAD_SLOTS for a spider that speaks to many outlets: each outlet's own politeness, beside the general one."""
    wanted = {
        "delay": ("DOWNLOAD_DELAY", "delay_s"),
        "concurrency": ("CONCURRENT_REQUESTS_PER_DOMAIN", "concurrency"),
    }
    for_all = SETTINGS_PRIORITIES["cmdline"]  # what is given on the command line holds for every site
    slots = {
        outlet.key: {
            key: getattr(outlet, field)
            for key, (setting, field) in wanted.items()
            if (settings.getpriority(setting) or 0) < for_all
        }
        for outlet in known_outlets().by_name.values()
    }
    return {**slots, **settings.getdict("DOWNLOAD_SLOTS")}
