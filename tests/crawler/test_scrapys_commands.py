"""Scrapy's own commands do in this project what they do elsewhere, and none of them lands a page unless it crawls."""

import json
import os
import subprocess
import sys

import pytest

from lake.parquet.reading import table
from tests.crawler.outlet_crawl import ROOT
from tests.crawler.site import site
from tests.crawler.test_later_pages import page

STORIES = [f"/news/{number}" for number in range(3)]
FEED = "".join(f"<item><title>t</title><link>{path}</link></item>" for path in STORIES)
PAGES = {
    "/feed": f"<rss version='2.0'><channel>{FEED}</channel></rss>",
    "/": "".join(f'<a href="{path}">{path}</a>' for path in STORIES)
    + "<a href='http://elsewhere.test/x'>x</a>",
    "/world": "".join(f'<a href="{path}">{path}</a>' for path in STORIES),
    **{path: page(f"story {path}") for path in STORIES},
}


class Project:
    def __init__(self, folder, home, asked):
        self.folder, self.home, self.asked = folder, home, asked
        (folder / "outlets").mkdir()
        (folder / "outlets" / "mine.toml").write_text(
            f'name = "Mine"\nhome = "{home}/"\ndomains = ["127.0.0.1"]\n[articles]\nallow = ["^/news/"]\n'
            f'[sources]\nfeeds = ["{home}/feed"]\nsections = ["{home}/world"]\n'
        )

    def scrapy(self, *arguments, **environ):
        self.asked.clear()
        settings = (
            "ALLOWED_NETWORKS=127.0.0.0/8",
            "DOWNLOAD_DELAY=0",
            "AUTOTHROTTLE_ENABLED=0",
            "RETRY_TIMES=0",
        )
        given = [part for setting in settings for part in ("-s", setting)]
        places = {name: self.folder / name.lower() for name in ("LAKE_URI", "STATE_DIR")}
        places["OUTLETS_DIR"] = self.folder / "outlets"
        return subprocess.run(
            [sys.executable, "-m", "scrapy", *arguments, *given],
            cwd=ROOT,
            env={
                **{key: value for key, value in os.environ.items() if key not in ("CONTACT", "LOG_LEVEL")},
                **{name: str(path) for name, path in places.items()},
                **environ,
            },
            capture_output=True,
            text=True,
            timeout=120,
        )

    @property
    def articles(self):
        rows = table(str(self.folder / "lake_uri"), "articles").to_pylist()
        return sorted("/" + row["url"].split("/", 3)[3] for row in rows)

    @property
    def has_lake(self):
        return (self.folder / "lake_uri").exists()

    @property
    def pages_asked(self):
        return [path for path in self.asked if path != "/robots.txt"]


@pytest.fixture
def project(tmp_path):
    with site(PAGES.get) as (home, asked):
        yield Project(tmp_path, home, asked)


# ---------------------------------------------------------------- a look


def test_fetch_prints_the_page_and_asks_for_nothing_else(project):
    done = project.scrapy("fetch", f"{project.home}/news/1", "--nolog")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == PAGES["/news/1"]
    assert project.pages_asked == ["/news/1"]
    file = project.folder / "saved.html"
    file.write_text("<p>saved</p>")
    assert "saved" in project.scrapy("fetch", file.as_uri()).stdout
    assert "saved" in project.scrapy("fetch", str(file)).stdout
    done = project.scrapy("parse", str(file))
    assert done.returncode == 2
    assert "scrapy explain" in done.stderr
    assert not project.has_lake


def test_fetch_says_where_no_page_came_or_none_may_be_asked_for(project):
    done = project.scrapy("fetch", "https://example.org/")
    assert done.returncode == 2
    assert "CONTACT is not set" in done.stderr
    done = project.scrapy("fetch", "http://10.1.2.3/", CONTACT="desk@example.org")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no page came" in done.stderr


def test_view_opens_the_page(project):
    done = project.scrapy("view", f"{project.home}/news/1", BROWSER="echo opened %s")
    assert done.returncode == 0
    assert "opened" in done.stdout
    assert not project.has_lake


def test_the_shell_has_the_outlets_spider_and_asks_for_nothing_else(project):
    code = "spider.name, [item.url for item in spider.parse_page(response, response.url, None)]"
    done = project.scrapy("shell", f"{project.home}/news/1", "-c", code)
    assert done.returncode == 0
    assert f"('mine', ['{project.home}/news/1'])" in done.stdout
    assert project.pages_asked == ["/news/1"]
    assert not project.has_lake


