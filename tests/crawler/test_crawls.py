"""Crawls of small sites on loopback, by the command line."""

import json
import os
import re
import subprocess
import sys
import textwrap
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from lake.parquet.reading import table
from tests.crawler.site import site
from tests.lake.stories import page

ROOT = Path(__file__).resolve().parents[2]
PRIVATE = ["-s", "ALLOWED_NETWORKS=127.0.0.0/8"]
QUICK = ["-s", "DOWNLOAD_DELAY=0", "-s", "AUTOTHROTTLE_ENABLED=0", "-s", "RETRY_TIMES=0"]
STORY = page("http://x.test/a", "bridge").body.decode()
OTHER = page("http://x.test/b", "library").body.decode()


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("LAKE_URI", str(tmp_path / "lake"))
    monkeypatch.delenv("CONTACT", raising=False)

    def run(*arguments, cwd=ROOT):
        command = [sys.executable, "-m", "scrapy", "crawl", *arguments]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture
def crawl_urls(run, tmp_path):
    def crawl_urls(*urls, more=(*PRIVATE, *QUICK)):
        (tmp_path / "urls.txt").write_text("\n".join(urls))
        return run("urls", "-a", f"file={tmp_path / 'urls.txt'}", *more)

    return crawl_urls


@pytest.fixture
def rows(tmp_path):
    return lambda name: table(str(tmp_path / "lake"), name).to_pylist()


def outlet(tmp_path, home, **sections):
    """An outlet file of one's own for a site."""
    folder = tmp_path / "outlets"
    folder.mkdir(exist_ok=True)
    lines = ['name = "Mine"', f'home = "{home}/"', 'domains = ["127.0.0.1"]']
    for name, values in sections.items():
        lines += [f"[{name}]", *(f"{k} = {v!r}" for k, v in values.items())]
    (folder / "mine.toml").write_text("\n".join(lines))
    return ["-s", f"OUTLETS_DIR={folder}"]


def test_an_unknown_domain_gets_the_general_rules_and_its_host_as_outlet(crawl_urls, rows):
    with site({"/a": STORY}.get) as (home, _):
        done = crawl_urls(f"{home}/a")
    assert done.returncode == 0, done.stderr
    (row,) = rows("articles")
    assert (row["outlet"], row["title"]) == ("127.0.0.1", "Decision about the bridge at last")


def test_an_address_of_a_known_domain_belongs_to_its_outlet(crawl_urls, rows, tmp_path):
    with site(
        {
            "/a": STORY.replace(
                "</article>", '<p class="x">Buy our mugs, they are very fine mugs.</p></article>'
            )
        }.get
    ) as (home, _):
        more = outlet(tmp_path, home, clutter={"cut": ["p.x"]}, politeness={"delay_s": 0.0})
        assert crawl_urls(f"{home}/a", more=[*PRIVATE, *QUICK, *more]).returncode == 0
    (row,) = rows("articles")
    assert row["outlet"] == "mine"
    assert "mugs" not in row["text"]
    assert any("mugs" in cut["text"] for cut in row["removed"])


def test_every_candidate_has_an_outcome_whatever_becomes_of_it(crawl_urls, rows):
    answers = {
        "/a": STORY,
        "/moved": (301, "", {"Location": "/a"}),
        "/loop": (302, "", {"Location": "/loop"}),
        "/away": (302, "", {"Location": "http://10.255.255.1/x"}),
        "/broken": (500, "oops", {}),
        "/b": OTHER,
        "/robots.txt": "User-agent: *\nDisallow: /closed",
    }
    with site(answers.get) as (home, asked):
        done = crawl_urls(
            *(
                f"{home}{p}"
                for p in (
                    "/a",
                    "/moved",
                    "/loop",
                    "/away",
                    "/broken",
                    "/gone",
                    "/closed",
                    "/b",
                    "/b?utm_source=x",
                )
            )
        )
    assert done.returncode == 0, done.stderr
    assert len(rows("articles")) == 2
    reasons = Counter(r["reason"] for r in rows("rejects"))
    assert reasons == {"http_error": 3, "refused": 1, "robots": 1}  # the loop ends as a 302
    assert "/closed" not in asked
    assert "'candidates': 8" in done.stderr


