"""Loads the outlet files, and builds the downloader slots with each outlet's politeness."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scrapy.settings import SETTINGS_PRIORITIES, BaseSettings

import outlets


def known_outlets() -> outlets.Outlets:
    """Return the bundled outlets and those of OUTLETS_DIR, without the files that have mistakes. crawler/addon.py puts
    that setting into the environment, because Scrapy imports spider modules without settings. Raises OutletErrors
    where there is no such folder."""
    return outlets.load_sound(os.environ.get("OUTLETS_DIR"))


def marks_folder(key: str) -> Path:
    """Return the folder of an outlet's kept marks, beside its file. It may be missing."""
    own = Path(os.environ.get("OUTLETS_DIR") or outlets.BUNDLED)
    beside = own if (own / f"{key}.toml").is_file() else outlets.BUNDLED
    return beside / "marks" / key


def mistakes_in(key: str) -> str:
    """The mistakes in the broken file of an outlet, as lines; empty where the file is sound or not there."""
    broken = known_outlets().broken.get(key)
    return "\n".join(broken.problems) if broken else ""


def mistakes_at(hosts: Iterable[str]) -> str:
    """The mistakes in the broken files to which these hosts belong, as lines."""
    known = known_outlets()
    keys = dict.fromkeys(key for host in hosts if (key := known.broken_file_of(host)))
    return "\n".join(map(mistakes_in, keys))


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