@pytest.mark.parametrize(
    ("path", "arguments", "shown"),
    [
        ("/news/1", [], "'requested_url'"),
        ("/news/1", ["--spider", "mine", "-c", "parse_page"], "'requested_url'"),
        ("/news/1", ["--spider", "urls"], "'requested_url'"),
        ("/feed", [], "/news/2>"),
        ("/feed", ["--spider", "mine", "-c", "parse_list"], "/news/2>"),
        ("/world", [], "/news/2>"),
    ],
)
def test_parse_shows_what_the_spider_makes_of_a_page(project, path, arguments, shown):
    done = project.scrapy("parse", project.home + path, *arguments, "--nocolour")
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout
    assert "<p>" not in done.stdout
    assert project.pages_asked == [path]
    assert not project.has_lake


def test_parse_lands_the_page_alone_where_pipelines_are_asked_for(project):
    done = project.scrapy("parse", f"{project.home}/news/1", "--pipelines")
    assert done.returncode == 0, done.stderr
    assert project.articles == ["/news/1"]
    assert project.pages_asked == ["/news/1"]
    done = project.scrapy("parse", f"{project.home}/feed", "--pipelines")
    assert done.returncode == 0, done.stderr
    assert "no page was fetched of the 2 articles that it lists: -d 2" in done.stderr
    assert project.articles == ["/news/1"]
    done = project.scrapy("parse", f"{project.home}/feed", "--pipelines", "--depth", "2")
    assert done.returncode == 0, done.stderr
    assert project.articles == STORIES
    done = project.scrapy("crawl", "mine")
    assert done.returncode == 0
    assert set(project.pages_asked) <= {"/feed", "/world"}


@pytest.mark.parametrize("given", [("-L", "FOO"), ("-s", "LOG_LEVEL=verbose"), ("--loglevel", "7x")])
@pytest.mark.parametrize("command", [("crawl", "mine"), ("crawlall",), ("parse", "http://127.0.0.1/x")])
def test_an_unknown_log_level_is_refused_with_the_known_ones(project, command, given):
    done = project.scrapy(*command, *given)
    assert done.returncode == 2, done.stderr
    assert "LOG_LEVEL" in done.stderr
    assert "CRITICAL, ERROR, WARNING, INFO, DEBUG" in done.stderr
    assert "Traceback" not in done.stderr


def test_parse_refuses_and_fails_in_words(project):
    assert project.scrapy("parse", f"{project.home}/none").returncode == 1
    assert project.scrapy("parse", "https://example.org/x").returncode == 2
    done = project.scrapy("parse", "--spider", "all", f"{project.home}/news/1")
    assert done.returncode == 2
    assert "--spider all" in done.stderr
    assert not project.has_lake


def test_check_bench_list_and_settings_land_nothing(project):
    assert "Ran 0 contracts" in project.scrapy("check").stderr
    assert "mine" in project.scrapy("list").stdout.split()
    assert project.scrapy("settings", "--get", "BOT_NAME").stdout.strip() == "pressline"
    done = project.scrapy("bench", "-s", "CLOSESPIDER_TIMEOUT=0", "-s", "CLOSESPIDER_PAGECOUNT=30")
    assert done.returncode == 0
    assert "'response_received_count': " in done.stderr
    assert not project.has_lake


# ---------------------------------------------------------------- a crawl as Scrapy's users start it


def test_a_crawl_takes_the_options_of_any_scrapy_crawl(project):
    log, items = project.folder / "log.txt", project.folder / "items.jsonl"
    done = project.scrapy(
        "crawl",
        "-s",
        "SOURCE_INTERVAL_MAX_S=0",
        "-L",
        "WARNING",
        "-o",
        str(items),
        "mine",
        "-s",
        f"LOG_FILE={log}",
    )
    assert done.returncode == 0
    rows = [json.loads(line) for line in items.read_text().splitlines()]
    assert sorted(row["table"] for row in rows) == ["articles"] * 3
    assert log.exists()
    assert "DEBUG" not in log.read_text() + done.stderr
    assert "Spider opened" not in log.read_text() + done.stderr

    done = project.scrapy("crawl", "mine", "--nolog", "-a", "fresh=1")
    assert done.returncode == 0
    assert "Spider opened" not in done.stderr
    assert done.stdout == ""

    done = project.scrapy("crawl", "mine", "-s", "LOG_LEVEL=WARNING", "-a", "fresh=1", "-O", "-:jsonl")
    assert done.returncode == 0
    assert "Spider opened" not in done.stderr
    assert done.stdout == ""  # nothing has changed, and no row lands

    done = project.scrapy("crawl", "mine", "-s", "ITEM_PIPELINES={}")
    assert done.returncode == 0


