"""One outlet in which everything is wrong at once, crawled five times over twelve days: every article lands, once, and
nothing is passed over in silence. The clock is moved by tests/crawler/later.py."""

import pytest

from lake.jobs.verify import verify
from lake.parquet.reading import table
from lake.storage.open_store import open_store
from tests.crawler.later_crawl import crawl_later
from tests.crawler.reports import report
from tests.crawler.site import Raw, site

DAYS = (0, 1.2, 2.4, 3.6, 12)
LOG_IN = "<html><head><title>Log in</title></head><body><h1>Log in to read on</h1><form><input name=user></form></body></html>"
ODD = "X-Cache : HIT\r\nX Odd Name: x\r\nContent-Security-Policy: " + " ".join(
    f"https://cdn{n}.example" for n in range(900)
)


def rss(names, *, head=""):
    items = "".join(f"<item><title>Report {n} of the day</title><link>/news/{n}</link></item>" for n in names)
    return f"{head}<rss version='2.0'><channel><title>x</title>{items}</channel></rss>"


def answer(body, more="", length=None, kind="text/html; charset=utf-8"):
    """A whole HTTP answer. more: header lines; length: Content-Length, where it is not the body's."""
    data = body.encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length or len(data)}\r\nConnection: close"
    return Raw("\r\n".join(filter(None, [head, more])).encode() + b"\r\n\r\n" + data)


class Newsroom:
    """Its feeds list what was new on that day only; `day` is a number from 0 to 4."""

    def __init__(self) -> None:
        self.day = 0

    def new(self, kind, count=2):
        return [f"{kind}-{self.day}-{n}" for n in range(count)]

    @property
    def articles(self):
        """All that were listed by now."""
        kinds = [
            "good",
            "junk",
            "frozen",
            "index",
            "wall",
            "wall-in-place",
            "late",
            "torn-source",
            "cookie",
            "odd",
        ]
        kinds += ["long", "script"]
        return {f"{kind}-{day}-{n}" for day in range(self.day + 1) for kind in kinds for n in range(2)}

    def __call__(self, path, cookies):
        if path.startswith("/news/"):
            return self.page(path.removeprefix("/news/"), cookies)
        if path == "/log-in":
            return LOG_IN
        if path == "/good.xml":
            kinds = ("good", "wall", "wall-in-place", "late", "cookie", "odd", "long", "script")
            return rss(name for kind in kinds for name in self.new(kind))
        if path == "/junk.xml":
            notice = "<br />\n<b>Notice</b>: Undefined index in <b>/srv/feed.php</b> on line 3<br />\n"
            return rss(self.new("junk"), head=f"{notice}<!-- <b>made by hand</b> -->\n")
        if path == "/torn.xml":
            body = rss(
                name for day in range(self.day + 1) for name in (f"torn-source-{day}-{n}" for n in range(2))
            )
            # the transfer breaks off until the third day
            return answer(body, length=len(body) + 400 if self.day < 3 else None, kind="application/rss+xml")
        if path == "/index.xml":  # its lastmod has stood still for years
            return "<sitemapindex><sitemap><loc>/map.xml</loc><lastmod>2020-01-01</lastmod></sitemap></sitemapindex>"
        if path == "/map.xml":
            return (
                f"<urlset>{''.join(f'<url><loc>/news/{n}</loc></url>' for n in self.new('index'))}</urlset>"
            )
        return None

    def frozen(self, conditional):
        """A feed that says 304 to every conditional request, whatever is new."""
        return (304, "", {}) if conditional else (200, rss(self.new("frozen")), {"ETag": '"1"'})

    def page(self, name, cookies):
        kind, day, _ = name.rsplit("-", 2)
        is_new = int(day) == self.day
        if kind == "wall" and self.day < 2:
            return 302, "", {"Location": "/log-in"}
        if kind == "wall-in-place" and is_new:
            return LOG_IN.replace("Log in to", "Please log in to")
        if kind == "late" and is_new:  # not on all servers yet, and the feed of the next day has dropped it
            return 404, "", {}
        if kind == "cookie" and "seen=1" not in cookies:
            return 302, "", {"Location": f"/news/{name}", "Set-Cookie": "seen=1"}
        if kind == "odd":
            return answer(report(name), more=ODD)
        if kind == "long":  # a length that is never right: the page is whole, and marked
            return answer(report(name), length=len(report(name)) + 300)
        if kind == "script":
            return report(
                name, '<script type="text/x"><meta http-equiv="refresh" content="0;url=/log-in"></script>'
            )
        return report(name)


@pytest.fixture
def crawl(tmp_path):
    """crawl(home, days ahead) crawls the outlet; returns exit code and last line."""

    def crawl(home, days):
        feeds = ", ".join(f'"{home}/{name}.xml"' for name in ("good", "junk", "torn", "frozen"))
        outlet = (
            f'[sources]\nfeeds = [{feeds}]\nsitemaps = ["{home}/index.xml"]\n'
            '[articles]\nallow = ["^/news/"]\n[politeness]\ncookies = true\n'
        )
        code, log = crawl_later(tmp_path, home, days, outlet, retries=1)
        return code, log.rstrip().rpartition("\n")[2]

    return crawl


def test_five_crawls_of_a_troubled_outlet_land_every_article_once(crawl, tmp_path):
    newsroom = Newsroom()
    with site(newsroom, with_cookies=True, on_conditional={"/frozen.xml": newsroom.frozen}) as (home, _):
        for newsroom.day, days in enumerate(DAYS):
            code, last = crawl(home, days)
            assert code in (0, 4), last
            assert ("1 source read only in part" in last) == (newsroom.day < 3), last
    lake = str(tmp_path / "lake")
    rows = [
        row
        for name in ("articles", "copies")
        for row in table(lake, name, ["requested_url", "text_is_partial"]).to_pylist()
    ]
    landed = [row["requested_url"].rpartition("/")[2] for row in rows]
    assert len(landed) == len(set(landed))
    # what is new on the last day is still behind its wall, or not on all servers
    waiting = {f"{kind}-4-{n}" for kind in ("wall-in-place", "late") for n in range(2)}
    assert set(landed) == newsroom.articles - waiting
    rejects = table(lake, "rejects", ["requested_url", "retry_at"]).to_pylist()
    assert waiting <= {row["requested_url"].rpartition("/")[2] for row in rejects if row["retry_at"]}
    partial = {row["requested_url"].rpartition("/")[2] for row in rows if row["text_is_partial"]}
    assert partial == {name for name in landed if name.startswith("long")}
    assert not verify(open_store(lake)).faults
