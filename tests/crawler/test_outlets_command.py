"""`scrapy outlets`: the list, the check of the files, and asking the sources, by the command line."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawler.commands.outlets import CannotRun, select_outlets
from crawler.inspection import outlet_table
from crawler.reports.outlet_health import outlet_health
from lake.storage.folder_store import FolderStore
from outlets import load
from tests.crawler.outlet_crawl import crawl
from tests.crawler.site import site

ROOT = Path(__file__).resolve().parents[2]
PRIVATE = ["-s", "ALLOWED_NETWORKS=127.0.0.0/8"]
QUICK = ["-s", "DOWNLOAD_DELAY=0", "-s", "AUTOTHROTTLE_ENABLED=0", "-s", "RETRY_TIMES=0"]
FEED = """<rss version="2.0"><channel>
  <item><link>/2026/01/02/a-bridge</link><pubDate>Fri, 02 Jan 2026 10:00:00 GMT</pubDate></item>
  <item><link>/about-us</link></item></channel></rss>"""
INDEX = "<sitemapindex><sitemap><loc>/one.xml</loc></sitemap><sitemap><loc>/two.xml</loc></sitemap></sitemapindex>"


@pytest.fixture
def scrapy(tmp_path, monkeypatch):
    monkeypatch.setenv("STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("LAKE_URI", str(tmp_path / "lake"))
    for name in ("CONTACT", "OUTLETS_DIR", "LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)

    def scrapy(*arguments):
        command = [sys.executable, "-m", "scrapy", "outlets", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)

    return scrapy


@pytest.fixture
def mine(tmp_path):
    """A folder with one outlet of one's own, as settings."""

    def mine(home, sources, allow="'^/20'", name="mine"):
        folder = tmp_path / "outlets"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.toml").write_text(
            f'name = "Mine"\nhome = "{home}/"\ndomains = ["127.0.0.1"]\n[sources]\n{sources}\n'
            f"[articles]\nallow = [{allow}]\n[politeness]\ndelay_s = 0\n"
        )
        return ["-s", f"OUTLETS_DIR={folder}"]

    return mine


def record(name, finished_at, articles=0, sources=None, **more):
    return name, {
        "finished_at": finished_at,
        "counts": {"articles": articles},
        "candidates": 4,
        "sources": sources or {},
        **more,
    }


@pytest.fixture
def lake(tmp_path):
    store = FolderStore(tmp_path / "lake")

    def lake(*records):
        for run_id, values in records:
            store.put_new(f"runs/{run_id}.started.json", b"{}")
            if values:
                store.put_new(f"runs/{run_id}.json", json.dumps(values).encode())
        return store

    return lake


def test_every_outlet_has_its_line_and_an_empty_lake_is_told(scrapy):
    done = scrapy()
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert len(lines) == len(load().by_name) + 1
    assert lines[1].split()[:3] == ["20min", "ch", "de"]
    assert "holds no finished run" in done.stderr


def test_a_lake_that_cannot_be_read_is_told_and_the_list_comes_all_the_same(scrapy):
    done = scrapy("-s", "LAKE_URI=ftp://nowhere/lake", "vogue")
    assert done.returncode == 0
    assert "vogue" in done.stdout
    assert "the lake cannot be read" in done.stderr


def test_health_comes_from_the_newest_records_of_runs_that_ended(lake):
    store = lake(
        record("20260101T000000Z-mine-0a0a0a0a", "2026-01-01T00:10:00+00:00", articles=3),
        record("20260102T000000Z-mine-0b0b0b0b", "2026-01-02T00:10:00+00:00", articles=2),
        record(
            "20260103T000000Z-mine-0c0c0c0c",
            "2026-01-03T00:10:00+00:00",
            sources={"https://a.org/feed": {"error": None}, "https://a.org/old": {"error": "answered 404"}},
        ),
        ("20260104T000000Z-mine-0d0d0d0d", None),
        record("20260104T000000Z-other-0e0e0e0e", "2026-01-04T00:10:00+00:00"),
    )
    found = outlet_health(store, {"mine", "never_ran"})
    assert set(found) == {"mine"}
    fared = found["mine"]
    assert fared.last_run == datetime(2026, 1, 3, 0, 10, tzinfo=UTC)
    assert fared.last_article == datetime(2026, 1, 2, 0, 10, tzinfo=UTC)
    assert (fared.candidates, fared.sources, fared.dead) == (4, 2, 1)


