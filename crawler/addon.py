"""What has to be known before the spiders are loaded, and the user agent."""

from __future__ import annotations

import os

from scrapy.settings import BaseSettings

from crawler.politeness.contact import user_agent


class Pressline:
    """Scrapy add-on."""

    @classmethod
    def update_pre_crawler_settings(cls, settings: BaseSettings) -> None:
        """The spider modules are imported without settings: they find OUTLETS_DIR in the environment."""
        if folder := settings.get("OUTLETS_DIR"):
            os.environ["OUTLETS_DIR"] = folder

    def update_settings(self, settings: BaseSettings) -> None:
        settings.set("USER_AGENT", user_agent(settings.get("CONTACT")), "addon")
