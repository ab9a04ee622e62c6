"""Teaching an outlet by marking a page: `explain --html`, `suggest --marks`, and `outlets --check` with what is kept."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html as markup
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cleaning import Rules
from crawler.inspection.explanation import LakeFacts, explain_page
from crawler.inspection.explanation_html import as_html
from tests.cleaning.pages import STORY, html, paragraphs, raw

ROOT = Path(__file__).resolve().parents[2]
PLEA = "Readers like you keep our harbour desk alive, so think of us when you next renew your ferry pass."
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OUTLET = 'name = "Gazette"\nhome = "https://gazette.example/"\ndomains = ["gazette.example"]\n'


def page(number: int, plea: str = PLEA) -> str:
    """A page of the outlet, with a plea in a box of its own inside the story."""
    own = [f"{text} It was report {number} of the harbour desk." for text in STORY]
    box = f"<div class='harbour-call'><p>{plea}</p></div>" if plea else ""
    return html(
        f"<nav><a class='desk' href='/desk'>Harbour desk</a></nav><article><h1>Harbour bridge closes {number}</h1>"
        f"<div class='story'>{paragraphs(tuple(own[:3]))}{box}{paragraphs(tuple(own[3:]))}</div></article>",
        f'<link rel="canonical" href="https://gazette.example/{number}/harbour-bridge-closes">',
    )


def marks(number: int, fields: dict[str, list[str]] | None = None) -> str:
    blocks = [
        {"is": "story", "text": f"{text} It was report {number} of the harbour desk."} for text in STORY
    ]
    return json.dumps(
        {
            "pressline_marks": 1,
            "url": f"https://gazette.example/{number}/harbour-bridge-closes",
            "outlet": "gazette.example",
            "blocks": [*blocks, {"is": "furniture", "by_hand": True, "text": PLEA}],
            "fields": fields or {},
        }
    )


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with three pages, and one with an outlet's file."""
    monkeypatch.setenv("STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("LAKE_URI", str(tmp_path / "lake"))
    monkeypatch.setenv("OUTLETS_DIR", str(tmp_path / "outlets"))
    for name in ("CONTACT", "LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    for number in (1, 2, 3):
        (tmp_path / f"{number}.html").write_text(page(number))
    (tmp_path / "1.marks.json").write_text(marks(1))
    (tmp_path / "outlets").mkdir()
    (tmp_path / "outlets" / "gazette.toml").write_text(OUTLET)
    return tmp_path


def scrapy(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scrapy", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


# ---------------------------------------------------------------- the page to mark


def explained(body: str) -> str:
    page_to_explain = raw(body, "https://gazette.example/1/harbour-bridge-closes")
    return as_html(explain_page(page_to_explain, Rules(), LakeFacts(), leaves_reserved=False))


def test_the_file_runs_its_own_script_only_and_loads_nothing():
    report = explained(page(1, plea="</script><script>alert(1)</script><img src=x onerror=alert(1)>"))
    [script] = re.findall(r"<script>(.*?)</script>", report, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in report
    assert not re.search(r"<(?:img|link|iframe|object|embed|source)\b|\bsrc=|@import|url\(", report)


def test_a_page_that_is_none_has_nothing_to_mark():
    report = explained("<html><body><p>Gone.</p></body></html>")
    assert "<script>" not in report
    assert 'id="marks"' not in report


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium, to click in the page")
def test_marking_in_a_browser_gives_a_marks_file_that_teaches_a_rule(here):
    report = here / "report.html"
    assert scrapy("explain", "--html", report, here / "1.html").returncode == 0
    clicks = """
    const block = [...document.querySelectorAll('[data-is]')].find(one => one.textContent.includes('Readers like you'));
    [...block.querySelectorAll('button')].find(one => one.textContent === 'furniture').click();
    const section = document.querySelector('[data-field=section]');
    section.value = 'Harbour desk';
    section.dispatchEvent(new Event('input', {bubbles: true}));
    URL.createObjectURL = blob => { blob.text().then(text => { document.title = btoa(unescape(encodeURIComponent(text))); }); return '#'; };
    document.getElementById('download').click();
    """
    digest = base64.b64encode(hashlib.sha256(clicks.encode()).digest()).decode()
    driven = report.read_text().replace("script-src ", f"script-src 'sha256-{digest}' ")
    report.write_text(driven.replace("</main>", f"<script>{clicks}</script></main>"))
    assert BROWSER
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=5000",
        "--dump-dom",
    ]
    profile = f"--user-data-dir={here / 'profile'}"
    environment = {**os.environ, "HOME": str(here)}
    done = subprocess.run(
        [*command, profile, report.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=True,
    )
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.S)
    assert title
    given = base64.b64decode(markup.unescape(title[1])).decode()
    (here / "given.json").write_text(given)
    blocks = json.loads(given)["blocks"]
    assert [block["text"] for block in blocks if block.get("by_hand")] == [PLEA]
    assert sum(block["is"] == "story" for block in blocks) == len(STORY)
    taught = scrapy("suggest", "--marks", here / "given.json", here / "1.html", here / "2.html")
    content = tomllib.loads(taught.stdout)
    assert content == {"clutter": {"cut": [".harbour-call"]}, "fields": {"section": ".desk"}}


# ---------------------------------------------------------------- suggest --marks


def test_marks_teach_a_rule_and_show_what_it_changes_on_pages_that_nobody_marked(here):
    done = scrapy(
        "suggest", "--marks", here / "1.marks.json", here / "1.html", here / "2.html", here / "3.html"
    )
    assert done.returncode == 0
    assert tomllib.loads(done.stdout) == {"clutter": {"cut": [".harbour-call"]}}
    assert "# read off 1 marked page\n" in done.stdout
    for number in (2, 3):
        assert (
            f"# https://gazette.example/{number}/harbour-bridge-closes, which nobody marked: these changes\n"
            "#   - Readers like you keep our harbour desk alive" in done.stdout
        )


def test_what_no_rule_mends_is_told(here):
    (here / "1.marks.json").write_text(marks(1, {"section": ["Nowhere to be found"]}))
    done = scrapy("suggest", "--marks", here / "1.marks.json", here / "1.html")
    assert "still otherwise than marked:\n#   section: none, marked as Nowhere to be found" in done.stdout


def test_gold_texts_in_a_folder_are_marks(here):
    (here / "gold").mkdir()
    for number in (1, 2):
        text = "\n".join(f"{text} It was report {number} of the harbour desk." for text in STORY)
        (here / "gold" / f"{number}.txt").write_text(text)
    done = scrapy("suggest", "--marks", here / "gold", here / "1.html", here / "2.html", here / "3.html")
    assert tomllib.loads(done.stdout) == {"clutter": {"cut": [".harbour-call"]}}
    assert "# read off 2 marked pages\n" in done.stdout


def test_pages_that_come_out_as_marked_give_nothing_and_exit_code_1(here):
    (here / "1.html").write_text(page(1, plea=""))
    done = scrapy("suggest", "--marks", here / "1.marks.json", here / "1.html")
    assert (done.returncode, done.stdout.strip(), done.stderr.strip()) == (1, "", "nothing to suggest")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--marks", "1.marks.json"],
            "marks of https://gazette.example/1/harbour-bridge-closes, which is none of the pages",
        ),
        (["--marks", "1.marks.json", "2.html"], "which is none of the pages: name it too"),
        (["--marks", "broken.json", "1.html"], "broken.json: not JSON"),
        (["--marks", "missing.json", "1.html"], "missing.json: cannot be read: No such file"),
        (
            ["--marks", "1.html"],
            "--marks: expected marks files (.json) or gold texts (.txt), or folders of them",
        ),
        (["--marks", "9.txt", "1.html"], "a gold text, and no page has its name (9.html)"),
        (["--marks", "empty", "1.html"], "--marks: expected marks files"),
        (["--keep", "1.html"], "--keep: there are no marks to keep"),
        (["--marks", "short.json", "short.html"], "none of the marked pages holds an article"),
        (["--marks", "1.marks.json", "1.html", "--outlet", "nowhere"], "no outlet is called 'nowhere'"),
    ],
)
def test_what_cannot_be_done_is_told(here, arguments, message):
    (here / "broken.json").write_text("{")
    (here / "9.txt").write_text("A gold text.")
    (here / "empty").mkdir()
    short = '<html><head><link rel="canonical" href="https://gazette.example/9"></head><body><p>Gone.</p></body></html>'
    (here / "short.html").write_text(short)
    (here / "short.json").write_text(marks(1).replace("/1/harbour-bridge-closes", "/9"))
    done = scrapy(
        "suggest",
        *(here / one if (here / one).exists() or "." in one or one == "empty" else one for one in arguments),
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


# ---------------------------------------------------------------- kept marks


def test_kept_marks_are_a_regression_test_of_the_outlets_file(here):
    kept = scrapy("suggest", "--marks", here / "1.marks.json", here / "1.html", "--keep")
    assert kept.returncode == 0
    folder = here / "outlets" / "marks" / "gazette"
    [path] = folder.glob("*.json")
    assert f"kept: {path}" in kept.stderr
    assert gzip.decompress(path.with_name(f"{path.stem}.html.gz").read_bytes()) == page(1).encode()
    before = scrapy("outlets", "--check", "gazette")
    assert before.returncode == 1
    assert f"{path}: furniture is in the text: Readers like you" in before.stderr
    assert "1 marked page: 1 not as marked" in before.stdout
    (here / "outlets" / "gazette.toml").write_text(f"{OUTLET}\n{kept.stdout}")
    after = scrapy("outlets", "--check", "gazette")
    assert (after.returncode, after.stderr) == (0, "")
    assert after.stdout == "1 marked page: none not as marked\n1 outlet is sound\n"


def test_kept_marks_bring_their_page_along(here):
    scrapy("suggest", "--marks", here / "1.marks.json", here / "1.html", "--keep")
    done = scrapy("suggest", "--marks", here / "outlets" / "marks" / "gazette")
    assert tomllib.loads(done.stdout) == {"clutter": {"cut": [".harbour-call"]}}


def test_a_kept_page_that_cannot_be_read_is_a_mistake(here):
    scrapy("suggest", "--marks", here / "1.marks.json", here / "1.html", "--keep")
    [path] = (here / "outlets" / "marks" / "gazette").glob("*.html.gz")
    path.write_bytes(b"\x1f\x8bbroken")
    done = scrapy("outlets", "--check", "gazette")
    assert done.returncode == 2
    assert f"{path}: cannot be read" in done.stderr


def test_marks_of_an_outlet_without_a_file_cannot_be_kept(here):
    (here / "outlets" / "gazette.toml").unlink()
    done = scrapy("suggest", "--marks", here / "1.marks.json", here / "1.html", "--keep")
    assert done.returncode == 2
    assert "--keep: no outlet file for gazette.example" in done.stderr
