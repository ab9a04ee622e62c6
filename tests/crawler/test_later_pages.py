"""Articles in parts, by real crawls of a site on loopback."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter

import pytest

from cleaning import page_id
from lake.parquet.reading import table
from tests.crawler.site import site
from tests.crawler.test_crawls import PRIVATE, QUICK, ROOT

pytestmark = pytest.mark.xdist_group("parts")

WORDS = (  # noqa: SIM905  # one word a line would hide the test
    "harbour bridge council winter ferry engine window garden teacher letter market village doctor island signal copper"
    " orchard station kitchen library painter soldier captain stranger mountain river border carpet mirror pocket ladder"
    " lantern basket blanket candle feather hammer needle saddle thunder tunnel valley widow wizard barrel cellar"
).split()


def prose(name, part=1, lines=5):
    """Paragraphs like nobody else's."""
    chance = random.Random(f"{name} {part}")
    return [
        "The {} of the {} had seen a {} near the {}, and nobody in the {} could say why the {} was left in the {}.".format(
            *chance.sample(WORDS, 7)
        )
        for _ in range(lines)
    ]


def page(name, part=1, more="", head="", lines=None, title=None):
    title = title or f"What the {name} told us"
    text = "".join(f"<p>{line}</p>" for line in lines or prose(name, part))
    return (
        f'<!doctype html><html lang="en"><head><title>{title}</title><meta property="og:type" content="article">'
        f'<meta property="og:title" content="{title}"><meta property="article:published_time" content="2026-03-01T08:00:00Z">'
        f"{head}</head><body><main><article><h1>{title}</h1>{text}{more}</article></main></body></html>"
    )


def text_of(name, *parts):
    return "\n".join(line for part in parts for line in prose(name, part))


class Crawls:
    def __init__(self, folder):
        self.folder = folder
        self.environ = {**os.environ, "LAKE_URI": str(folder / "lake"), "STATE_DIR": str(folder / "state")}

    def start(self, *urls, more=()):
        listed = self.folder / "urls.txt"
        listed.write_text("\n".join(urls))
        command = [
            sys.executable,
            "-m",
            "scrapy",
            "crawl",
            "urls",
            "-a",
            f"file={listed}",
            *PRIVATE,
            *QUICK,
            *more,
        ]
        return subprocess.Popen(command, cwd=ROOT, env=self.environ, stderr=subprocess.PIPE, text=True)

    def run(self, *urls, more=()):
        process = self.start(*urls, more=more)
        _, log = process.communicate(timeout=120)
        assert process.returncode == 0, log
        return log

    def rows(self, name):
        return table(str(self.folder / "lake"), name).to_pylist()


@pytest.fixture
def crawls(tmp_path):
    return Crawls(tmp_path)


# ---------------------------------------------------------------- one crawl, many articles

