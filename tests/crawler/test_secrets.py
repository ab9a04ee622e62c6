"""Canaries in every place that a crawl reads: none in what it prints, logs, records, lands or keeps."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from tests.crawler.site import site
from tests.lake.stories import page

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {
    "AWS_ACCESS_KEY_ID": "canary-access-key", "AWS_SECRET_ACCESS_KEY": "canary-secret", "AWS_SESSION_TOKEN": "canary-token",
    "HTTP_PROXY": "http://name:canary@127.0.0.1:9", "HTTPS_PROXY": "http://name:canary@127.0.0.1:9",
    "OTHER_TOKEN": "canary-other",
}  # fmt: skip
OUTLET = """
name = "Mine"
home = "{home}/"
domains = ["127.0.0.1"]
[articles]
allow = ["^/news/"]
[sources]
feeds = ["{feed}"]
"""


def run(folder, *arguments, **environ):
    given = {
        "STATE_DIR": folder / "state", "LAKE_URI": folder / "lake", "OUTLETS_DIR": folder / "outlets",
        "ALLOWED_NETWORKS": "127.0.0.0/8", "DOWNLOAD_DELAY": 0, "RETRY_TIMES": 0, "LOG_LEVEL": "DEBUG", "HOOK_ALWAYS": 1,
    }  # fmt: skip
    settings = [part for name, value in given.items() for part in ("-s", f"{name}={value}")]
    hook = shlex.join(
        ["sh", "-c", 'cat > "$0"; env > "$1"', str(folder / "heard"), str(folder / "hook-environment")]
    )
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", *arguments, *settings],
        cwd=ROOT, env={**os.environ, **SECRETS, "HOOK": hook, **environ}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def outlet(folder, home, feed):
    (folder / "outlets").mkdir(exist_ok=True)
    (folder / "outlets" / "mine.toml").write_text(OUTLET.format(home=home, feed=feed))


def test_a_crawl_tells_no_secret(tmp_path):
    """Nor the user info of a feed's entry. What the address of a source has in its query is the key of its record, and
    stands there; the log and the hook do not have it."""
    body = page("http://x.test/a", "bridge").body.decode()
    feed = "<rss><channel><item><link>http://name:canary@{}/news/a</link></item></channel></rss>"
    with site(lambda path: feed.format(host[0]) if path.startswith("/feed") else body) as (home, asked):
        host = [home.removeprefix("http://")]
        outlet(tmp_path, home, f"{home}/feed?access_token=canary")
        code, printed = run(tmp_path, "crawl", "mine")
    assert code == 0, printed
    assert {"/news/a", "/feed?access_token=canary"} <= set(asked)
    assert "canary" not in printed
    assert "access_token=…" in printed
    assert "access_token=…" in (tmp_path / "heard").read_text()
    holders = {p.parent.name for p in tmp_path.rglob("*") if p.is_file() and b"canary" in p.read_bytes()}
    assert {"outlets", "runs"} <= holders  # and the column `source` of the rows
    for record in (tmp_path / "lake" / "runs").iterdir():
        assert "canary" not in record.read_text().replace("access_token=canary", "")


def test_an_outlet_file_with_a_password_is_refused_without_it(tmp_path):
    outlet(tmp_path, "http://127.0.0.1:9", "http://name:canary@127.0.0.1:9/feed")
    code, printed = run(tmp_path, "crawl", "mine")
    assert code == 2
    assert "user name or password" in printed
    assert "canary" not in printed + (tmp_path / "heard").read_text()