def test_of_a_long_list_each_host_has_a_few_requests_waiting_and_none_waits_for_another(
    crawl_urls, rows, tmp_path
):
    def answer(path):
        return None if path == "/robots.txt" else OTHER

    with site(answer) as (home, asked):
        port = home.rpartition(":")[2]
        long = [f"http://long.test:{port}/{n}" for n in range(400)]
        names = '{"long.test": "127.0.0.1", "short.test": "127.0.0.1"}'
        done = crawl_urls(
            *long,
            *(f"http://short.test:{port}/short{n}" for n in range(3)),
            more=[
                *PRIVATE,
                *QUICK,
                "-s",
                f"DNS_OVERRIDES={names}",
                "-s",
                "CLOSESPIDER_PAGECOUNT=40",
                "-s",
                "CONCURRENT_REQUESTS=4",
            ],
        )
    candidates = int(re.search(r"'candidates': (\d+)", done.stderr)[1])
    assert 40 <= candidates < 200  # not 403
    assert sum(path.startswith("/short") for path in asked[:20]) == 3
    (ended,) = (p for p in tmp_path.glob("lake/runs/*.json") if ".started" not in p.name)
    (source,) = json.loads(ended.read_text())["sources"].values()
    assert (source["lines"], source["found"]) == (403, candidates)


def test_a_long_list_is_fetched_to_its_last_line_in_spite_of_lines_that_are_none(crawl_urls, rows):
    def answer(path):
        return {"/robots.txt": "User-agent: *\nDisallow: /closed", "/gone": None}.get(path, OTHER)

    with site(answer) as (home, _):
        done = crawl_urls(
            "ftp://files.test/a",
            f"{home}/{'long' * 3000}",
            *(f"{home}/{n}" for n in range(70)),
            *(f"{home}/{n}?utm_source=again" for n in range(70)),
            *(f"{home}/closed{n}" for n in range(70)),
            *(f"http://127.0.0.1:9/{n}" for n in range(70)),
            f"{home}/gone",
            "http://[::1",
            f"{home}/last",
        )
    assert done.returncode == 0, done.stderr
    assert "'bad_addresses': 3" in done.stderr
    assert "'candidates': 212" in done.stderr
    reasons = Counter(r["reason"] for r in rows("rejects"))
    assert reasons == {"robots": 70, "unreachable": 70, "http_error": 1}
    assert len(rows("articles")) + len(rows("copies")) == 71


def test_a_list_of_columns_in_utf_16_names_hosts_in_unicode_or_punycode(run, rows, tmp_path):
    with site(lambda path: None if path == "/robots.txt" else OTHER) as (home, asked):
        port = home.rpartition(":")[2]
        hosts = ("grünblatt.test", "xn--grnblatt-75a.test", "GRÜNBLATT.test.")
        lines = [f"{n}\thttp://{host}:{port}/news/{n}\tA title" for n, host in enumerate(hosts)]
        lines += [
            "no\taddress\there",
            f"http://grünblatt.test:{port}/news/x http://grünblatt.test:{port}/news/y",
        ]
        (tmp_path / "list.tsv").write_bytes("\r".join(["id\turl\ttitle", *lines]).encode("utf-16"))
        outlets = outlet(tmp_path, home)
        (tmp_path / "outlets" / "mine.toml").write_text(
            f'name = "Mine"\nhome = "http://grünblatt.test:{port}/"\ndomains = ["grünblatt.test"]', "utf-8"
        )
        names = ("-s", 'DNS_OVERRIDES={"xn--grnblatt-75a.test": "127.0.0.1"}')
        done = run("urls", "-a", f"file={tmp_path / 'list.tsv'}", *PRIVATE, *QUICK, *outlets, *names)
    assert done.returncode == 0, done.stderr
    assert sorted(p for p in asked if p.startswith("/news/")) == [
        f"/news/{n}" for n in ("0", "1", "2", "x", "y")
    ]
    assert (
        "line 5: not an http or https address, nor columns of which one holds addresses: 'no\\taddress"
        in done.stderr
    )
    assert {r["outlet"] for table in ("articles", "copies") for r in rows(table)} == {"mine"}