RING = '<a rel="next" href="/ring?page=2">Next page</a><a href="/ring?page=1">1</a>'
SITE = {
    "/robots.txt": "User-agent: *\nDisallow: /closed/2",
    # three styles of three pages
    "/query": page("query", 1, '<link rel="next" href="/query?page=2">'),
    "/query?page=2": page("query", 2, '<link rel="canonical" href="/query"><link rel="next" href="/query?page=3">'),
    "/query?page=3": page("query", 3, '<link rel="prev" href="/query?page=2">'),
    "/path": page("path", 1, '<div class="page-links">1 <a href="/path/2/">2</a> <a href="/path/3/">3</a></div>'),
    "/path/2/": page("path", 2, '<div class="page-links"><a href="/path">1</a> 2 <a href="/path/3/">3</a></div>'),
    "/path/3/": page("path", 3, '<div class="page-links"><a href="/path">1</a> <a href="/path/2/">2</a> 3</div>'),
    "/file.html": page("file", 1, '<p><a href="/file-2.html">Weiterlesen auf Seite 2</a></p>'),
    "/file-2.html": page("file", 2, '<p><a href="/file-3.html">Weiterlesen auf Seite 3</a></p>'),
    "/file-3.html": page("file", 3, '<p><a href="/file.html">Seite 1</a></p>'),
    # what goes wrong
    "/missing": page("missing", 1, '<link rel="next" href="/missing?page=2">'),
    "/missing?page=2": page("missing", 2, '<link rel="next" href="/missing?page=3">'),
    "/missing?page=3": (500, "", {}),
    "/closed": page("closed", 1, '<div class="pager"><a href="/closed/2">2</a></div>'),
    "/ring": page("ring", 1, RING),
    "/ring?page=2": page("ring", 2, '<a rel="next" href="/ring">Next page</a><a rel="next" href="/ring?page=1">1</a>'),
    "/deaf": page("deaf", 1, '<link rel="next" href="/deaf?page=2">'),
    "/deaf?page=2": page("deaf", 1, '<link rel="next" href="/deaf?page=2">'),
    "/away": page("away", 1, '<link rel="next" href="/away?page=2">'),
    "/away?page=2": (302, "", {"Location": "/query"}),
    "/single": page("single", 1, '<a rel="next" href="/path">The next article</a><div id="comments"><a rel="next" href="/single?page=2">2</a></div>'),
}  # fmt: skip
FIRSTS = [
    "/query",
    "/path",
    "/file.html",
    "/missing",
    "/closed",
    "/ring",
    "/deaf",
    "/away",
    "/single",
    "/endless",
]


def answer(path):
    if path.startswith("/endless"):
        number = int(path.partition("=")[2] or 1)
        return page("endless", number, f'<link rel="next" href="/endless?page={number + 1}">')
    return SITE.get(path)


@pytest.fixture(scope="module")
def crawled(tmp_path_factory):
    """(rows of articles by path, rows of raw, paths asked for, the command's log)"""
    crawls = Crawls(tmp_path_factory.mktemp("parts"))
    with site(answer) as (home, asked):
        log = crawls.run(*(home + path for path in FIRSTS), more=["-s", "MAX_PARTS=4"])
        articles = {row["url"].removeprefix(home): row for row in crawls.rows("articles")}
    return articles, crawls.rows("raw"), asked, log


@pytest.mark.parametrize("first", ["/query", "/path", "/file.html"])
def test_three_pages_become_one_article(crawled, first):
    row = crawled[0][first]
    assert row["text"] == text_of(first.strip("/").removesuffix(".html"), 1, 2, 3)
    assert (row["parts"], row["text_is_partial"]) == (3, False)
    assert row["id"] == page_id(f"http://127.0.0.1:{row['url'].split(':')[2].split('/')[0]}{first}")


def test_an_article_with_a_page_missing_is_kept_and_marked(crawled):
    articles, _, _, log = crawled
    assert articles["/missing"]["text"] == text_of("missing", 1, 2)
    assert articles["/closed"]["text"] == text_of("closed", 1)
    assert articles["/missing"]["text_is_partial"]
    assert articles["/closed"]["text_is_partial"]
    assert "'parts/missing': 2" in log
    assert "/missing?page=3, which is not to be had: answered 500" in log


def test_a_ring_and_a_site_that_does_not_know_the_parameter_come_to_an_end(crawled):
    articles, _, asked, _ = crawled
    assert articles["/ring"]["text"] == text_of("ring", 1, 2)
    assert articles["/deaf"]["text"] == text_of("deaf", 1)
    assert not articles["/ring"]["text_is_partial"]
    assert not articles["/deaf"]["text_is_partial"]
    assert max(Counter(asked).values()) == 2  # /query, where /away led to


def test_an_endless_article_is_left_at_the_bound(crawled):
    articles, _, asked, log = crawled
    assert articles["/endless"]["text"] == text_of("endless", 1, 2, 3, 4)
    assert articles["/endless"]["text_is_partial"]
    assert "/endless?page=5" not in asked
    assert "'parts/not_asked': 1" in log


def test_a_part_that_leads_to_another_article_is_none(crawled):
    articles, _, asked, _ = crawled
    assert articles["/away"]["text"] == text_of("away", 1)
    assert "/single?page=2" not in asked
    assert articles["/single"]["parts"] == 1


