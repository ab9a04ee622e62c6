"""What is wrong is told in one line, before the first request, and ends with the right exit code."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CANARY = "canary-0f3b9a"


@pytest.fixture
def scrapy(tmp_path, monkeypatch):
    """Run a Scrapy command in a folder of its own."""
    monkeypatch.setenv("STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("LAKE_URI", str(tmp_path / "lake"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("CONTACT", raising=False)

    def scrapy(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "scrapy", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60
        )

    return scrapy


def assert_told(done, code, *parts):
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert [part for part in parts if part not in lines[0]] == []
    assert CANARY not in done.stderr + done.stdout


def test_an_unknown_outlet(scrapy, tmp_path):
    assert_told(scrapy("crawl", "budapestpots"), 2, "'budapestpots'", "did you mean 'budapestpost'?")
    assert not (tmp_path / "lake").exists()


def test_no_contact(scrapy, tmp_path):
    assert_told(
        scrapy("crawl", "budapestpost"),
        2,
        "CONTACT is not set",
        "budapestpost.com",
        "CONTACT=you@example.org",
    )
    assert not (tmp_path / "lake").exists()


def test_a_contact_that_is_none(scrapy):
    assert_told(scrapy("crawl", "budapestpost", "-s", "CONTACT=me"), 2, "CONTACT", "'me'", "e-mail address")


@pytest.mark.parametrize("command", [["outlets", "--check"], ["crawl", "broken"]])
@pytest.mark.parametrize("given", ["setting", "environment"])
def test_a_broken_outlet_file(scrapy, tmp_path, monkeypatch, command, given):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "broken.toml").write_text(
        'name = "B"\nhome = "https://b.example/"\ndomains = ["b.example"]\n[polteness]\ndelay_s = 1\n'
    )
    more = ["-s", f"OUTLETS_DIR={tmp_path / 'mine'}"] if given == "setting" else []
    if given == "environment":
        monkeypatch.setenv("OUTLETS_DIR", str(tmp_path / "mine"))
    assert_told(scrapy(*command, *more), 2, "broken.toml:4", "polteness", "did you mean 'politeness'?")


def test_a_folder_of_outlets_that_is_not_there(scrapy, tmp_path):
    assert_told(scrapy("list", "-s", f"OUTLETS_DIR={tmp_path / 'none'}"), 2, "OUTLETS_DIR", "no such folder")


def test_a_list_of_addresses_that_is_not_there(scrapy):
    done = scrapy("crawl", "urls", "-a", "file=none.txt")
    assert done.returncode == 2
    assert "none.txt: cannot be read" in done.stderr


def test_urls_without_a_file(scrapy):
    done = scrapy("crawl", "urls")
    assert done.returncode == 2
    assert "scrapy crawl urls -a file=" in done.stderr


@pytest.mark.parametrize(
    "setting",
    [
        "ALLOWED_NETWORKS=300.1.2.3/8",
        'DNS_OVERRIDES={"a.test": "b"}',
        "FLUSH_ROWS=many",
        "DEDUPE_WINDOW_DAYS=month",
    ],
)
def test_a_setting_that_says_nothing(scrapy, setting):
    assert_told(scrapy("crawl", "budapestpost", "-s", setting), 2, setting.partition("=")[0])


@pytest.mark.parametrize(
    "setting",
    [f"AWS_SECRET_ACCESS_KEY={CANARY}", f"LAKE_URI=s3://key:{CANARY}@bucket/x", "LAKE_URI=gs://bucket/x"],
)
def test_a_secret_in_the_settings_and_a_wrong_address_of_the_lake(scrapy, setting):
    done = scrapy("crawl", "budapestpost", "-s", "CONTACT=a@b.example", "-s", setting)
    assert_told(done, 2, setting.partition("=")[0])


CRAWL = ("crawl", "budapestpost", "-s", "CONTACT=desk@example.org")


@pytest.mark.parametrize(
    ("command", "uri", "meant"),
    [
        (CRAWL, "s3:/bucket/x", "s3://bucket/x"),
        (("crawlall", "-s", "CONTACT=desk@example.org"), "S3:/bucket/x", "s3://bucket/x"),
        (("reclean",), "s3//bucket/x", "s3://bucket/x"),
        (CRAWL, "s3:///bucket/x", "s3://bucket/x"),
        (CRAWL, "file:/tmp/x", "/tmp/x"),
    ],
)
def test_a_misspelt_address_of_the_lake_writes_nothing(scrapy, tmp_path, command, uri, meant):
    before = set(ROOT.iterdir())
    assert_told(scrapy(*command, "-s", f"LAKE_URI={uri}"), 2, "LAKE_URI", f"did you mean {meant}?")
    assert set(ROOT.iterdir()) == before
    assert list(tmp_path.iterdir()) == []


def test_a_missing_bucket(scrapy, bucket):
    assert_told(scrapy(*CRAWL, "-s", "LAKE_URI=s3://no-such-bucket/x"), 1, "no-such-bucket", "does not exist")


def test_wrong_credentials(scrapy, bucket, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    assert_told(
        scrapy(*CRAWL, "-s", f"LAKE_URI={bucket}/x"), 1, bucket, "access refused", "AWS_ACCESS_KEY_ID"
    )


def test_an_endpoint_that_is_not_there(scrapy, bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert_told(
        scrapy(*CRAWL, "-s", f"LAKE_URI={bucket}/x"), 1, bucket, "cannot be reached", "AWS_ENDPOINT_URL"
    )


def test_a_folder_that_cannot_be_written(scrapy, tmp_path):
    (tmp_path / "file").write_text("")
    assert_told(scrapy(*CRAWL, "-s", f"LAKE_URI={tmp_path / 'file' / 'lake'}"), 1, "cannot be written")


def test_a_bad_line_in_a_list_costs_that_line_alone(scrapy, tmp_path):
    (tmp_path / "list.txt").write_text(
        "# mine\nhttp://127.0.0.1:9/a-story\nnot an address\nftp://x.example/y\n"
    )
    done = scrapy(
        "crawl",
        "urls",
        "-a",
        f"file={tmp_path / 'list.txt'}",
        "-s",
        "ALLOWED_NETWORKS=127.0.0.0/8",
        "-s",
        "RETRY_TIMES=0",
    )
    assert done.stderr.count("not an http or https address") == 2
    assert "1 reject" in done.stderr  # nothing listens there
    assert done.returncode == 1
    assert "no candidate answered" in done.stderr
