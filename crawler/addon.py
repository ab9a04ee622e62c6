"""Scrapy add-on: passes OUTLETS_DIR on before the spiders are loaded, and sets the user agent."""

from __future__ import annotations

import os

from scrapy.settings import BaseSettings

from crawler.politeness.contact import user_agent
from lake.storage.redaction import redact_logs


class Pressline:
    """The add-on; crawler/settings.py names it."""

    @classmethod
    def update_pre_crawler_settings(cls, settings: BaseSettings) -> None:
        """Put OUTLETS_DIR into the environment: Scrapy imports the spider modules without settings."""
        if folder := settings.get("OUTLETS_DIR"):
            os.environ["OUTLETS_DIR"] = folder

    def update_settings(self, settings: BaseSettings) -> None:
        """Set the user agent, which names the CONTACT, and take secrets out of the log."""
        redact_logs()
        settings.set("USER_AGENT", user_agent(settings.get("CONTACT")), "addon")
