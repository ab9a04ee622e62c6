"""`scrapy explain` and `scrapy suggest`: what they show, and what they refuse."""

import gzip
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cleaning import LearnedLines, Rules, line_key
from crawler.commands.suggest import Command
from crawler.inspection.explanation import LakeFacts, explain_page
from crawler.inspection.explanation_html import as_html
from crawler.inspection.explanation_text import as_text, safe
from crawler.inspection.single_pages import CannotInspect, checked_outlet, read_page_file
from lake.parquet.page_lookup import find_page
from lake.runs.session import Lake
from lake.workers.page_processing import process_page
from tests.cleaning.pages import STORY, raw, story
from tests.cleaning.test_rule_suggestions import TOWNS, other_story, page
from tests.crawler.site import site

ROOT = Path(__file__).resolve().parents[2]
HEAD = '<meta property="og:title" content="{}"><link rel="canonical" href="https://gazette.example/2024/12/03/bridge">'
SHARE = '<div class="share">Share this story with friends of yours</div>'
EVIL = "Bridge \x1b[31mcloses\x07 \u202e<script>alert(1)</script>"
QUICK = ["-s", "DOWNLOAD_DELAY=0", "-s", "AUTOTHROTTLE_ENABLED=0"]
PRIVATE = ["-s", "ALLOWED_NETWORKS=127.0.0.0/8"]


