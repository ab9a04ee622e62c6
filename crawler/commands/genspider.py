"""The command `scrapy genspider`: Scrapy's own, with templates whose spiders yield pages for the pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scrapy.commands.genspider import Command as ScrapyGenspider
from scrapy.settings import SETTINGS_PRIORITIES

from crawler.command_line.options import StrictOptions

_TEMPLATES = Path(__file__).parents[1] / "templates"


class Command(StrictOptions, ScrapyGenspider):
    """Scrapy's `genspider`. TEMPLATES_DIR names a folder of other templates."""

    @property
    def templates_dir(self) -> str:
        """The folder of the templates."""
        assert self.settings
        is_given = (self.settings.getpriority("TEMPLATES_DIR") or 0) > SETTINGS_PRIORITIES["default"]
        return super().templates_dir if is_given else str(_TEMPLATES / "spiders")

    def _generate_template_variables(self, *args: Any) -> dict[str, Any]:
        """Return Scrapy's variables, with a domain that has no port: `allowed_domains` takes none."""
        variables = super()._generate_template_variables(*args)
        return {**variables, "domain": variables["domain"].partition(":")[0].removeprefix("www.")}
