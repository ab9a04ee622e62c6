"""Whether cost grows with the work: one crawl of many pages, each with its own address and text.

    python benchmarks/long_run.py [PAGES] [STEP] [-s NAME=VALUE …]      # 50000 and 1000

`scrapy crawl urls` at full speed on loopback, from benchmarks/made_site.py into a folder. Prints after each STEP pages
the pages a second and the CPU milliseconds a page of that step, and the most resident megabytes that the crawler and
the largest of its workers had in it; at the end the last step beside the second (the first starts the workers), and how
late the event loop was. The site and its generator
share the machine's cores, and are not counted. Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.made_site import HTML, Pages, Server
from lake.schema.records import STORY_TABLES
from lake.storage.open_store import open_store

ROOT = Path(__file__).resolve().parent.parent
HOSTS = 16
_LOOK_EVERY_S = 0.2
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Sample:
    """At one moment of the crawl."""

    pages: int
    when: float  # time.monotonic()
    cpu: float  # seconds, of the crawler and all its workers
    crawler: float  # most resident MB since the sample before
    worker: float  # of the largest


def main(count: int, step: int, more: list[str]) -> None:
    pages = Pages()

    def answer(host: str, path: str) -> tuple[str, bytes] | None:
        number = path.strip("/").rpartition("-")[2]
        if not number.isdigit():
            return None
        return HTML, pages.html(int(number), f"http://{host}:{server.port}").encode()

    with tempfile.TemporaryDirectory() as name, Server(answer, remember=False) as server:
        folder = Path(name)
        addresses = (f"http://made{n % HOSTS}.test:{server.port}/{pages.slug(n)}/\n" for n in range(count))
        (folder / "urls").write_text("".join(addresses))
        samples = _watched(_command(folder, more), folder / "log", server, step)
        if len(samples) > 3:
            print(_ratio(samples))
        print(_landed(folder / "lake"))
        print(lag((folder / "log").read_text()))


def _command(folder: Path, more: list[str]) -> list[str]:
    settings = {
        "LAKE_URI": str(folder / "lake"),
        "STATE_DIR": str(folder / "state"),
        "ALLOWED_NETWORKS": "127.0.0.0/8",
        "DNS_OVERRIDES": json.dumps({f"made{n}.test": "127.0.0.1" for n in range(HOSTS)}),
        "ROBOTSTXT_OBEY": "0",
        "DOWNLOAD_DELAY": "0",
        "AUTOTHROTTLE_ENABLED": "0",
        "CONCURRENT_REQUESTS_PER_DOMAIN": "16",
    }
    given = [part for key, value in settings.items() for part in ("-s", f"{key}={value}")]
    return [sys.executable, "-m", "scrapy", "crawl", "urls", "-a", f"file={folder / 'urls'}", *given, *more]


def _watched(command: list[str], log: Path, server: Server, step: int) -> list[Sample]:
    """One sample for each step, and one at the end."""
    with log.open("w") as errors:
        process = subprocess.Popen(command, cwd=ROOT, stderr=errors, stdout=subprocess.DEVNULL)
    samples, latest = [Sample(0, time.monotonic(), 0.0, 0.0, 0.0)], None
    while process.poll() is None:
        now = _sample(process.pid, server.count[200])
        latest = _with_the_most(latest, now) if latest and now else now or latest
        if latest and latest.pages >= samples[-1].pages + step:
            samples.append(latest)
            print(_line(samples[-2], latest), flush=True)
            latest = None
        time.sleep(_LOOK_EVERY_S)
    if process.returncode:
        raise SystemExit(f"{log.read_text()[-3000:]}\nthe crawl ended with {process.returncode}")
    return samples


def _with_the_most(before: Sample, now: Sample) -> Sample:
    return replace(now, crawler=max(before.crawler, now.crawler), worker=max(before.worker, now.worker))


def _sample(pid: int, pages: int) -> Sample | None:
    """None where the crawler has just ended."""
    try:
        crawler = _stat(pid)
    except OSError:
        return None
    workers = []
    for child in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            workers += [_stat(int(one)) for one in child.read_text().split()]
        except OSError:  # a worker that has just been replaced
            continue
    cpu = crawler[0] + sum(spent for spent, _ in workers)
    return Sample(pages, time.monotonic(), cpu, crawler[1], max((held for _, held in workers), default=0.0))


def _stat(pid: int) -> tuple[float, float]:
    """CPU seconds with those of children that have ended, and resident MB; proc(5)."""
    values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, values[11:15])) / _TICKS, int(values[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _line(before: Sample, after: Sample) -> str:
    pages, seconds = after.pages - before.pages, after.when - before.when
    return (
        f"{after.pages:6} pages: {pages / seconds:6.1f} pages/s, {1000 * (after.cpu - before.cpu) / pages:6.2f} ms of CPU a "
        f"page; crawler {after.crawler:4.0f} MB, worker {after.worker:4.0f} MB"
    )


def _ratio(samples: list[Sample]) -> str:
    def rates(before: Sample, after: Sample) -> tuple[float, float]:
        pages = after.pages - before.pages
        return pages / (after.when - before.when), (after.cpu - before.cpu) / pages

    (speed, cpu), (last_speed, last_cpu) = rates(*samples[1:3]), rates(*samples[-2:])
    memory = samples[-1].crawler / samples[2].crawler
    return (
        f"the last step to the second: {last_speed / speed:.2f} of its speed, {last_cpu / cpu:.2f} of its CPU a page, "
        f"{memory:.2f} of the crawler's memory"
    )


def lag(log: str) -> str:
    """The event loop's, as a crawl's log tells it."""
    found = dict(re.findall(r"'event_loop/lag_(\w+)': ([\d.]+)", log))
    return "event loop late: " + ", ".join(
        f"{name} {ms} ms" for name, ms in sorted(found.items(), reverse=True)
    )


def _landed(lake: Path) -> str:
    store = open_store(str(lake))
    (key,) = [key for key in store.keys("runs/") if not key.endswith(".started.json")]
    counts = json.loads(store.get(key))["counts"]
    told = {name: counts.get(name, 0) for name in (*STORY_TABLES, "unchanged", "rejects")}
    return f"landed: {', '.join(f'{number} {name}' for name, number in told.items())}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("pages", type=int, nargs="?", default=50_000)
    parser.add_argument("step", type=int, nargs="?", default=1000)
    given, settings = parser.parse_known_args()
    main(given.pages, given.step, settings)