def test_a_run_over_many_outlets_counts_for_each(lake):
    asked = {"candidates": 5, "sources": 3, "dead_sources": 1}
    store = lake(
        record("20260101T000000Z-mine-0a0a0a0a", "2026-01-01T00:10:00+00:00", articles=3),
        record(
            "20260102T000000Z-all-0b0b0b0b",
            "2026-01-02T00:10:00+00:00",
            outlets={"mine": asked, "yours": {**asked, "articles": 2}, "theirs": {"articles": 1}},
        ),
    )
    found = outlet_health(store, {"mine", "yours", "theirs"})
    assert set(found) == {"mine", "yours"}
    assert (found["mine"].last_run.day, found["mine"].last_article.day) == (2, 1)
    assert (found["yours"].candidates, found["yours"].sources, found["yours"].dead) == (5, 3, 1)
    assert found["yours"].last_article.day == 2


def test_a_record_that_is_no_record_costs_nothing_but_itself(lake, tmp_path):
    store = lake(record("20260101T000000Z-mine-0a0a0a0a", "2026-01-01T00:10:00+00:00", articles=3))
    store.put_new("runs/20260102T000000Z-mine-0b0b0b0b.json", b"{")
    assert outlet_health(store, {"mine"})["mine"].last_run.day == 1


@pytest.mark.parametrize("width", [200, 120, 80, 60])
def test_a_narrow_terminal_costs_columns_but_no_line_is_wrapped(lake, width):
    store = lake(record("20260101T000000Z-vogue-0a0a0a0a", "2026-01-01T00:10:00+00:00", articles=3))
    fared = outlet_health(store, {"vogue"})
    known = [outlet_table.OutletStatus(o, fared.get(o.key)) for o in load().by_name.values()]
    lines = outlet_table.outlet_table(known, width).splitlines()
    assert max(map(len, lines)) <= width
    assert {"outlet", "feeds"} <= set(lines[0].split())


def test_no_public_host_is_asked_without_a_contact(scrapy):
    done = scrapy("--live", "vogue")
    assert done.returncode == 2
    assert "CONTACT is not set" in done.stderr


def test_every_source_is_asked_once_and_tells_what_it_lists(scrapy, mine):
    answers = {
        "/feed": FEED,
        "/index.xml": INDEX,
        "/news": '<html><a href="/2026/01/03/a-boat">A boat</a><a href="/tag/x">x</a></html>',
        "/page.xml": "<html><body>moved</body></html>",
        "/robots.txt": "User-agent: *\nDisallow: /closed",
    }
    with site(answers.get) as (home, asked):
        sources = (
            f'feeds = ["{home}/feed", "{home}/closed"]\nsitemaps = ["{home}/index.xml", "{home}/page.xml"]\n'
            f'news_sitemaps = ["{home}/gone.xml"]\nsections = ["{home}/news"]'
        )
        done = scrapy("--live", "mine", "--json", *mine(home, sources), *PRIVATE, *QUICK)
    assert done.returncode == 0, done.stderr
    told = {a["url"].removeprefix(home): a for a in json.loads(done.stdout)}
    assert {p: (a["status"], a["entries"], a["children"], a["wanted"]) for p, a in told.items()} == {
        "/feed": (200, 2, 0, 1),
        "/closed": (None, 0, 0, 0),
        "/index.xml": (200, 0, 2, 0),
        "/page.xml": (200, 0, 0, 0),
        "/gone.xml": (404, 0, 0, 0),
        "/news": (200, 2, 0, 1),
    }
    assert told["/feed"]["newest"] == "2026-01-02T10:00:00+00:00"
    assert "robots.txt" in told["/closed"]["error"]
    assert "answered 404" in told["/gone.xml"]["error"]
    assert "a web page came instead of a sitemap" in told["/page.xml"]["error"]
    assert sorted(asked) == sorted(["/robots.txt", *(p for p in told if p != "/closed")])


