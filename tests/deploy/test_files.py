"""The files of deploy/: verified by their own tools where there are any, else as text."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from crawler.reports.run_report import EXIT_HELD
from tests.crawler.site import site
from tests.lake.stories import page

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
SCRAPY = Path(sys.executable).parent / "scrapy"


# ---------------------------------------------------------------- systemd


@pytest.fixture
def units(tmp_path):
    """The units, as if installed on this machine."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze here")
    for unit in (DEPLOY / "systemd").iterdir():
        text = unit.read_text().replace("/opt/pressline/.venv/bin/scrapy", str(SCRAPY))
        (tmp_path / unit.name).write_text(text)
    return tmp_path


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60)


def test_systemd_finds_no_fault_with_the_units(units):
    done = analyze("verify", str(units / "pressline.service"), str(units / "pressline.timer"))
    assert (done.returncode, done.stderr) == (0, "")


def test_the_service_is_hardened(units):
    done = analyze("security", "--offline=true", "--threshold=20", str(units / "pressline.service"))
    assert done.returncode == 0, done.stdout[-500:]


def test_the_service_runs_as_its_own_user_and_stops_gently():
    lines = (DEPLOY / "systemd" / "pressline.service").read_text().splitlines()
    assert {"User=pressline", "KillMode=mixed", f"SuccessExitStatus={EXIT_HELD}", "Type=oneshot"} <= set(
        lines
    )
    (start,) = (line for line in lines if line.startswith("ExecStart="))
    assert start.endswith("/scrapy crawlall")


# ---------------------------------------------------------------- cron


def cron_lines():
    return [l for l in (DEPLOY / "crontab").read_text().splitlines() if l and not l.startswith("#")]  # noqa: E741


def cron(folder, settings, **environ):
    """Run the command as cron does, installed in a folder with these settings; what cron would mail."""
    *variables, line = cron_lines()
    assert all(re.fullmatch(r"[A-Z_]+=\S+", v) for v in variables)
    assert re.match(r"\d+( \*){4} ", line)
    assert "%" not in line  # cron would make a newline of it
    (folder / "env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    command = line.split(" ", 5)[5].replace("/etc/pressline/env", shlex.quote(str(folder / "env")))
    environ = {
        "LOG": str(folder / "log"),
        "PATH": "/usr/bin:/bin",
        "STATE_DIR": str(folder / "state"),
        **environ,
    }
    done = subprocess.run(["sh", "-c", command], env=environ, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("code", "is_mailed"), [(0, False), (1, True), (2, True), (3, False), (4, True), (137, True)]
)
def test_cron_s_command_is_silent_unless_a_crawl_failed(tmp_path, code, is_mailed):
    """The command itself, with a crawl that exits as told, in silence where it was killed."""
    crawl = tmp_path / ".venv" / "bin" / "scrapy"
    crawl.parent.mkdir(parents=True)
    crawl.write_text(
        "#!/bin/sh\n"
        f'echo "$1 into $LAKE_URI" >>"$3"; test {code} = 137 || echo "its last word" >&2; exit {code}\n'
    )
    crawl.chmod(0o755)
    mail = cron(tmp_path, {"LAKE_URI": "lake-of-the-file"}, PRESSLINE=str(tmp_path))
    assert (tmp_path / "log").read_text() == "crawlall into lake-of-the-file\n"
    last = "crawlall into lake-of-the-file" if code == 137 else "its last word"
    assert mail == (f"crawlall exited {code}; its log is {tmp_path / 'log'}\n{last}\n" if is_mailed else "")


def test_cron_mails_the_last_words_of_a_real_crawl_that_failed_and_nothing_else(tmp_path):
    pages = {"/news/a-story-of-today": page("http://x.test/a", "bridge").body.decode()}
    with site(pages.get) as (home, _):
        items = f"<item><title>x</title><link>{home}/news/a-story-of-today</link></item>"
        pages["/feed"] = f"<rss version='2.0'><channel><title>t</title>{items}</channel></rss>"
        outlets = tmp_path / "outlets"
        outlets.mkdir()
        file = (
            f'name = "Mine"\nhome = "{home}/"\ndomains = ["127.0.0.1"]\n[sources]\nfeeds = ["{home}/{{}}"]\n'
        )
        (outlets / "mine.toml").write_text(file.format("feed"))
        # the command crawls the outlets of a whole library: here of one file
        crawl = tmp_path / ".venv" / "bin" / "scrapy"
        crawl.parent.mkdir(parents=True)
        given = "--only mine -s ALLOWED_NETWORKS=127.0.0.0/8 -s DOWNLOAD_DELAY=0 -s CLEAN_WORKERS=0"
        crawl.write_text(f'#!/bin/sh\ncd {ROOT} && exec {SCRAPY} "$@" {given}\n')
        crawl.chmod(0o755)
        settings = {"LAKE_URI": tmp_path / "lake", "OUTLETS_DIR": outlets}
        assert cron(tmp_path, settings, PRESSLINE=str(tmp_path)) == ""
        log = (tmp_path / "log").read_text()
        assert log.splitlines()[-1].endswith(f"INFO: all: 1 new → 1 article → {tmp_path / 'lake'}")
        (outlets / "mine.toml").write_text(file.format("moved"))
        mail = cron(tmp_path, {**settings, "RETRY_TIMES": 0}, PRESSLINE=str(tmp_path)).splitlines()
        wrong = cron(tmp_path, {**settings, "LAKE_URI": "s3:/bucket/x"}, PRESSLINE=str(tmp_path)).splitlines()
    assert mail == [
        f"crawlall exited 1; its log is {tmp_path / 'log'}",
        f"mine: no source answered: {home}/moved: answered 404, and 1 more; scrapy outlets --live mine",
        f"all: nothing found → {tmp_path / 'lake'}; FAILED: mine: no source answered: "
        f"{home}/moved: answered 404, and 1 more",
    ]
    assert wrong[0].startswith("crawlall exited 2")
    assert "did you mean s3://bucket/x?" in wrong[1]


# ---------------------------------------------------------------- Docker


def instructions():
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "docker" / "Dockerfile").read_text())
    return [l.split(None, 1) for l in text.splitlines() if l and not l.startswith("#")]  # noqa: E741


