"""The pipeline beside what anyone would write, and beside Scrapy alone, on the same pages in the same run.

    python benchmarks/race.py [--contestants raw,naive,ours,replay] [--limit 400] [--rounds 3] [--s3] [-s NAME=VALUE …]

Needs $SHARED (default ../shared) with measure/throughput/race.py and pages, and nginx. Every contestant crawls the same
list from nginx on loopback; `replay` reads the same pages from a WARC file, and so does `resiliparse`, which extracts
plain text in a pool of processes and does nothing else (benchmarks/fastest.py). What counts is wall time, and the CPU of
the contestant's own processes. Ours lands in a folder, or with --s3 in an object store on loopback, raw bytes included;
its rows are counted.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import sleep

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from benchmarks.long_run import lag
from demo.object_store import ObjectStore
from lake.storage.open_store import open_store

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("SHARED") or ROOT.parent / "shared")
SETTINGS = {
    "ALLOWED_NETWORKS": "127.0.0.0/8",
    "ROBOTSTXT_OBEY": "0",
    "DOWNLOAD_DELAY": "0",
    "AUTOTHROTTLE_ENABLED": "0",
    "CONCURRENT_REQUESTS_PER_DOMAIN": "16",
    "LOG_LEVEL": "INFO",  # the event loop's lag is told at the end
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--contestants", default="raw,naive,ours")
    parser.add_argument("--limit", default="400")
    parser.add_argument("--rounds", default="3")
    parser.add_argument("--s3", action="store_true")
    given, more = parser.parse_known_args()
    race, pages = SHARED / "measure" / "throughput" / "race.py", SHARED / "pages"
    for needed in (race, pages):
        if not needed.exists():
            raise SystemExit(
                f"{needed} is not there: the race needs the shared measurements; $SHARED names their folder"
            )
    if not shutil.which("nginx"):
        raise SystemExit(
            "nginx is not installed: the race needs a server that is faster than every contestant"
        )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)  # nginx gives up root, and would answer 403
        site, environ = folder / "site", dict(os.environ)
        lakes = "{out}/lake"
        if given.s3:
            store = stack.enter_context(ObjectStore())
            environ |= store.environ
            os.environ |= store.environ  # for reading it back
            lakes = f"{store.bucket('race')}/lakes{{out}}"
        stack.enter_context(_nginx(pages, site))
        warc = folder / "pages.warc.gz"
        _write_warc(warc, site, int(given.limit))
        extra = {
            "ours": _scrapy(lakes, ["urls", "-a", "file={urls}", *more]),
            "replay": _scrapy(lakes, ["warc", "-a", f"files={warc}", "-a", "all=1", *more]),
            "resiliparse": shlex.join([sys.executable, str(ROOT / "benchmarks" / "fastest.py"), str(warc)]),
        }
        command = [
            sys.executable, str(race), str(site), "--contestants", given.contestants, "--limit", given.limit,
            "--rounds", given.rounds, *(f"--extra={name}={command}" for name, command in extra.items()),
        ]  # fmt: skip
        _run(command, environ, lakes)


@contextmanager
def _nginx(pages: Path, site: Path) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    make = [sys.executable, str(SHARED / "measure" / "throughput" / "site.py")]
    subprocess.run([*make, str(pages), str(site), "--copies", "1", "--port", str(port)], check=True)
    server = subprocess.Popen(["nginx", "-c", str(site / "nginx.conf"), "-p", str(site), "-g", "daemon off;"])
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            sleep(0.1)
        else:
            raise SystemExit("nginx does not answer")
        yield
    finally:
        server.terminate()
        server.wait(10)


def _write_warc(path: Path, site: Path, limit: int) -> None:
    """The pages that the contestants crawl, under the same addresses: chosen as measure/throughput/race.py does."""
    urls = (site / "urls.txt").read_text().split()
    headers = [("Content-Type", "text/html; charset=utf-8")]
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        for url in urls[:: max(1, len(urls) // limit)][:limit]:
            body = io.BytesIO((site / "pages" / url.rpartition("/")[2]).read_bytes())
            answer = StatusAndHeaders("200 OK", headers, protocol="HTTP/1.1")
            writer.write_record(writer.create_warc_record(url, "response", payload=body, http_headers=answer))


def _scrapy(lakes: str, arguments: list[str]) -> str:
    settings = {"LAKE_URI": lakes, "STATE_DIR": "{out}/state", **SETTINGS}
    given = [word for name, value in settings.items() for word in ("-s", f"{name}={value}")]
    crawl = shlex.join([sys.executable, "-m", "scrapy", "crawl", *arguments, *given])
    return shlex.join(["sh", "-c", f"cd {shlex.quote(str(ROOT))} && exec {crawl}"])


def _run(command: list[str], environ: Mapping[str, str], lakes: str) -> None:
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            print(line, end="", flush=True)
            if found := re.match(r"round \d+ (?:ours|replay): .* out (\S+)", line):
                told = _landed(lakes.format(out=found[1])), lag(Path(found[1], "err").read_text())
                print(f"  landed: {told[0]}\n  {told[1]}", flush=True)
    if process.returncode:
        raise SystemExit(process.returncode)


def _landed(lake: str) -> str:
    store = open_store(lake)
    (key,) = [key for key in store.keys("runs/") if not key.endswith(".started.json")]
    counts = json.loads(store.get(key))["counts"]
    return ", ".join(f"{number} {name}" for name, number in counts.items())


if __name__ == "__main__":
    main()
