"""The spider of tests/crawler/journal.py as it asked before there was a request spelling."""

from cleaning import page_id
from cleaning.url import without_tracking
from tests.crawler.journal import Journal


class OlderSpelling(Journal):
    name = "older_spelling"

    def _spelling_to_request(self, url: str) -> tuple[str, str]:
        return without_tracking(url), page_id(url)