# ---------------------------------------------------------------- a spider of one's own


@pytest.mark.parametrize("template", ["basic", "crawl"])
def test_a_generated_spider_works_with_the_pipeline(project, template):
    package = project.folder / "own" / "own_spiders"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    modules = (
        *("-s", "NEWSPIDER_MODULE=own_spiders"),
        *("-s", "SPIDER_MODULES=crawler.spiders,own_spiders"),
    )
    environ = {"PYTHONPATH": str(package.parent)}
    made = project.scrapy("genspider", "-t", template, "gazette", f"{project.home}/", *modules, **environ)
    assert made.returncode == 0, made.stderr
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--config",
            str(ROOT / "pyproject.toml"),
            str(package / "gazette.py"),
        ],
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout
    done = project.scrapy("crawl", "gazette", *modules, **environ)
    assert done.returncode == 0, done.stderr
    assert project.articles == STORIES
    assert "elsewhere.test" not in done.stderr

    if template == "basic":
        parsed = project.scrapy("parse", f"{project.home}/", "--spider", "gazette", *modules, **environ)
        assert parsed.returncode == 0, parsed.stderr
        source = package / "gazette.py"
        source.write_text(source.read_text() + "    def parse_story(self, response):\n        yield 1 / 0\n")
        saved = project.folder / "saved.html"
        saved.write_text(PAGES["/"])
        parsed = project.scrapy("parse", str(saved), "--spider", "gazette", *modules, **environ)
        assert parsed.returncode == 0, parsed.stderr
        broken = ("--spider", "gazette", "-c", "parse_story", *modules)
        parsed = project.scrapy("parse", f"{project.home}/news/1", *broken, **environ)
        assert parsed.returncode == 1, parsed.stderr
        assert "ZeroDivisionError" in parsed.stderr

    again = project.scrapy("genspider", "gazette", "example.org", *modules, **environ)
    assert "already exists" in again.stdout

    ran = project.scrapy("runspider", str(package / "gazette.py"))
    assert ran.returncode == 0, ran.stderr
    assert len(project.articles) == len(STORIES)


def test_a_generated_spider_of_which_no_page_answers_fails(project):
    package = project.folder / "own_spiders"
    package.mkdir()
    (package / "__init__.py").write_text("")
    given = ("-s", "NEWSPIDER_MODULE=own_spiders")
    environ = {"PYTHONPATH": str(project.folder)}
    project.scrapy("genspider", "gazette", f"{project.home}/none", *given, **environ)
    done = project.scrapy("runspider", str(package / "gazette.py"))
    assert done.returncode == 1
    assert "no source answered" in done.stderr


def test_runspider_checks_before_it_starts(project):
    file = project.folder / "own.py"
    done = project.scrapy("runspider", str(file))
    assert done.returncode == 2
    assert "no such file" in done.stderr
    file.write_text(
        "from scrapy import Spider\nclass Own(Spider):\n    name = 'own'\n    start_urls = ['https://example.org/']\n"
    )
    done = project.scrapy("runspider", str(file))
    assert done.returncode == 2
    assert "CONTACT is not set" in done.stderr
    assert not project.has_lake


def test_templates_are_listed(project):
    assert project.scrapy("genspider", "--list").stdout.split()[-2:] == ["basic", "crawl"]


def test_edit_opens_the_outlets_file(project):
    file = project.folder / "outlets" / "mine.toml"
    assert project.scrapy("edit", "mine", EDITOR="cat").stdout == file.read_text()
    file.write_text("nmae = 1")
    assert project.scrapy("edit", "mine", EDITOR="cat").stdout == "nmae = 1"
    assert 'name = "Vogue' in project.scrapy("edit", "vogue", EDITOR="cat").stdout
