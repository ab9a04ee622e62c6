"""A mistake in one outlet's file: the others are crawled all the same, and it is named."""

import json
import os
import subprocess
import sys

import pytest

from lake.parquet.reading import table
from tests.crawler.outlet_crawl import ROOT
from tests.crawler.site import site
from tests.crawler.test_later_pages import page

FEED = "<rss version='2.0'><channel><item><link>/news/1</link></item></channel></rss>"


@pytest.fixture
def scrapy(tmp_path):
    folder = tmp_path / "outlets"
    folder.mkdir()

    def answer(path):
        return page("mill") if path.startswith("/news/") else FEED if path == "/feed" else None

    with site(answer) as (home, _):
        port = home.rpartition(":")[2]
        for name, key in (("sound", "name"), ("broken", "nmae")):
            (folder / f"{name}.toml").write_text(
                f'{key} = "Paper"\nhome = "http://{name}.test:{port}/"\ndomains = ["{name}.test"]\n'
                f'[sources]\nfeeds = ["http://{name}.test:{port}/feed"]\n'
            )
        settings = {
            "ALLOWED_NETWORKS": "127.0.0.0/8",
            "DNS_OVERRIDES": json.dumps({"sound.test": "127.0.0.1", "broken.test": "127.0.0.1"}),
            "DOWNLOAD_DELAY": "0",
            "AUTOTHROTTLE_ENABLED": "0",
        }
        given = [part for name, value in settings.items() for part in ("-s", f"{name}={value}")]
        places = {"LAKE_URI": tmp_path / "lake", "STATE_DIR": tmp_path / "state", "OUTLETS_DIR": folder}
        environ = {key: value for key, value in os.environ.items() if key != "CONTACT"}
        environ |= {name: str(path) for name, path in places.items()}

        def scrapy(*arguments):
            return subprocess.run(
                [sys.executable, "-m", "scrapy", *arguments, *given],
                cwd=ROOT,
                env=environ,
                capture_output=True,
                text=True,
                timeout=120,
            )

        scrapy.folder, scrapy.port = tmp_path, port
        yield scrapy


def landed(scrapy):
    return [row["outlet"] for row in table(str(scrapy.folder / "lake"), "articles").to_pylist()]


def record(scrapy):
    paths = (scrapy.folder / "lake" / "runs").glob("*.json")
    (path,) = (path for path in paths if not path.name.endswith(".started.json"))
    return json.loads(path.read_text())


def test_the_sound_one_is_crawled_and_the_broken_one_is_named(scrapy):
    done = scrapy("crawl", "sound")
    assert done.returncode == 0, done.stderr
    assert landed(scrapy) == ["sound"]
    assert "left out for mistakes in the file: broken.toml" in done.stderr


def test_the_broken_one_is_refused_with_its_mistakes(scrapy):
    file = scrapy.folder / "list.txt"
    file.write_text(f"http://sound.test:{scrapy.port}/news/1\nhttp://www.broken.test:{scrapy.port}/news/2\n")
    for arguments in (
        ("crawl", "broken"),
        ("crawlall", "--only", "broken"),
        ("crawl", "urls", "-a", f"file={file}"),
        ("explain", "--outlet", "broken", str(file)),
        ("outlets", "--check"),
        ("outlets", "--check", "broken", "sound"),
        ("parse", f"http://broken.test:{scrapy.port}/news/3"),
        ("parse", f"http://www.broken.test:{scrapy.port}/news/3", "--spider", "urls", "--pipelines"),
        ("parse", f"http://broken.test:{scrapy.port}/news/3", "--spider", "sound", "--pipelines"),
        ("parse", f"http://sound.test:{scrapy.port}/news/3", "--spider", "broken"),
        ("crawl", "warc", "-a", f"files={file}", "-a", "outlets=broken"),
    ):
        done = scrapy(*arguments)
        assert done.returncode == 2, (arguments, done.stderr)
        assert "broken.toml:1: nmae: unknown key" in done.stderr
    assert not (scrapy.folder / "lake").exists()


def test_a_list_without_addresses_of_the_broken_one_is_crawled(scrapy):
    file = scrapy.folder / "list.txt"
    file.write_text(f"http://sound.test:{scrapy.port}/news/1\n")
    assert scrapy("crawl", "urls", "-a", f"file={file}").returncode == 0
    assert landed(scrapy) == ["sound"]


def test_crawlall_crawls_the_sound_ones_and_fails_for_the_broken_one(scrapy):
    done = scrapy("crawlall", "--only", "sound,broken")
    assert done.returncode == 1
    assert landed(scrapy) == ["sound"]
    (line,) = (line for line in done.stderr.splitlines() if "FAILED" in line)
    assert "broken: not crawled for a mistake in its file" in line
    assert "broken.toml" in line
    (trouble,) = (line for line in done.stderr.splitlines() if line.startswith("broken: "))
    assert trouble.endswith("; scrapy outlets --check broken")
    assert record(scrapy)["outlets"]["broken"] == {"ended": "broken_file"}
    assert scrapy("crawlall", "--only", "sound").returncode == 0


def test_the_list_names_the_sound_ones(scrapy):
    done = scrapy("list")
    assert done.returncode == 0
    assert "sound" in done.stdout.split()
    assert "broken" not in done.stdout.split()
    assert "broken.toml" in done.stderr


def test_parse_of_a_sound_one_goes_on(scrapy):
    done = scrapy("parse", f"http://sound.test:{scrapy.port}/news/3", "--pipelines")
    assert done.returncode == 0, done.stderr
    assert landed(scrapy) == ["sound"]


def test_a_replay_of_sound_outlets_goes_on_and_of_all_says_why_not(scrapy):
    file = scrapy.folder / "list.txt"
    file.write_text("no WARC")
    done = scrapy("crawl", "warc", "-a", f"files={file}")
    assert done.returncode == 2
    assert "broken.toml:1: nmae: unknown key" in done.stderr
    assert "-a outlets=" in done.stderr
    done = scrapy("crawl", "warc", "-a", f"files={file}", "-a", "outlets=sound")
    assert done.returncode == 1, done.stderr
    assert "1 WARC file could not be read" in done.stderr


def test_the_outlets_command_looks_at_the_named_ones(scrapy):
    done = scrapy("outlets", "sound", "--check")
    assert (done.returncode, done.stdout) == (0, "1 outlet is sound\n"), done.stderr
    done = scrapy("outlets", "broken", "sound")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[1:] if line[:1].strip()] == [
        "broken",
        "sound",
    ]
    assert "broken.toml:1: nmae: unknown key" in done.stdout
    done = scrapy("outlets", "broken", "sound", "--live")
    assert done.returncode == 1
    assert "sound" in done.stdout
    assert "broken.toml:1: nmae: unknown key" in done.stdout
    done = scrapy("outlets", "broken", "--live", "--json")
    assert done.returncode == 1
    (answer,) = json.loads(done.stdout)
    assert answer["outlet"] == "broken"
    assert "broken.toml:1: nmae: unknown key" in answer["error"]
