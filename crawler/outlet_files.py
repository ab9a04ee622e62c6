from __future__ import annotations

import os

import outlets


def known_outlets() -> outlets.Outlets:
    """The bundled outlets and those of OUTLETS_DIR, which crawler/addon.py puts into the environment because
    Scrapy imports spider modules without settings."""
    return outlets.load(os.environ.get("OUTLETS_DIR"))