@pytest.fixture
def scrapy(tmp_path, monkeypatch):
    monkeypatch.setenv("STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("LAKE_URI", str(tmp_path / "lake"))
    for name in ("CONTACT", "OUTLETS_DIR", "LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)

    def scrapy(*arguments):
        command = [sys.executable, "-m", "scrapy", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)

    return scrapy


def told(page, at=None, *, learned=None, leaves_reserved=True):
    return explain_page(
        page, Rules(), LakeFacts(at, learned or LearnedLines()), leaves_reserved=leaves_reserved
    )


# ---------------------------------------------------------------- what is shown


def test_a_cut_is_shown_in_its_place_with_kind_rule_and_stage():
    text = as_text(told(raw(story(before=SHARE))), 200, styled=False)
    assert "verdict: article" in text
    assert "− share  tree.name.share  (tree)\n    Share this story" in text
    assert text.index("Share this story") < text.index(STORY[0][:60]) < text.index(STORY[-1][:60])


def test_a_terminal_strikes_out_what_was_cut():
    assert "\x1b[9mShare this story" in as_text(told(raw(story(before=SHARE))), 200, styled=True)


def test_a_page_that_is_none_says_why():
    text = as_text(told(raw("<html><body><p>Too short.</p></body></html>")), 100, styled=False)
    assert "no article (too_short): 2 words" in text


def test_a_line_learned_as_boilerplate_says_in_how_many_stories_it_was_seen():
    learned = LearnedLines("v7", {line_key(STORY[4]): 37})
    text = as_text(told(raw(story()), learned=learned), 200, styled=False)
    assert "− boilerplate  boilerplate.v7, seen in 37 stories  (line)\n    The council will look" in text


def test_a_reservation_is_the_verdict_where_it_is_respected():
    page = raw(story(head='<meta name="tdm-reservation" content="1">'))
    assert told(page).verdict.reason == "tdm_reserved"
    assert told(page, leaves_reserved=False).verdict.reason is None


def test_an_answer_that_is_an_error_is_no_article():
    assert told(replace(raw(story()), status=404)).verdict.reason == "http_error"


def test_nothing_that_a_terminal_would_obey_gets_through():
    page = raw(story(before=f"<div class='share'>{EVIL}</div>", head=HEAD.format(EVIL)))
    page = replace(page, url="https://gazette.example/\x1b[2J")
    for styled in (False, True):
        text = re.sub(
            r"\x1b\[(?:[0129]|31|32)m" if styled else r"$^", "", as_text(told(page), 100, styled=styled)
        )
        assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert safe("a\x1bb\u202ec") == "a\\u001bb\\u202ec"


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.loaded, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loaded += [value for name, value in attrs if name in ("src", "href", "srcset", "action")]

    def handle_data(self, data):
        self.texts.append(data)


def test_the_html_form_loads_nothing_runs_nothing_of_the_page_and_strikes_out():
    evil = EVIL.replace("<", "&lt;")
    page = raw(story(before=f"<div class='share'>{evil}</div>", head=HEAD.format(evil)))
    made = Tags(html := as_html(told(page)))
    assert made.loaded == []
    assert not {"link", "img", "iframe"} & set(made.tags)
    assert made.tags.count("script") == 1  # its own, for marking: test_marking.py
    assert {"del", "main", "h1", "h2", "th"} <= set(made.tags)
    assert "<script>alert(1)</script>" in "".join(made.texts)
    assert 'lang="en"' in html
    assert "prefers-color-scheme: dark" in html
    assert "\x1b" not in html


def test_what_each_selector_of_the_fields_found_is_shown():
    rules = Rules(fields=(("section", ".desk"), ("authors", ".nobody")))
    page = raw(story(before="<p class='desk'>Harbour desk</p>"))
    explanation = explain_page(page, rules, LakeFacts(), leaves_reserved=True)
    text = as_text(explanation, 200, styled=False)
    assert "[fields] section: Harbour desk\n" in text
    assert "[fields] authors: nothing found\n" in text
    report = as_html(explanation)
    assert '<th scope="row">[fields] section</th><td>Harbour desk</td>' in report
    assert '<th scope="row">[fields] authors</th><td>nothing found</td>' in report


# ---------------------------------------------------------------- a copy


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """(lake, the copy's page): one story at two outlets."""
    folder = tmp_path_factory.mktemp("copied")
    first = raw(story(), url="https://first.example/2024/12/03/bridge")
    copy = raw(
        story(
            after="<p>Local ferries will sail every quarter of an hour, the mayor of the island told us.</p>"
        ),
        url="https://second.example/2024/12/03/harbour-bridge",
    )
    pages = [replace(first, outlet="first"), replace(copy, outlet="second")]
    with Lake(str(folder / "lake"), folder / "state").run("test", lambda outlet: Rules(), {}) as (run, _):
        for page in pages:
            run.add(process_page(page, Rules()))
        run.flush()
        run.finish("finished", {})
    return str(folder / "lake"), pages[1]


def test_a_copy_shows_its_story_the_figures_and_what_they_share(copied):
    lake, page = copied
    at = find_page(lake, page.id)
    assert (at.table, at.relation, at.other.outlet) == ("copies", "copy", "first")
    text = as_text(told(page, at=at), 300, styled=False)
    assert f"copy (Jaccard {at.similarity:.2f}, containment {at.containment:.2f}) of" in text
    assert "https://first.example/2024/12/03/bridge" in text
    assert f"words shared: “{STORY[0][:40]}" in text
    html = as_html(told(page, at=at))
    assert f"<mark>{STORY[0][:40]}" in html
    assert "Local ferries" in re.sub("<mark>.*?</mark>", "", html)


def test_an_original_says_that_it_is_one(copied):
    lake, _ = copied
    first = raw("", url="https://first.example/2024/12/03/bridge")
    assert find_page(lake, first.id).relation is None


def test_reading_the_lake_changes_nothing(copied):
    lake, page = copied
    before = {p: p.stat().st_mtime_ns for p in Path(lake).rglob("*")}
    find_page(lake, page.id)
    assert {p: p.stat().st_mtime_ns for p in Path(lake).rglob("*")} == before


def test_a_page_that_the_lake_does_not_know(copied, tmp_path):
    assert find_page(copied[0], "0" * 32) is None
    assert find_page(str(tmp_path / "no lake"), "0" * 32) is None


# ---------------------------------------------------------------- files, and what is refused


def test_a_file_says_itself_which_page_it_is(tmp_path):
    file = tmp_path / "page.html.gz"
    file.write_bytes(gzip.compress(story(head=HEAD.format("Bridge")).encode()))
    page = read_page_file(str(file), None)
    assert (page.url, page.outlet) == ("https://gazette.example/2024/12/03/bridge", "gazette.example")
    assert read_page_file(str(file), "bbc").outlet == "bbc"


@pytest.mark.parametrize(
    ("name", "holds", "wrong"),
    [
        ("absent.html", None, "no such file"),
        ("example.org/story", None, "an address begins with https://"),
        ("empty.html", b"", "not HTML"),
        ("picture.jpg", b"\xff\xd8\xff\xe0 no page at all", "not HTML"),
        # mtime: the bytes name the test, and every pytest process has to give it the same name
        ("torn.html.gz", gzip.compress(b"<html>" * 99, mtime=0)[:-9], "cannot be read"),
        ("", None, "a folder"),
    ],
)
def test_what_is_no_page_is_told(tmp_path, monkeypatch, name, holds, wrong):
    monkeypatch.chdir(tmp_path)
    if holds is not None:
        (tmp_path / name).write_bytes(holds)
    with pytest.raises(CannotInspect, match=wrong):
        read_page_file(name or ".", None)


def test_an_unknown_outlet_is_guessed():
    with pytest.raises(CannotInspect, match="did you mean 'theguardian'"):
        checked_outlet("theguardain")


# ---------------------------------------------------------------- the commands


def test_an_address_that_robots_txt_closes_is_not_fetched_and_the_report_says_so(scrapy):
    def answer(path):
        return "User-agent: *\nDisallow: /closed/" if path == "/robots.txt" else story()

    with site(answer) as (home, asked):
        closed = scrapy("explain", f"{home}/closed/./bridge?spm=1", *PRIVATE)
    assert (closed.returncode, closed.stderr) == (1, "")
    assert "no article (robots)" in closed.stdout
    assert asked == ["/robots.txt"]


def test_a_file_becomes_an_html_report(scrapy, tmp_path):
    (tmp_path / "page.html").write_text(story(before=SHARE, head=HEAD.format("Bridge")))
    report = tmp_path / "report.html"
    done = scrapy("explain", str(tmp_path / "page.html"), "--html", str(report), "--outlet", "bbc")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{report}\n", "")
    assert ">Share this story" in report.read_text("utf-8")


def test_suggest_wants_five_pages():
    with pytest.raises(CannotInspect, match="at least 5 different pages of one outlet, not 1"):
        Command()._suggest(["page.html"] * 5, None)


def test_suggest_fetches_pages_and_prints_a_section_for_the_outlets_file(scrapy):
    pages = {f"/2024/12/03/{town.lower()}": page(town, behind=other_story(town)).body for town in TOWNS}
    with site(pages.get) as (home, asked):
        done = scrapy("suggest", *(f"{home}{path}" for path in pages), "--outlet", "bbc", *PRIVATE, *QUICK)
    assert (done.returncode, done.stderr) == (0, "")
    assert "    '.onward-journey',  # text behind the story's last paragraph, on 6 of 6 pages" in done.stdout
    assert set(pages) <= set(asked)
