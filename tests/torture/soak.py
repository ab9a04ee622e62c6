"""A soak: one crawl that goes on for half an hour while faults are sprinkled in, and then many runs one after the other.

What is measured must be flat: of the long crawl its memory, open files, threads, child processes and temporary files, by a
robust slope over the second half; of the many runs what rests on disk. And nothing of what was served may be lost.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from random import Random
from statistics import median
from threading import Event, Thread

from cleaning import page_id
from tests.lake.faults import FaultyWay, faulty_way
from tests.torture.rig import processes
from tests.torture.rig.lakes import (
    QUICK,
    Lake,
    check_nothing_waits,
    check_once,
    check_sound,
    fresh_lake,
    object_store,
)
from tests.torture.rig.site import Answer, article, newsroom, serve
from tests.torture.session import Session

LONG_S = 1800.0
LOOK_EVERY_S = 2.0
FAULT_EVERY_S = 5.0
HOSTS = 8
RUNS = 12
# how much each may grow in a minute (memory: MiB in a thousand pages, for what is known of a page is kept), and in all between
# the third and the last quarter, as pools of threads and of memory fill by and by
BOUNDS = {
    "memory": (2.0, 24.0),
    "files": (0.5, 6.0),
    "threads": (0.2, 3.0),
    "children": (0.2, 2.0),
    "temporary": (0.5, 4.0),
}
MEMORY_NEEDS_S = 600.0
INDEX_BYTES_A_PAGE = 12_000  # of the SQLite file, its journal included
FILES_A_RUN = 0.5  # in the state folder, by the slope over the runs


@dataclass(frozen=True)
class Sample:
    """What the crawl's process held at one moment."""

    minute: float
    pages: int  # served so far
    memory: float  # resident MiB
    files: int
    threads: int
    children: int
    temporary: int


def run(session: Session) -> None:
    """The long crawl, then the many."""
    for step in session.steps(["long", "again"]):
        with object_store(session) as store:
            if step == "long":
                _long_crawl(session, store)
            else:
                with newsroom() as site, fresh_lake(session, site, store) as lake:
                    _many_runs(session, lake)


# ---------------------------------------------------------------- one long crawl


class Endless:
    """A site of as many pages as are asked for. Some are slow, some are torn, some are refused."""

    def __init__(self) -> None:
        self.port = 0
        self.served: set[str] = set()  # addresses of pages that were served whole
        self.over = Event()

    def answer(self, path: str) -> Answer | str | None:
        number = path.removeprefix("/story-").removesuffix("-of-many.html")
        if not number.isdigit():
            return None
        n = int(number)
        if n % 61 == 7:
            self.over.wait(3)
        if n % 97 == 5:
            return 503, "busy", {}
        if n % 89 == 3:
            return 200, article(n)[:900], {"Content-Length": "9999"}
        self.served.add(self.url(n))
        return article(_story(n))

    def choose_to_forget(self, chance: Random) -> str:
        """Choose a page, and count it and its aliases as gone: the pages of its host that print the same story."""
        chosen = chance.choice(sorted(self.served.copy())[:200])
        self.served -= {url for url in self.served.copy() if _host_and_story(url) == _host_and_story(chosen)}
        return chosen

    def url(self, n: int) -> str:
        return f"http://endless{n % HOSTS}.test:{self.port}/story-{n}-of-many.html"


def _story(n: int) -> int:
    """The story that page `n` prints. A tenth prints what another has printed."""
    return n % 5000 if n % 10 == 0 else n


def _host_and_story(url: str) -> tuple[str, int]:
    host, _, name = url.rpartition("/")
    return host, _story(int(name.split("-")[1]))