def test_what_robots_txt_closes_is_not_asked_for(crawled):
    assert "/closed/2" not in crawled[2]


def test_every_page_is_kept_behind_its_first(crawled):
    articles, raw, _, _ = crawled
    first = articles["/query"]["id"]
    pages = [(row["part"], row["part_of"]) for row in raw if first in (row["id"], row["part_of"])]
    assert [p for p in pages if p != (2, articles["/away"]["id"])] == [(1, None), (2, first), (3, first)]
    assert len(articles) == len(FIRSTS)


# ---------------------------------------------------------------- parts that a source lists, and selection

GERMAN = [
    "Der Rat der Stadt hat am Montag nach langer Debatte entschieden, dass die alte Brücke am Hafen erneuert wird.",
    "Die Bewohner der Insel fürchten, dass sie im Winter nicht mehr zur Arbeit kommen, wenn die Fähre nicht fährt.",
    "Der Bürgermeister versprach, dass niemand einen Zoll bezahlen muss, was auch immer das Ministerium beschließt.",
]
OTHERS = {
    "/english": page("english"),
    "/german": page("german", lines=GERMAN, more='<a rel="next" href="/german?page=2">Seite 2</a>'),
    "/brief": page("brief", lines=prose("brief", lines=1)),
    "/long": page("long", lines=prose("long", lines=1), more='<a rel="next" href="/long?page=2">2</a>'),
    "/long?page=2": page("long", 2),
}
LISTED = ["/query?page=2", "/path/3/", "/path", "/english", "/german", "/brief", "/long"]


@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    """Three crawls of the same list: with a selection, without one, and without one asking for every page. Each as
    (articles by path, rejects by path, raw bodies, paths asked for, log)."""
    crawls, found = Crawls(tmp_path_factory.mktemp("chosen")), []
    with site(lambda path: OTHERS.get(path) or answer(path)) as (home, asked):
        for more in (["-a", "languages=en", "-a", "min_words=60"], [], ["-a", "fresh=1"]):
            asked.clear()
            log = crawls.run(*(home + path for path in LISTED), more=more)
            articles, rejects = (
                {row["url"].removeprefix(home): row for row in crawls.rows(name)}
                for name in ("articles", "rejects")
            )
            bodies = b"".join(row["body"] for row in crawls.rows("raw"))
            found.append((articles, rejects, bodies, [p for p in asked if p != "/robots.txt"], log))
    return found


def test_a_listed_part_becomes_no_article_and_leads_to_its_first_page(chosen):
    articles, rejects, _, asked, log = chosen[0]
    assert articles["/query"]["text"] == text_of("query", 1, 2, 3)
    assert articles["/path"]["text"] == text_of("path", 1, 2, 3)
    for listed, first in (("/query?page=2", "/query"), ("/path/3", "/path")):
        assert rejects[listed]["reason"] == "part"
        assert rejects[listed]["detail"].endswith(first)
    assert asked.count("/path") == 1
    assert "'candidates': 8" in log  # /query was listed by its second page alone


def test_what_is_not_selected_is_a_reject_with_its_reason_and_without_its_page(chosen):
    articles, rejects, bodies, asked, log = chosen[0]
    assert set(articles) == {"/query", "/path", "/english", "/long"}  # /long is, with its second page
    told = {path: (row["reason"], row["detail"]) for path, row in rejects.items() if row["reason"] != "part"}
    assert told == {
        "/german": ("not_selected", "language de, wanted en"),
        "/brief": ("not_selected", "27 words, wanted at least 60"),
    }
    assert "'outcome/rejects/not_selected': 2" in log
    assert "/german?page=2" not in asked
    assert "Bürgermeister".encode() not in bodies


def test_neither_is_asked_for_again(chosen):
    assert chosen[1][3] == []


def test_another_selection_gets_what_was_not_selected_if_the_run_asks_afresh(chosen):
    articles, _, bodies, _, _ = chosen[2]
    assert set(articles) == {"/query", "/path", "/english", "/long", "/german", "/brief"}
    assert "Bürgermeister".encode() in bodies


# ---------------------------------------------------------------- other versions of a page, and live blogs

