"""A real scrapyd on loopback: the egg is deployed, a crawl scheduled, and its rows land."""

import json
import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from contextlib import suppress
from pathlib import Path

import pytest

from lake.parquet.reading import table
from lake.storage.open_store import open_store
from tests.crawler.site import site
from tests.lake.stories import page

pytestmark = pytest.mark.xdist_group("scrapyd")
pytest.importorskip("scrapyd", reason="scrapyd is not installed: pip install '.[scrapyd]'")

ROOT = Path(__file__).resolve().parents[2]


class Scrapyd:
    def __init__(self, folder, port):
        self.folder, self.address = folder, f"http://127.0.0.1:{port}"

    def ask(self, what, data=None, headers=None):
        request = urllib.request.Request(f"{self.address}/{what}", data, headers or {})
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        assert found["status"] == "ok", found
        return found

    def deploy(self, egg):
        mark = uuid.uuid4().hex
        fields = {"project": "pressline", "version": "1"}
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'
            for k, v in fields.items()
        ]
        head = f'--{mark}\r\nContent-Disposition: form-data; name="egg"; filename="pressline.egg"\r\n\r\n'
        body = "".join(parts).encode() + head.encode() + egg.read_bytes() + f"\r\n--{mark}--\r\n".encode()
        return self.ask("addversion.json", body, {"Content-Type": f"multipart/form-data; boundary={mark}"})

    def schedule(self, spider, **arguments):
        given = {"project": "pressline", "spider": spider, **arguments}
        return self.ask("schedule.json", urllib.parse.urlencode(given, doseq=True).encode())["jobid"]

    def finished(self, job):
        """Waits for its end; returns its log."""
        until = time.monotonic() + 200
        while job not in [j["id"] for j in self.ask("listjobs.json?project=pressline")["finished"]]:
            assert time.monotonic() < until, self.ask("listjobs.json?project=pressline")
            time.sleep(0.3)
        return next(self.folder.glob(f"logs/*/*/{job}.log")).read_text()


def free_port():
    """Below the range that systems hand out by themselves: another test's connection would be given it meanwhile."""
    for port in random.SystemRandom().sample(range(10_000, 20_000), 100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no free port on 127.0.0.1 between 10000 and 20000")


@pytest.fixture
def scrapyd(tmp_path):
    """scrapyd with the configuration of deploy/, on a port of its own."""
    port = free_port()
    config = (ROOT / "deploy" / "scrapyd" / "scrapyd.conf").read_text()
    (tmp_path / "scrapyd.conf").write_text(config.replace("http_port = 6800", f"http_port = {port}"))
    environ = {
        **{k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        "LAKE_URI": str(tmp_path / "lake"),
        "STATE_DIR": str(tmp_path / "state"),
        "OUTLETS_DIR": str(tmp_path / "outlets"),
    }
    with (tmp_path / "scrapyd.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "scrapyd"], cwd=tmp_path, env=environ, stdout=log, stderr=log
        )
    server, until = Scrapyd(tmp_path, port), time.monotonic() + 60
    try:
        while True:
            try:
                server.ask("daemonstatus.json")
                break
            except urllib.error.URLError:
                assert process.poll() is None, (tmp_path / "scrapyd.log").read_text()
                assert time.monotonic() < until
                time.sleep(0.2)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def test_an_egg_is_deployed_scheduled_and_its_rows_land(scrapyd, tmp_path):
    pages = {"/a-story-of-today": page("http://x.test/a", "bridge").body.decode()}
    with site(pages.get) as (home, asked):
        pages["/feed"] = (
            "<rss version='2.0'><channel><title>t</title>"
            f"<item><title>x</title><link>{home}/a-story-of-today</link></item></channel></rss>"
        )
        (tmp_path / "outlets").mkdir()
        (tmp_path / "outlets" / "mine.toml").write_text(
            f'name = "Mine"\nhome = "{home}/"\ndomains = ["127.0.0.1"]\n[sources]\nfeeds = ["{home}/feed"]\n'
        )
        egg = tmp_path / "pressline.egg"
        builder = ROOT / "deploy" / "scrapyd" / "build_egg.py"
        subprocess.run([sys.executable, str(builder), str(egg)], cwd=tmp_path, check=True)
        assert scrapyd.deploy(egg)["spiders"] > 2
        spiders = scrapyd.ask("listspiders.json?project=pressline")["spiders"]
        assert {"all", "urls", "mine"} <= set(spiders)
        settings = ["ALLOWED_NETWORKS=127.0.0.0/8", "DOWNLOAD_DELAY=0"]
        log = scrapyd.finished(scrapyd.schedule("mine", setting=settings))
        assert [r["outlet"] for r in table(str(tmp_path / "lake"), "articles").to_pylist()] == ["mine"], log
        assert "1 new → 1 article →" in log
        fetched = len(asked)
        log = scrapyd.finished(scrapyd.schedule("all", only="mine", setting=settings))
        assert "→ nothing new →" in log
        assert "/a-story-of-today" not in asked[fetched:]
    assert len([k for k in open_store(str(tmp_path / "lake")).keys("runs/") if "started" not in k]) == 2
