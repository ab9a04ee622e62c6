"""HOOK: who is told what of a crawl."""

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scrapy.settings import Settings

from crawler.reports.notify import notify
from tests.crawler.site import site
from tests.lake.stories import page
from tests.lake.test_workers import is_gone, until

ROOT = Path(__file__).resolve().parents[2]
QUICK = ["-s", "ALLOWED_NETWORKS=127.0.0.0/8", "-s", "DOWNLOAD_DELAY=0", "-s", "RETRY_TIMES=0"]


@pytest.fixture
def told(tmp_path):
    """(the HOOK setting, what it was told)."""
    script, heard = tmp_path / "hook.py", tmp_path / "heard.json"
    script.write_text(f"import sys, pathlib; pathlib.Path({str(heard)!r}).write_text(sys.stdin.read())")
    return shlex.join(
        [sys.executable, str(script)]
    ), lambda: json.loads(heard.read_text()) if heard.exists() else None


def crawl(tmp_path, hook, *urls, more=()):
    (tmp_path / "urls.txt").write_text("\n".join(urls))
    place = {"STATE_DIR": str(tmp_path / "state"), "LAKE_URI": str(tmp_path / "lake"), "HOOK": hook}
    command = [
        sys.executable,
        "-m",
        "scrapy",
        "crawl",
        "urls",
        "-a",
        f"file={tmp_path / 'urls.txt'}",
        *QUICK,
        *more,
    ]
    environ = {**os.environ, **place}
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)


def test_a_failed_crawl_tells_its_record(tmp_path, told):
    hook, heard = told
    done = crawl(tmp_path, hook, "http://127.0.0.1:9/nobody")
    assert done.returncode == 1
    record = heard()
    assert (record["exit_code"], record["spider"]) == (1, "urls")
    assert record["faults"] == ["no candidate answered"]
    assert record["counts"]["rejects/unreachable"] == 1
    assert (
        record["run_id"] in done.stderr or (tmp_path / "lake" / "runs" / f"{record['run_id']}.json").exists()
    )


def test_a_crawl_that_landed_tells_nothing_unless_always(tmp_path, told):
    hook, heard = told
    with site({"/a": page("http://x.test/a", "bridge").body.decode()}.get) as (home, _):
        assert crawl(tmp_path, hook, f"{home}/a").returncode == 0
        assert heard() is None
        assert crawl(tmp_path, hook, f"{home}/a", more=("-s", "HOOK_ALWAYS=1")).returncode == 0
    assert heard()["exit_code"] == 0


def test_a_crawl_that_cannot_begin_is_told_too(tmp_path, told):
    hook, heard = told
    assert crawl(tmp_path, hook, "https://public.example/").returncode == 2
    record = heard()
    assert record["exit_code"] == 2
    assert "CONTACT" in record["faults"][0]


@pytest.mark.parametrize(
    ("command", "said"),
    [("no-such-program-at-all", "No such file"), ("sh -c 'echo broken; exit 7'", "exited 7: broken"),
     ("unclosed 'quote", "No closing quotation")],
)  # fmt: skip
def test_a_hook_that_fails_is_logged_and_changes_nothing(caplog, command, said):
    notify(Settings({"HOOK": command, "HOOK_TIMEOUT_S": 10}), 1, {})
    assert f"HOOK failed: {caplog.messages[0].removeprefix('HOOK failed: ')}" == caplog.messages[0]
    assert said in caplog.text


def test_a_hook_has_its_time_and_what_it_started_ends_with_it(caplog, tmp_path):
    began = time.monotonic()
    command = shlex.join(["sh", "-c", 'sleep 300 & echo $! > "$0"; sleep 300', str(tmp_path / "started")])
    notify(Settings({"HOOK": command, "HOOK_TIMEOUT_S": 1}), 1, {})
    assert time.monotonic() - began < 100
    assert "sh was killed after 1 s (HOOK_TIMEOUT_S)" in caplog.text
    assert str(tmp_path) not in caplog.text  # a command may have secrets in it
    started = int((tmp_path / "started").read_text())
    until(lambda: is_gone(started))


def test_a_hook_that_reads_nothing_is_no_failure(caplog):
    notify(Settings({"HOOK": "true", "HOOK_TIMEOUT_S": 5}), 1, {"much": "x" * 1_000_000})
    assert caplog.text == ""


def test_a_hook_gets_of_the_environment_what_is_named(caplog, tmp_path, monkeypatch):
    for name in ("AWS_SECRET_ACCESS_KEY", "CANARY", "DESK_URL", "DESK_TOKEN"):
        monkeypatch.setenv(name, f"value of {name}")
    monkeypatch.delenv("NOT_SET", raising=False)
    command = shlex.join(["sh", "-c", 'env > "$0"', str(tmp_path / "environment")])

    def given(named):
        notify(Settings({"HOOK": command, "HOOK_ENV": named, "HOOK_TIMEOUT_S": 10}), 1, {})
        lines = (tmp_path / "environment").read_text().splitlines()
        variables = dict(line.split("=", 1) for line in lines if "=" in line)
        return {
            v for v in variables.items() if v[0] not in ("PWD", "OLDPWD", "SHLVL", "_")
        }  # the shell's own

    always = {(name, os.environ[name]) for name in ("PATH", "HOME")}
    assert given("") == always
    assert given(None) == always
    assert given("DESK_URL") - always == {("DESK_URL", "value of DESK_URL")}
    assert caplog.text == ""
    assert {name for name, _ in given(" DESK_URL , DESK_TOKEN,,NOT_SET") - always} == {
        "DESK_URL",
        "DESK_TOKEN",
    }
    assert "HOOK_ENV names NOT_SET, which is not set" in caplog.text


def test_a_hook_is_told_no_secret(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    heard = tmp_path / "heard.json"
    fault = "canary-secret did not open https://name:canary@host.example/x?X-Amz-Signature=canary&day=1 for mailto:a@b.example"
    command = shlex.join(["sh", "-c", 'cat > "$0"', str(heard)])
    notify(Settings({"HOOK": command, "HOOK_TIMEOUT_S": 10}), 1, {"faults": [fault], "title": "Zürich: “no”"})
    told = json.loads(heard.read_text("utf-8"))
    assert told["faults"] == [
        "… did not open https://…@host.example/x?X-Amz-Signature=…&day=1 for mailto:a@b.example"
    ]
    assert told["title"] == "Zürich: “no”"