def _long_crawl(session: Session, store: object) -> None:
    from demo.object_store import ObjectStore

    assert isinstance(store, ObjectStore)
    length_s = min(LONG_S, session.left_s * 0.7)
    endless = Endless()
    with (
        newsroom() as site,
        fresh_lake(session, site, store) as lake,
        serve(endless.answer) as endless.port,
        faulty_way(store.port) as way,
    ):
        listed = lake.folder / "urls.txt"
        listed.write_text("\n".join(endless.url(n) for n in range(int(length_s * 40) + 500)))
        command = _command(lake, listed, way)
        with lake.task(command).output.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=processes.ROOT,
                env={**os.environ, **lake.environ, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{way.port}"},
                stdout=output,
                stderr=output,
            )
        ended = Event()
        others = Thread(
            target=_sprinkle, args=(session, lake, endless, way, process, ended, session.random())
        )
        others.start()
        try:
            samples = list(_samples(process, lake, endless, length_s))
        finally:
            ended.set()
            others.join()
            way.fault = lambda request: None
            process.send_signal(signal.SIGTERM)
            endless.over.set()
            with suppress(subprocess.TimeoutExpired):
                process.wait(900)  # what was fetched is cleaned first: thousands of pages on a busy machine
            process.kill()
            process.wait()
        if process.returncode:
            told = lake.folder.joinpath("run-001.log").read_text(errors="replace")[-300:]
            session.find("lost", f"the long crawl ended with {process.returncode}: {told}")
        session.count("pages", len(endless.served))
        session.count("seconds", round(length_s))
        _note_slopes(session, samples)
        _check_index(session, lake, len(endless.served))
        _check_all_landed(session, lake, endless, listed, way)


def _command(lake: Lake, listed: Path, way: FaultyWay) -> list[str]:
    names = {f"endless{n}.test": "127.0.0.1" for n in range(HOSTS)} | json.loads(QUICK["DNS_OVERRIDES"])
    settings = {
        "DNS_OVERRIDES": json.dumps(names),
        "FLUSH_ROWS": "100",
        "CLEAN_WORKERS": "1",
        "RETRY_TIMES": "1",
        "CHECKPOINT_ARTICLES": "100000",
        "CONCURRENT_REQUESTS_PER_DOMAIN": "2",
    }
    return lake.command("crawl", "urls", "-a", f"file={listed}", **settings)


def _samples(
    process: subprocess.Popen[bytes], lake: Lake, endless: Endless, length_s: float
) -> Iterator[Sample]:
    began = time.monotonic()
    while (passed := time.monotonic() - began) < length_s and process.poll() is None:
        with suppress(OSError, ValueError, IndexError):
            yield _look(process.pid, lake, passed / 60, len(endless.served))
        time.sleep(LOOK_EVERY_S)


def _look(pid: int, lake: Lake, minute: float, pages: int) -> Sample:
    proc = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
    tasks = list((proc / "task").iterdir())
    children = sum(len((task / "children").read_text().split()) for task in tasks)
    temporary = sum(1 for path in lake.state().rglob("*") if ".tmp" in path.parts)
    memory = int(status["VmRSS"].split()[0]) / 1024
    return Sample(minute, pages, memory, len(list((proc / "fd").iterdir())), len(tasks), children, temporary)


def _sprinkle(
    session: Session,
    lake: Lake,
    endless: Endless,
    way: FaultyWay,
    process: subprocess.Popen[bytes],
    ended: Event,
    chance: Random,
) -> None:
    """Faults, one after the other, until the crawl is over."""
    while not ended.wait(FAULT_EVERY_S):
        kind = chance.choice(["worker", "store", "store", "takedown", "machine"])
        if kind == "worker":
            _kill_a_worker(process.pid)
        elif kind == "store":
            bad = chance.choice(["reset", "lose the reply", "tear the reply", "slow down"])
            left = [chance.randint(1, 5)]

            def decide(request: bytes, bad: str = bad, left: list[int] = left) -> str | None:
                left[0] -= 1
                return bad if left[0] >= 0 else None

            way.fault = decide
        elif kind == "takedown" and endless.served:
            url = endless.choose_to_forget(chance)
            processes.run(lake.task(["lake", "forget", "--lake", lake.uri, "--url", url]))
        elif kind == "machine":
            lake.site.edition += 1
            lake.crawl(machine="other")
        session.count("faults")


def _kill_a_worker(pid: int) -> None:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError, IndexError):
            os.kill(int(task.read_text().split()[0]), signal.SIGKILL)