def test_an_outlet_without_a_living_source_is_told_and_asked_at_its_own_pace(scrapy, mine, tmp_path):
    with site({}.get) as (home, _):
        settings = mine(home, f'feeds = ["{home}/a", "{home}/b", "{home}/c"]')
        file = tmp_path / "outlets" / "mine.toml"
        file.write_text(file.read_text().replace("delay_s = 0", "delay_s = 1.0"))
        began = datetime.now(UTC)
        done = scrapy("--live", "mine", *settings, *PRIVATE, "-s", "RETRY_TIMES=0")
        took_s = (datetime.now(UTC) - began).total_seconds()
    assert done.returncode == 1
    assert "answered 404" in done.stdout
    assert "no living source: mine" in done.stderr
    assert not (tmp_path / "lake").exists()
    assert took_s >= 3  # robots.txt and three feeds


def test_the_list_shows_the_health(scrapy, lake):
    lake(record("20260101T000000Z-vogue-0a0a0a0a", "2026-01-01T00:10:00+00:00", articles=3))
    told = json.loads(scrapy("vogue", "zeit", "--json").stdout)
    assert [(o["outlet"], bool(o["health"])) for o in told] == [("vogue", True), ("zeit", False)]
    assert told[0]["health"]["last_article"] == "2026-01-01T00:10:00+00:00"


def test_a_mistake_in_a_file_is_told_by_the_check(scrapy, mine):
    done = scrapy("--check", *mine("http://127.0.0.1", 'sections = ["http://127.0.0.1/2026"]'))
    assert done.returncode == 2
    assert "mine.toml: articles: http://127.0.0.1/2026 is a source (sections)" in done.stderr


def test_what_is_asked_in_error_is_told():
    with pytest.raises(CannotRun, match=re.escape("did you mean 'derstandard'?")):
        select_outlets(["derstandrd"], list(load().by_name))


# ---------------------------------------------------------------- trouble


def outcome(name, day, counts=None, monitors=(), **more):
    """A run record of one outlet, as a crawl for what is new writes it."""
    counts = counts or {}
    totals = {table: count for table, count in counts.items() if isinstance(count, int) and "/" not in table}
    return (
        f"202601{day:02d}T000000Z-{name}-0a0a0a0a",
        {
            "finished_at": f"2026-01-{day:02d}T00:10:00+00:00",
            "reason": "finished",
            "counts": totals,
            "candidates": sum(totals.values()),
            "sources": {"https://a.org/feed": {"error": None}},
            "outlets": {name: {"sources": 1, "dead_sources": 0, "answered": 1, **counts}},
            "monitors": [f"{name}: {alert}" for alert in monitors],
            **more,
        },
    )


NOTHING_LANDED = {"rejects": 9, "rejects/soft_404": 8, "rejects/paywall": 1}
GOOD = {"articles": 9, "rejects": 1, "rejects/paywall": 1}


@pytest.mark.parametrize(
    ("records", "troubles"),
    [
        ([outcome("mine", 1, GOOD)], []),
        ([outcome("mine", 1, NOTHING_LANDED)], ["nothing landed of 9 pages: soft_404 8, paywall 1"]),
        (
            [outcome("mine", 1, GOOD), outcome("mine", 2, NOTHING_LANDED)],
            ["nothing landed of 9 pages: soft_404 8, paywall 1"],
        ),
        # a run that finds nothing new says nothing of the pages
        (
            [outcome("mine", 1, NOTHING_LANDED), outcome("mine", 2)],
            ["nothing landed of 9 pages: soft_404 8, paywall 1"],
        ),
        ([outcome("mine", 1, NOTHING_LANDED), outcome("mine", 2, GOOD), outcome("mine", 3)], []),
        ([outcome("mine", 1, GOOD), outcome("mine", 2, {"rejects": 1, "rejects/gallery": 1})], []),
        ([outcome("mine", 1, GOOD), outcome("mine", 2, {"unchanged": 3})], []),
        ([outcome("mine", 1)], ["no article so far"]),
        (
            [outcome("mine", 1, GOOD), outcome("mine", 2, monitors=["no article for 60 hours"])],
            ["no article for 60 hours"],
        ),
        (
            [outcome("mine", 1, GOOD, monitors=["half of the titles are missing"]), outcome("mine", 2)],
            ["half of the titles are missing"],
        ),
        ([outcome("mine", 1, GOOD, reason="memusage_exceeded")], ["the last run ended early: memusage_exceeded"]),
        ([outcome("mine", 1, GOOD, reason="shutdown")], []),
        ([outcome("mine", 1, GOOD, reason="closespider_pagecount")], []),
        ([outcome("mine", 1, GOOD, reason="closespider_errorcount")], ["the last run ended early: closespider_errorcount"]),
        ([outcome("mine", 1, GOOD, spider_errors=2)], ["2 errors in the spider"]),
        ([outcome("mine", 1, sources={"https://a.org/feed": {"error": "answered 500"}})], ["no source answered"]),
    ],
)  # fmt: skip
def test_an_outlet_is_in_trouble_or_not(lake, records, troubles):
    assert outlet_health(lake(*records), {"mine"})["mine"].troubles == troubles