def test_a_list_without_an_address_fails_and_names_its_first_line(run, tmp_path):
    (tmp_path / "list.csv").write_text("title,day\nA title,2026-11-30\nOther,2026-11-29\n")
    done = run("urls", "-a", f"file={tmp_path / 'list.csv'}", *PRIVATE, *QUICK)
    assert done.returncode == 1
    told = (
        "FAILED: no source answered: .*: none of its 2 lines .*: line 2: not an http .*: 'A title,2026-11-30'"
    )
    assert re.search(told, done.stderr)


@pytest.mark.parametrize(
    "spelling", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "localhost", "[::ffff:127.0.0.1]"]
)
@pytest.mark.parametrize("obey", [0, 1])
def test_private_addresses_are_refused_in_any_spelling(crawl_urls, rows, spelling, obey):
    with site({"/a": STORY}.get) as (home, asked):
        url = home.replace("127.0.0.1", spelling) + "/a"
        crawl_urls(url, more=["-s", "CONTACT=desk@example.org", *QUICK, "-s", f"ROBOTSTXT_OBEY={obey}"])
    assert asked == []
    assert [r["reason"] for r in rows("rejects")] == ["refused"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_site_whose_robots_txt_cannot_be_read_is_left_alone(crawl_urls, rows, status):
    with site(lambda path: (status, "", {}) if path == "/robots.txt" else STORY) as (home, asked):
        crawl_urls(*(f"{home}/a{n}" for n in range(10)))
    assert set(asked) == {"/robots.txt"}
    assert [r["reason"] for r in rows("rejects")] == ["robots"] * 10


def test_robots_txt_holds_for_every_request_that_waited_for_it(crawl_urls, rows):
    with site(lambda path: "User-agent: *\nDisallow: /" if path == "/robots.txt" else STORY) as (home, asked):
        crawl_urls(*(f"{home}/a{n}" for n in range(10)))
    assert set(asked) == {"/robots.txt"}
    assert [r["reason"] for r in rows("rejects")] == ["robots"] * 10


def test_a_missing_robots_txt_closes_nothing(crawl_urls, rows):
    with site(lambda path: (404, "User-agent: *\nDisallow: /", {}) if path == "/robots.txt" else STORY) as (
        home,
        _,
    ):
        crawl_urls(f"{home}/a")
    assert len(rows("articles")) == 1


def test_crawl_delay_is_honoured(crawl_urls):
    robots = "User-agent: *\nCrawl-delay: 2\n"
    with site({"/robots.txt": robots, "/a": STORY, "/b": OTHER, "/c": OTHER}.get) as (home, _):
        began = time.monotonic()
        done = crawl_urls(
            f"{home}/a",
            f"{home}/b",
            f"{home}/c",
            more=[
                *PRIVATE,
                "-s",
                "DOWNLOAD_DELAY=0",
                "-s",
                "AUTOTHROTTLE_ENABLED=0",
                "-s",
                "DOWNLOAD_DELAY_JITTER=0",
            ],
        )
    assert time.monotonic() - began > 4
    assert "'crawl_delay_s/127.0.0.1': 2.0" in done.stderr


def test_a_site_that_asks_for_a_pause_gets_it(crawl_urls, rows):
    busy = iter([(429, "", {"Retry-After": "2"})])
    with site(lambda path: None if path == "/robots.txt" else next(busy, STORY)) as (home, _):
        began = time.monotonic()
        done = crawl_urls(f"{home}/a", more=[*PRIVATE, "-s", "DOWNLOAD_DELAY=0"])
    assert len(rows("articles")) == 1, done.stderr
    assert time.monotonic() - began > 2
    assert "'crawl_delay_s/127.0.0.1': 2.0" in done.stderr


def test_an_outlet_is_asked_once_a_second_and_one_at_a_time_by_default():
    from scrapy.settings import Settings

    import crawler.settings
    import outlets

    settings = Settings()
    settings.setmodule(crawler.settings)
    assert (settings.getfloat("DOWNLOAD_DELAY"), settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN")) == (
        1.0,
        1,
    )
    assert settings.getbool("ROBOTSTXT_OBEY")
    assert settings.getbool("AUTOTHROTTLE_ENABLED")
    assert (outlets.GENERAL_DELAY_S, outlets.GENERAL_CONCURRENCY) == (1.0, 1)


FEED = """<rss version="2.0"><channel><title>x</title>
<item><title>o</title><link>{home}/news/old</link><pubDate>Mon, 02 Mar 2026 08:00:00 GMT</pubDate></item>
<item><title>n</title><link>{home}/news/new?utm_source=feed</link><pubDate>Tue, 03 Mar 2026 08:00:00 GMT</pubDate></item>
</channel></rss>"""
SECTION = """<a href="/news/old#top">o</a><a href="/news/third">t</a><a href="/tag/news/x">tag</a><a href="file:///etc/passwd">f</a>
<a href="http://169.254.169.254/news/x">m</a><a href="javascript:x()">j</a><a href="http://[bad/news/">b</a>"""


def test_an_outlet_is_crawled_by_feed_and_section_newest_first_each_page_once(run, rows, tmp_path):
    answers = {"/news/old": STORY, "/news/new": OTHER, "/news/third": STORY, "/section": SECTION}
    with site(lambda path: FEED.format(home=home) if path == "/feed" else answers.get(path)) as (home, asked):
        more = outlet(
            tmp_path, home,
            sources={"feeds": [f"{home}/feed", f"{home}/no-feed"], "sections": [f"{home}/section"]},
            articles={"allow": ["^/news/"], "deny": ["^/tag/"]},
            politeness={"delay_s": 0.05},
        )  # fmt: skip
        done = run("mine", *PRIVATE, *more)
    assert done.returncode == 0, done.stderr
    fetched = [p for p in asked if p.startswith("/news/")]
    assert sorted(fetched) == ["/news/new", "/news/old", "/news/third"]
    assert fetched.index("/news/new") < fetched.index("/news/old")
    assert "dead source" in done.stderr
    assert "/no-feed: answered 404" in done.stderr
    assert "'dead_sources': 1" in done.stderr


def test_a_crawl_whose_every_source_is_dead_fails(run, tmp_path):
    with site({}.get) as (home, _):
        done = run("mine", *PRIVATE, *QUICK, *outlet(tmp_path, home, sources={"feeds": [f"{home}/feed"]}))
    assert done.returncode == 1
    assert "FAILED: no source answered" in done.stderr


def test_a_spider_written_by_hand_goes_through_the_same_pipeline(rows, tmp_path, monkeypatch):
    """As docs/spiders.md shows it."""
    code = (ROOT / "docs" / "spiders.md").read_text().split("```python\n")[1].split("```")[0]
    with site(
        {"/archive": '<h2><a href="/a">a</a></h2><h2><a href="/b">b</a></h2>', "/a": STORY, "/b": OTHER}.get
    ) as (home, _):
        code = code.replace("https://example.org", home).replace('"example.org"', '"127.0.0.1"')
        (tmp_path / "byhand.py").write_text(textwrap.dedent(code))
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        monkeypatch.setenv("LAKE_URI", str(tmp_path / "lake"))
        monkeypatch.setenv("STATE_DIR", str(tmp_path / "state"))
        command = [sys.executable, "-m", "scrapy", "runspider", str(tmp_path / "byhand.py"), *PRIVATE, *QUICK]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert len(rows("articles")) == 2, done.stderr


def test_a_page_too_large_costs_that_page_alone(crawl_urls, rows):
    with site({"/a": STORY, "/huge": "x" * (9 * 2**20)}.get) as (home, _):
        assert crawl_urls(f"{home}/huge", f"{home}/a").returncode == 0
    assert len(rows("articles")) == 1
    (reject,) = rows("rejects")
    assert reject["reason"] == "broken_http"
    assert "larger than download max size" in reject["detail"]


def test_what_landed_can_be_exported_with_o(crawl_urls, tmp_path):
    import json

    with site({"/a": STORY, "/gone": None}.get) as (home, _):
        crawl_urls(f"{home}/a", f"{home}/gone", more=[*PRIVATE, *QUICK, "-o", str(tmp_path / "out.jsonl")])
    (line,) = (tmp_path / "out.jsonl").read_text().splitlines()
    assert json.loads(line)["table"] == "articles"


def test_a_page_with_a_broken_character_in_its_date_costs_nothing(crawl_urls, rows):
    hostile = STORY.replace(
        "</head>",
        '<script type="application/ld+json">{"@type":"NewsArticle","datePublished":"x\\ud83dy"}</script></head>',
    )
    with site({"/a": hostile, "/b": OTHER}.get) as (home, _):
        assert crawl_urls(f"{home}/a", f"{home}/b").returncode == 0
    assert len(rows("articles")) == 2


def test_a_candidate_that_leads_to_another_site_is_refused_and_accounted_for(run, rows, tmp_path):
    section = '<a href="/news/away">a</a><a href="/news/a">b</a>' + f'<a href="/news/{"x" * 3000}">long</a>'
    answers = {
        "/section": section,
        "/news/a": STORY,
        "/news/away": (302, "", {"Location": "http://localhost:1/news/b"}),
    }
    with site(answers.get) as (home, _):
        more = outlet(
            tmp_path, home, sources={"sections": [f"{home}/section"]}, articles={"allow": ["^/news/"]}
        )
        done = run("mine", *PRIVATE, *QUICK, *more)
    assert done.returncode == 0, done.stderr
    assert [r["reason"] for r in rows("rejects")] == ["refused"]
    assert len(rows("articles")) == 1


def test_one_malformed_link_does_not_cost_the_feed(run, rows, tmp_path):
    feed = FEED.replace("{home}/news/old", "http://[bad/news/old")
    with site(
        lambda path: (
            feed.format(home=home) if path == "/feed" else {"/news/new": STORY}.get(path.partition("?")[0])
        )
    ) as (home, _):
        more = outlet(tmp_path, home, sources={"feeds": [f"{home}/feed"]}, articles={"allow": ["^/news/"]})
        assert run("mine", *PRIVATE, *QUICK, *more).returncode == 0
    assert len(rows("articles")) == 1


def test_an_outlet_in_a_list_keeps_its_own_pace_under_autothrottle(crawl_urls, tmp_path):
    asked_at = []

    def answer(path):
        asked_at.append(time.monotonic())
        return None if path == "/robots.txt" else STORY

    with site(answer) as (home, _):
        more = [
            *PRIVATE,
            "-s",
            "DOWNLOAD_DELAY_JITTER=0",
            *outlet(tmp_path, home, politeness={"delay_s": 1.5}),
        ]
        crawl_urls(*(f"{home}/a{n}" for n in range(3)), more=more)
    gaps = [later - earlier for earlier, later in pairwise(asked_at)]
    assert len(gaps) == 4  # between robots.txt, tdmrep.json and three pages
    assert min(gaps) > 0.75  # a busy machine notes one late, and the next in time
    assert sum(gaps) > 4 * 1.4


def test_the_hosts_of_an_outlet_share_one_pace(monkeypatch, tmp_path):
    from crawler.politeness.request_policy import download_slot_of

    assert {download_slot_of(f"https://{h}budapestpost.com/a") for h in ("", "www.", "news.")} == {
        "budapestpost"
    }
    assert (
        download_slot_of("https://www.example.org/a")
        == download_slot_of("http://example.org/b")
        == "example.org"
    )


def test_a_proxy_in_the_environment_leads_nowhere(crawl_urls, rows, monkeypatch):
    with site(lambda path: STORY) as (home, asked):
        monkeypatch.setenv("http_proxy", home)
        crawl_urls(
            "http://intranet.example/latest",
            more=[*PRIVATE, *QUICK, "-s", "ROBOTSTXT_OBEY=0", "-s", "CONTACT=a@b.example"],
        )
    assert asked == []
    assert [r["reason"] for r in rows("rejects")] == ["unreachable"]


def test_an_article_that_reloads_itself_is_an_article(crawl_urls, rows):
    with site(
        {"/a": STORY.replace("</head>", '<meta http-equiv="refresh" content="60;url=/a"></head>')}.get
    ) as (home, _):
        crawl_urls(f"{home}/a")
    assert len(rows("articles")) == 1


def test_a_list_with_a_byte_order_mark_is_read(run, rows, tmp_path):
    with site({"/a": STORY}.get) as (home, _):
        (tmp_path / "bom.txt").write_bytes(b"\xef\xbb\xbf" + f"{home}/a\r\n".encode())
        assert run("urls", "-a", f"file={tmp_path / 'bom.txt'}", *PRIVATE, *QUICK).returncode == 0
    assert len(rows("articles")) == 1


def test_a_list_without_a_single_address_fails(run, tmp_path):
    (tmp_path / "names.txt").write_text("example.org/a\nexample.org/b\n")
    done = run("urls", "-a", f"file={tmp_path / 'names.txt'}", *PRIVATE, *QUICK)
    assert done.returncode == 1
    assert "none of its 2 lines" in done.stderr or "no source answered" in done.stderr


def test_a_site_that_is_down_fails_the_crawl(crawl_urls, rows):
    done = crawl_urls("http://127.0.0.1:9/a", "http://127.0.0.1:9/b")
    assert done.returncode == 1
    assert "no candidate answered" in done.stderr
    assert {r["reason"] for r in rows("rejects")} == {"unreachable"}


def test_no_secret_is_printed_at_any_log_level(crawl_urls, bucket, monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "")
    with site({"/a": STORY}.get) as (home, _):
        done = crawl_urls(
            f"{home}/a", more=[*PRIVATE, *QUICK, "-s", f"LAKE_URI={bucket}/lake", "-s", "LOG_LEVEL=DEBUG"]
        )
    assert done.returncode == 0, done.stderr
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert os.environ[name] not in done.stderr + done.stdout


def test_a_second_run_with_jobdir_asks_for_the_pages_again(crawl_urls, rows, tmp_path):
    with site({"/a": STORY}.get) as (home, asked):
        more = [*PRIVATE, *QUICK, "-a", "fresh=1", "-s", f"JOBDIR={tmp_path / 'job'}"]
        assert crawl_urls(f"{home}/a", more=more).returncode == 0
        assert crawl_urls(f"{home}/a", more=more).returncode == 0
    assert asked.count("/a") == 2


def test_an_address_is_asked_for_as_it_was_found(crawl_urls, rows):
    with site({"/news/a/": STORY, "/index.php?/2026/b": OTHER}.get) as (home, asked):
        crawl_urls(f"{home}/news/a/?utm_source=x", f"{home}/index.php?/2026/b")
    assert {"/news/a/", "/index.php?/2026/b"} <= set(asked)
    assert len(rows("articles")) == 2
