"""What a scheduled crawl costs that finds nothing new.

    python benchmarks/idle_crawl.py [OUTLETS] [RUNS]

`scrapy crawlall` of ten outlets on loopback, each with a feed and a news sitemap, as from a timer: the first run lands
their stories, the others find nothing new. Prints for each run the CPU seconds of the process tree, the wall time, the
seconds from its start to its first request, the requests and the bytes.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.made_site import HTML, XML, Asked, Pages, Server, feed, outlet_file, sitemap
from lake.parquet.reading import table

ROOT = Path(__file__).resolve().parent.parent
STORIES = 8  # of an outlet
DELAY_S = 1.0


def main(outlets: int, runs: int) -> None:
    pages = Pages()

    def answer(host: str, path: str) -> tuple[str, bytes] | None:
        base, first = f"http://{host}:{server.port}", STORIES * int(host[4:].partition(".")[0])
        slugs = [pages.slug(n) for n in range(first, first + STORIES)]
        if path == "/feed/":
            return XML, feed(base, slugs)
        if path == "/news.xml":
            return XML, sitemap(base, slugs)
        if path == "/robots.txt":
            return "text/plain", b"User-agent: *\nAllow: /\n"
        number = path.strip("/").rpartition("-")[2]
        return (HTML, pages.html(int(number), base).encode()) if number.isdigit() else None

    with tempfile.TemporaryDirectory() as name, Server(answer) as server:
        folder = Path(name)
        (folder / "outlets").mkdir()
        names = [f"made{n}" for n in range(outlets)]
        for one in names:
            outlet_file(folder / "outlets", one, f"http://{one}.test:{server.port}", DELAY_S)
        for run in range(1, runs + 1):
            _run(folder, names, server.asked, run)


def _run(folder: Path, names: list[str], asked: list[Asked], run: int) -> None:
    settings = {
        "LAKE_URI": str(folder / "lake"),
        "STATE_DIR": str(folder / "state"),
        "OUTLETS_DIR": str(folder / "outlets"),
        "ALLOWED_NETWORKS": "127.0.0.0/8",
        "DNS_OVERRIDES": json.dumps({f"{name}.test": "127.0.0.1" for name in names}),
    }
    given = [part for key, value in settings.items() for part in ("-s", f"{key}={value}")]
    command = [sys.executable, "-m", "scrapy", "crawlall", "--only", ",".join(names), *given]
    # as where it is installed: compiled once, and not at every start
    environ = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
    first, began, cpu = len(asked), time.monotonic(), _cpu()
    done = subprocess.run(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True)
    wall = time.monotonic() - began
    if done.returncode:
        raise SystemExit(f"{done.stderr}\nthe crawl ended with {done.returncode}")
    new = asked[first:]
    by_host = Counter(one.host for one in new)
    most = max(by_host.values(), default=0)
    rows = table(str(folder / "lake"), "articles").num_rows
    print(
        f"run {run}: {_cpu() - cpu:.2f} s of CPU, {wall:.1f} s; first request after {new[0].when - began:.2f} s; "
        f"{len(new)} requests (at most {most} of an outlet: bound {most * DELAY_S + 3:.0f} s), "
        f"{sum(one.bytes for one in new) / len(names) / 1000:.1f} kB an outlet, {rows} articles in the lake; "
        f"load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(*(int(part) for part in (sys.argv[1:] + ["10", "3"][len(sys.argv) - 1 :])))