def test_a_run_over_many_outlets_tells_each_its_trouble(lake):
    asked = {"candidates": 5, "sources": 1, "dead_sources": 0, "ended": "finished"}
    store = lake(
        record(
            "20260102T000000Z-all-0b0b0b0b",
            "2026-01-02T00:10:00+00:00",
            outlets={
                "mine": {**asked, **NOTHING_LANDED},
                "yours": {**asked, **GOOD},
                "theirs": {**asked, **GOOD, "ended": "deadline"},
            },
            monitors=["yours: clutter has grown"],
        )
    )
    found = outlet_health(store, {"mine", "yours", "theirs"})
    assert {name: health.troubles for name, health in found.items()} == {
        "mine": ["nothing landed of 9 pages: soft_404 8, paywall 1"],
        "yours": ["clutter has grown"],
        "theirs": ["the last run ended early: deadline"],
    }


def test_an_article_of_long_ago_is_known_from_what_records_carry(lake):
    store = lake(outcome("mine", 9, {"last_article_at": "2026-01-01T00:00:00+00:00"}))
    assert outlet_health(store, {"mine"})["mine"].last_article.day == 1


def test_those_in_trouble_come_first_with_what_is_wrong_and_alone_where_asked(scrapy, lake, mine, tmp_path):
    settings = mine("http://127.0.0.1", 'feeds = ["http://127.0.0.1/feed"]')
    (tmp_path / "outlets" / "odd.toml").write_text("nmae = 1")
    lake(
        outcome("zeit", 1, NOTHING_LANDED, monitors=["fewer articles than usual"]),
        outcome("vogue", 1, GOOD),
        outcome("mine", 1, NOTHING_LANDED),
    )
    done = scrapy(*settings)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines if line[0] != " "][:5] == [
        "outlet",
        "mine",
        "odd",
        "zeit",
        "20min",
    ]
    assert "    nothing landed of 9 pages: soft_404 8, paywall 1" in lines
    assert "    fewer articles than usual" in lines
    assert any("odd.toml" in line and "nmae: unknown key" in line for line in lines)
    (vogue,) = (line for line in lines if line.startswith("vogue"))
    assert "paywall 1" in vogue
    assert "9" in vogue.split()

    broken = scrapy("--broken", "--json", *settings)
    assert broken.returncode == 1
    told = {o["outlet"]: o["troubles"] for o in json.loads(broken.stdout)}
    assert set(told) == {"mine", "odd", "zeit"}
    assert told["zeit"] == ["nothing landed of 9 pages: soft_404 8, paywall 1", "fewer articles than usual"]

    own = scrapy("--mine", "--json", *settings)
    assert own.returncode == 0
    assert [o["outlet"] for o in json.loads(own.stdout)] == ["mine", "odd"]
    health = json.loads(own.stdout)[0]["health"]
    assert health["last_outcome"]["reasons"] == {"soft_404": 8, "paywall": 1}
    assert (health["last_outcome"]["rejects"], health["last_outcome"]["landed"]) == (9, 0)

    assert [line for line in scrapy("--broken", "vogue").stdout.splitlines() if "vogue" in line] == []