def test_the_image_has_every_package_and_runs_as_nobody_in_particular():
    found = instructions()
    copied = {
        file
        for name, given in found
        if name == "COPY" and "--from" not in given
        for file in given.split()[:-1]
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {p.split(".")[0] for p in project["tool"]["setuptools"]["packages"]}
    wanted |= {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    assert wanted <= copied  # without one of them pip would not install the project
    let_in = (DEPLOY / "docker" / "Dockerfile.dockerignore").read_text()
    assert all(f"!{name}\n" in let_in for name in wanted)
    names = [name for name, _ in found]
    last_stage = found[len(names) - names[::-1].index("FROM") :]
    assert dict(last_stage)["USER"] == "10001:10001"
    assert dict(last_stage)["ENTRYPOINT"] == '["scrapy"]'
    assert "ADD" not in names


def test_the_image_s_base_is_pinned_to_a_python_that_we_support():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    bases = {given.split()[0] for name, given in instructions() if name == "FROM"}
    (base,) = bases
    version = tuple(map(int, re.fullmatch(r"python:(\d+)\.(\d+)-slim", base).groups()))
    assert version >= tuple(map(int, project["requires-python"].removeprefix(">=").split(".")))


# ---------------------------------------------------------------- Kubernetes


@pytest.fixture
def job():
    cron = yaml.safe_load((DEPLOY / "kubernetes" / "cronjob.yaml").read_text())
    assert (cron["apiVersion"], cron["kind"]) == ("batch/v1", "CronJob")
    assert cron["spec"]["concurrencyPolicy"] == "Forbid"
    return cron["spec"]["jobTemplate"]["spec"]


def test_each_pod_crawls_a_shard_of_its_own(job):
    (crawl,) = job["template"]["spec"]["containers"]
    assert job["completionMode"] == "Indexed"
    assert crawl["args"] == ["crawlall", "--shard", f"$(SHARD)/{job['completions']}"]
    shard = next(e for e in crawl["env"] if e["name"] == "SHARD")
    assert "job-completion-index" in shard["valueFrom"]["fieldRef"]["fieldPath"]


def test_a_pod_has_no_rights_and_time_to_land_what_it_has(job):
    pod = job["template"]["spec"]
    (crawl,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["automountServiceAccountToken"] is False
    assert crawl["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["terminationGracePeriodSeconds"] >= 300
    assert pod["restartPolicy"] == "Never"
    assert "memory" in crawl["resources"]["limits"]
    written = {mount["mountPath"] for mount in crawl["volumeMounts"]}
    assert {e["value"] for e in crawl["env"] if e["name"] == "STATE_DIR"} <= written


def test_no_file_holds_a_secret():
    for file in DEPLOY.rglob("*"):
        if file.is_file():
            assert not re.search(
                r"(?i)^[^#\n]*(secret|key|password)\w*\s*[=:]\s*[\"']?\w{8,}", file.read_text(), re.M
            )