VERSIONS = ["/amp", "?amp=1", "?outputType=amp", ".amp.html", "?print=1", "/print"]
PLACES = ["", "#post-12", "?pinned_post=12", "?filterKeyEvents=false&page=with:block-1a2b", "?page=2"]


class Changing:
    """/after and /before with other versions, /only of which there is but an AMP page, and a live blog that grows."""

    hours = 2

    def __call__(self, path):
        name = path.strip("/").partition("/")[0].partition("?")[0].partition(".")[0]
        if path in ("/robots.txt", "/only"):
            return None
        if name == "live":
            return self.live()
        named = "" if path == f"/{name}" else f'<link rel="canonical" href="/{name}">'
        return page(name, lines=prose(name, lines=8), head=named)

    def live(self):
        lines = [line for hour in range(self.hours, 0, -1) for line in prose("storm", hour, lines=3)]
        told = '<script type="application/ld+json">{"@type": "LiveBlogPosting", "headline": "The storm"}</script>'
        older = '<link rel="canonical" href="/live/storm"><div class="pager"><a rel="next" href="?page=2">2</a></div>'
        return page("storm", lines=lines, head=told, more=older)


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """(rows by table with `path`, paths asked for) of two crawls."""
    crawls, changing = Crawls(tmp_path_factory.mktemp("changed")), Changing()
    with site(changing) as (home, asked):
        crawls.run(f"{home}/after", f"{home}/before/amp", f"{home}/only/amp", f"{home}/live/storm")
        changing.hours = 4
        pages = [f"{name}{ending}" for name in ("/after", "/before") for ending in ("", *VERSIONS)]
        pages += [f"/live/storm{place}" for place in PLACES]
        crawls.run(*(home + path for path in pages), more=["-a", "fresh=1"])
        tables = {
            name: [{**row, "path": row["url"].removeprefix(home)} for row in crawls.rows(name)]
            for name in ("articles", "copies", "revisions", "rejects")
        }
    return tables, asked


def test_amp_and_print_versions_are_aliases_whichever_comes_first(changed):
    articles = {row["path"]: row["id"] for row in changed[0]["articles"]}
    assert set(articles) == {"/after", "/before/amp", "/only/amp", "/live/storm"}
    aliases = {row["path"]: (row["relation"], row["story_id"]) for row in changed[0]["copies"]}
    assert aliases == {
        **{f"/after{ending}": ("alias", articles["/after"]) for ending in VERSIONS},
        **{f"/before{ending}": ("alias", articles["/before/amp"]) for ending in ("", *VERSIONS[1:])},
    }


def test_a_live_blog_that_grows_is_a_later_version_of_the_same_page(changed):
    tables, asked = changed
    (revision,) = tables["revisions"]
    assert revision["path"] == "/live/storm"
    assert prose("storm", 4)[0] in revision["text"]
    assert [(row["path"], row["reason"]) for row in tables["rejects"]] == [("/live/storm?page=2", "part")]
    assert sorted(p for p in asked if p.startswith("/live")) == [
        "/live/storm",
        "/live/storm",
        "/live/storm?page=2",
    ]


# ---------------------------------------------------------------- killed between two parts


def test_a_crawl_that_is_killed_between_two_parts_is_made_whole_by_the_next(crawls):
    reached, go_on = threading.Event(), threading.Event()

    def slow(path):
        if path == "/query?page=3" and not go_on.is_set():
            reached.set()
            go_on.wait(60)
        return answer(path)

    with site(slow) as (home, _):
        process = crawls.start(f"{home}/query", f"{home}/path", more=["-s", "FLUSH_ROWS=1"])
        assert reached.wait(60)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        go_on.set()
        crawls.run(f"{home}/query", f"{home}/path")
    texts = {row["url"].removeprefix(home): row["text"] for row in crawls.rows("articles")}
    assert texts == {"/query": text_of("query", 1, 2, 3), "/path": text_of("path", 1, 2, 3)}
    assert len(crawls.rows("articles")) == 2
    assert crawls.rows("copies") == crawls.rows("revisions") == []