def test_an_outlet_of_which_nothing_landed_is_in_trouble_after_a_real_crawl(scrapy, tmp_path):
    gone = "<html><body><p>Page not found</p></body></html>"
    feed = "".join(f"<item><link>/news/{number}</link></item>" for number in range(2))
    pages = {"/feed": f"<rss version='2.0'><channel>{feed}</channel></rss>", "/news/0": gone, "/news/1": gone}
    with site(pages.get) as (home, _):
        assert crawl(tmp_path, home, tables={"sources": {"feeds": [f"{home}/feed"]}}).code == 0
    done = scrapy("--broken", "mine", "-s", f"OUTLETS_DIR={tmp_path / 'outlets'}")
    assert done.returncode == 1
    assert "nothing landed of 2 pages" in done.stdout


def test_nothing_is_in_trouble(scrapy, lake):
    lake(outcome("vogue", 1, GOOD))
    done = scrapy("--broken", "vogue")
    assert (done.returncode, done.stdout) == (0, "")
    assert "no outlet is in trouble" in done.stderr


def test_a_lake_that_cannot_be_read_does_not_read_as_health(scrapy):
    assert scrapy("--broken", "-s", "LAKE_URI=ftp://nowhere/lake").returncode == 2


def test_there_are_no_outlets_of_ones_own_without_a_folder(scrapy):
    done = scrapy("--mine")
    assert done.returncode == 2
    assert "OUTLETS_DIR is not set" in done.stderr


@pytest.mark.parametrize("width", [200, 100, 60])
def test_troubles_are_wrapped_and_not_cut(lake, width):
    alert = "the share of pages that are articles is " + "much " * 20 + "lower"
    fared = outlet_health(lake(outcome("vogue", 1, GOOD, monitors=[alert])), {"vogue"})
    lines = outlet_table.outlet_table(
        [outlet_table.OutletStatus(load().by_name["vogue"], fared["vogue"])], width
    ).splitlines()
    assert max(map(len, lines)) <= width
    assert {"landed", "rejects"} <= set(lines[0].split())
    assert " ".join(" ".join(lines[2:]).split()) == alert


# ---------------------------------------------------------------- sources that no file names


def test_sources_are_looked_for_as_in_a_crawl(scrapy, mine):
    pages = {
        "/": '<html><head><link rel="alternate" type="application/rss+xml" href="/blog.xml"></head></html>',
        "/blog.xml": FEED,
    }
    with site(pages.get) as (home, asked):
        sources = "feeds = []"
        done = scrapy("--live", "mine", "--json", *mine(home, sources), *PRIVATE, *QUICK)
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert (found["url"], found["known_by"]) == (f"{home}/blog.xml", "home page")
    assert (found["status"], found["entries"], found["wanted"]) == (200, 2, 1)
    assert not any(path.startswith("/20") for path in asked)


def test_where_the_named_ones_fail_robots_and_usual_paths_are_tried(scrapy, mine):
    pages = {
        "/": "<html><body>nothing here</body></html>",
        "/foreign": FEED.replace("<link>/", "<link>https://elsewhere.test/"),
        "/feed/": FEED,
    }
    with site(pages.get) as (home, _):
        pages["/robots.txt"] = f"Sitemap: {home}/none.xml"
        sources = f'feeds = ["{home}/gone", "{home}/foreign"]'
        done = scrapy("--live", "mine", *mine(home, sources), *PRIVATE, *QUICK)
        quiet = {**pages, "/gone": FEED}
        pages.clear()
        pages.update(quiet)
        sound = scrapy("--live", "mine", "--json", *mine(home, sources), *PRIVATE, *QUICK)
    assert done.returncode == 0, done.stderr
    assert "usual path" in done.stdout
    assert f"{home}/none.xml" in done.stdout
    assert "answered 404" in done.stdout
    assert [a["known_by"] for a in json.loads(sound.stdout)] == ["outlet file"] * 2


def test_an_outlet_of_which_nothing_is_found_has_no_living_source(scrapy, mine):
    with site({"/": "<html><a href='/about'>us</a></html>"}.get) as (home, _):
        done = scrapy("--live", "mine", *mine(home, "feeds = []"), *PRIVATE, *QUICK)
    assert done.returncode == 1
    assert "no living source: mine" in done.stderr
    assert "neither a feed nor a sitemap" in done.stdout
