"""Every trouble of a page ends: one crawl finds each in trouble, later ones find the site well, and all articles land.

The clock is moved by tests/crawler/later.py.
"""

from datetime import UTC, datetime

import pytest

from lake.jobs.verify import verify
from lake.parquet.reading import table
from lake.storage.open_store import open_store
from tests.crawler.later_crawl import crawl_later
from tests.crawler.reports import report
from tests.crawler.site import site

WALL = "<html><head><title>{0}</title></head><body><h1>{0}</h1><p>{1}</p></body></html>"
SHARED = WALL.format("Pause", "We will be back soon.")
# path → the answer while the site is in trouble, and the reason of the reject
TROUBLES = {
    "not-html": ((200, "the page is being made", {"Content-Type": "text/plain"}), "not_html"),
    "empty": ("<html><body></body></html>", "empty"),
    "too-short": (WALL.format("Fire in the old mill", "More follows."), "too_short"),
    "soft-404": (WALL.format("404 Page not found", "The page you asked for does not exist."), "soft_404"),
    "bot-wall": ((403, WALL.format("Just a moment", "Verify you are human."), {}), None),
    "shared-1": ((302, "", {"Location": "/pause"}), "shared_page"),
    "shared-2": ((302, "", {"Location": "/pause"}), "shared_page"),
    "home": ((302, "", {"Location": "/"}), "shared_page"),
    "consent-elsewhere": ((302, "", {"Location": "http://consent.invalid/ask"}), "refused"),
    "loop": ((302, "", {"Location": "/news/loop"}), "http_error"),
    "404": ((404, "", {}), "http_error"),
    "410": ((410, "", {}), "http_error"),
    "500": ((500, "", {}), "http_error"),
    "503": ((503, "", {"Retry-After": "1"}), "http_error"),
    "429": ((429, "", {}), "http_error"),
    "reserved": ((200, report("reserved"), {"tdm-reservation": "1"}), "tdm_reserved"),
    "noai": (report("noai", '<meta name="robots" content="noai">'), "tdm_reserved"),
    "short": (report("short", count=3), "not_selected"),
}


class Site:
    """In trouble until `well` is set. Its sitemap lists everything while `listed` is set."""

    def __init__(self) -> None:
        self.well, self.listed, self.changed = False, True, ""

    def __call__(self, path):
        name = path.removeprefix("/news/")
        if path == "/sitemap.xml":
            urls = (f"<url><loc>/news/{n}</loc><lastmod>{self.changed}</lastmod></url>" for n in TROUBLES)
            return f"<urlset>{''.join(urls) if self.listed else ''}</urlset>"
        if path == "/pause":
            return SHARED
        if path == "/":
            return WALL.format("The paper", "Our front page.")
        if name not in TROUBLES:
            return None
        return report(name) if self.well else TROUBLES[name][0]


@pytest.fixture
def crawl(tmp_path):
    """crawl(home, days ahead, more options) crawls the outlet, and returns exit code and log."""

    def crawl(home, days, *more):
        outlet = (
            f'[sources]\nsitemaps = ["{home}/sitemap.xml"]\n'
            '[articles]\nallow = ["^/news/"]\n[select]\nmin_words = 80\n'
        )
        return crawl_later(tmp_path, home, days, outlet, *more)

    return crawl


def landed(folder):
    rows = [
        row["requested_url"].rpartition("/")[2]
        for name in ("articles", "copies")
        for row in table(str(folder / "lake"), name, ["requested_url"]).to_pylist()
    ]
    assert len(rows) == len(set(rows))
    return set(rows)


def reasons(folder):
    rows = table(str(folder / "lake"), "rejects", ["requested_url", "reason"]).to_pylist()
    return {row["requested_url"].rpartition("/")[2]: row["reason"] for row in rows}


# these say for good what a page is or that it is gone, and are looked at again when their source tells a change
FINAL = {"410", "short"}


def test_whatever_was_wrong_with_a_page_it_lands_when_the_site_is_well_though_no_source_lists_it(
    crawl, tmp_path
):
    newsroom = Site()
    with site(newsroom) as (home, _):
        crawl(home, 0)
        assert landed(tmp_path) == set()
        told = reasons(tmp_path)
        assert told.keys() == TROUBLES.keys()
        assert {n: told[n] for n, (_, reason) in TROUBLES.items() if reason} == {
            n: reason for n, (_, reason) in TROUBLES.items() if reason
        }
        newsroom.well, newsroom.listed = True, False
        code, log = crawl(home, 1.1)
        assert code == 0, log
        assert landed(tmp_path) == TROUBLES.keys() - FINAL
        newsroom.listed, newsroom.changed = True, datetime.now(UTC).isoformat()
        crawl(home, 1.3)
        assert landed(tmp_path) == TROUBLES.keys()
    assert not verify(open_store(str(tmp_path / "lake"))).faults


def test_retries_of_an_outlet_are_bounded_and_the_rest_is_counted(crawl, tmp_path):
    newsroom, due = Site(), len(TROUBLES) - len(FINAL)
    with site(newsroom) as (home, asked):
        crawl(home, 0)
        newsroom.well, newsroom.listed = True, False
        asked.clear()
        _, log = crawl(home, 20, "-s", "RETRIES_PER_OUTLET=3")
        assert sum(path.startswith("/news/") for path in asked) == 3
        assert f"'retries/left': {due - 3}" in log
        assert len(landed(tmp_path)) == 3
        asked.clear()
        crawl(home, 20.1, "-s", "RETRIES_PER_RUN=0")
        assert not any(path.startswith("/news/") for path in asked)
        crawl(home, 20.2)
        assert landed(tmp_path) == TROUBLES.keys() - FINAL