# ---------------------------------------------------------------- what must be flat


def _note_slopes(session: Session, samples: Sequence[Sample]) -> None:
    """Note what grew over the second half by more than its bound; the figures are counted."""
    half = samples[len(samples) // 2 :]
    if len(half) < 4:
        session.find("slow", f"only {len(samples)} looks at the long crawl")
        return
    minutes, thousands = [sample.minute for sample in half], [sample.pages / 1000 for sample in half]
    is_long = (minutes[-1] - minutes[0]) * 60 >= MEMORY_NEEDS_S
    for name, values in zip(BOUNDS, zip(*(astuple(s)[2:] for s in half), strict=True), strict=True):
        unit, along = ("thousand pages", thousands) if name == "memory" else ("minute", minutes)
        slope = robust_slope(along, values)
        session.counts[f"{name}: slope a {unit}, in thousandths"] = round(1000 * slope)
        session.counts[f"{name}: at the end"] = round(values[-1])
        quarter = len(values) // 2
        grown = median(values[quarter:]) - median(values[:quarter])
        most_by_slope, most = BOUNDS[name]
        if slope > most_by_slope and grown > most and (is_long or name != "memory"):
            session.find(
                "left", f"{name} grows by {slope:.2f} a {unit}, from {values[0]:.0f} to {values[-1]:.0f}"
            )


def robust_slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """The slope of Theil and Sen: the median of the slopes between points half the length apart or more."""
    far = max(1, len(xs) // 2)
    slopes = [
        (ys[j] - ys[i]) / (xs[j] - xs[i])
        for i in range(len(xs))
        for j in range(i + far, len(xs))
        if xs[j] > xs[i]
    ]
    return median(slopes) if slopes else 0.0


def _check_index(session: Session, lake: Lake, pages: int) -> None:
    held = sum(path.stat().st_size for path in lake.state().glob("index-*"))
    session.counts["index bytes a page"] = held // max(pages, 1)
    if pages > 500 and held > pages * INDEX_BYTES_A_PAGE:
        session.find("left", f"the index holds {held} bytes for {pages} pages")


def _check_all_landed(session: Session, lake: Lake, endless: Endless, listed: Path, way: FaultyWay) -> None:
    """Note what was served and is not in raw, and what is there twice. A last run first lands what waits in spools."""
    listed.write_text(endless.url(1))
    done = processes.run(lake.task(_command(lake, listed, way)))
    if done.process.exitcode:
        session.find(
            "lost", f"the run behind the long crawl ended with {done.process.exitcode}: {done.output[-300:]}"
        )
    landed = {row["id"] for row in lake.rows("raw", ["id"])}
    if lost := [url for url in endless.served if page_id(url) not in landed]:
        session.find(
            "lost", f"{len(lost)} of {len(endless.served)} served pages are not in raw, as {min(lost)}"
        )
    check_once(session, lake, ("articles", "copies"))
    check_sound(session, lake)
    check_nothing_waits(session, lake, ["state", "other"])


# ---------------------------------------------------------------- many runs


def _many_runs(session: Session, lake: Lake) -> None:
    """Runs of a newsroom with other stories each time: what rests on disk besides the index does not grow."""
    files = []
    for edition in range(RUNS):
        lake.site.edition = edition
        done = lake.crawl()
        if done.process.exitcode:
            session.find("lost", f"run {edition} ended with {done.process.exitcode}: {done.output[-300:]}")
        files.append(sum(1 for path in lake.state().rglob("*") if path.is_file()))
        session.count("runs")
    slope = robust_slope(range(RUNS // 2), files[RUNS // 2 :])
    if slope > FILES_A_RUN:
        session.find("left", f"each run leaves {slope:.1f} files in the state folder: {files}")
    checkpoints = [key for key in lake.store.keys("checkpoints/") if key.endswith(".json")]
    if len(checkpoints) > 2:
        session.find("left", f"{len(checkpoints)} checkpoints are kept")
    check_sound(session, lake)
    check_nothing_waits(session, lake, ["state"])
