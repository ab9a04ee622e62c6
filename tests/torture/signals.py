"""Signals, clocks and a store that comes and goes: SIGTERM once and twice, SIGSTOP past a lease, a worker that hangs, clocks
that jump by hours, an S3 server that is killed and started again, and a bad way to it.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random

from tests.lake.faults import FaultyWay, faulty_way
from tests.torture.rig import processes
from tests.torture.rig.faults import Fault
from tests.torture.rig.lakes import (
    Contents,
    Lake,
    check_ending,
    check_told,
    compare,
    fresh_lake,
    object_store,
    reference,
)
from tests.torture.rig.processes import Running
from tests.torture.rig.site import Site, newsroom
from tests.torture.session import Session

SHORT_LEASE_S = 2
HOUR_S = 3600.0
STEPS = {"term": 16, "stop": 24, "clock": 12, "worker": 4, "restart": 8, "way": 16}  # kind → times
_ON_S3, _IN_A_FOLDER = {"restart", "way"}, {"clock"}  # S3 refuses requests from another time
_BAD = ("reset", "lose the reply", "tear the reply", "slow down", "stall 0.5")


def run(session: Session) -> None:
    """Each kind of fault at random moments, a folder and S3 by turns."""
    with ExitStack() as stack:
        site = stack.enter_context(newsroom())
        whole = reference(session, site)
        store = stack.enter_context(object_store(session))
        for step in session.steps(_names()):
            kind, where, _ = step.split("/")
            with fresh_lake(session, site, store if where == "s3" else None) as lake:
                if kind == "restart":
                    _restart(session, lake, whole, store)
                else:
                    _FAULTS[kind](session, lake, whole)


def _names() -> list[str]:
    turns = [(n / times, kind, n) for kind, times in STEPS.items() for n in range(times)]
    on_s3 = [kind in _ON_S3 or (n % 2 == 1 and kind not in _IN_A_FOLDER) for _, kind, n in sorted(turns)]
    return [
        f"{kind}/{'s3' if s3 else 'folder'}/{n}"
        for (_, kind, n), s3 in zip(sorted(turns), on_s3, strict=True)
    ]


def _finish(
    session: Session,
    lake: Lake,
    whole: Contents,
    *,
    machine: str = "state",
    retries: bool = False,
    **settings: str,
) -> None:
    done = lake.crawl(machine=machine, **settings)
    check_ending(session, done)
    if done.process.exitcode:
        session.find("lost", f"the unbroken run ended with {done.process.exitcode}: {done.output[-300:]}")
    machines = [path.name for path in lake.folder.iterdir() if (path / "folder-id").exists()]
    compare(session, lake, whole, stories=len(machines) == 1, retries=retries, machines=machines)


def _asked(site: Site, count: int, running: Running) -> None:
    """Wait until so many requests have come, or the process has ended."""
    before = len(site.asked)
    while len(site.asked) < before + count and running.process.is_alive():
        time.sleep(0.01)


# ---------------------------------------------------------------- signals


def _term(session: Session, lake: Lake, whole: Contents) -> None:
    """SIGTERM once: what was fetched lands. Twice: what a kill would do."""
    chance = session.random()
    lake.site.slow_s = 0.02
    running = processes.start(lake.task(lake.crawl_all(CLEAN_WORKERS=chance.choice(["0", "0", "2"]))))
    _asked(lake.site, chance.randint(1, 30), running)
    is_twice = chance.random() < 0.5
    running.send(signal.SIGTERM)
    if is_twice:
        time.sleep(chance.uniform(0, 0.3))
        running.send(signal.SIGTERM)
    code = running.wait(60)
    lake.site.slow_s = 0.0
    session.count("faults")
    if code is None:
        session.find("slow", "a crawl that was asked to stop went on for a minute")
    elif not is_twice and code not in (0, -signal.SIGTERM):  # before Scrapy runs, a signal ends the process
        session.find("lost", f"a crawl that was asked to stop ended with {code}: {running.output[-300:]}")
    elif code == 0 and not is_twice:
        check_ending(session, running)
    _finish(session, lake, whole)


def _stop(session: Session, lake: Lake, whole: Contents) -> None:
    """SIGSTOP at an operation; another machine takes over; SIGCONT. Nothing may land twice."""
    chance = session.random()
    short = {"LEASE_S": str(SHORT_LEASE_S)}
    fault = Fault("stop", chance.randint(60, 330))
    paused = processes.start(lake.task(lake.crawl_all(**short), fault=fault))
    while not paused.is_stopped() and paused.process.is_alive():
        time.sleep(0.01)
    if paused.is_stopped() and not _holds_the_folder(lake):
        session.count("faults")
        time.sleep(SHORT_LEASE_S + 1.1)
        taken = lake.crawl(machine="other", **short)
        check_ending(session, taken)
        if taken.process.exitcode:
            session.find(
                "lost", f"the other machine ended with {taken.process.exitcode}: {taken.output[-300:]}"
            )
    paused.send(signal.SIGCONT)
    paused.wait()
    check_told(session, paused, lake, whole)
    time.sleep(SHORT_LEASE_S + 1.1)
    first, second = chance.choice([("state", "other"), ("other", "state")])
    check_told(session, lake.crawl(machine=first, **short), lake, whole)
    _finish(session, lake, whole, machine=second, **short)  # each lands its own spool


def _holds_the_folder(lake: Lake) -> bool:
    """Whether a stopped process holds the lock under which a lake's folder changes its leases: all others wait for it."""
    try:
        with (Path(lake.uri) / ".swap.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:  # S3 needs none
        return False
    except BlockingIOError:
        return True
    return False


def _worker(session: Session, lake: Lake, whole: Contents) -> None:
    """A worker hangs over a page (SIGSTOP): that page is quarantined, and the crawl goes on."""
    settings = {"CLEAN_WORKERS": "1", "CLEAN_DEADLINE_S": "2"}
    running = processes.start(lake.task(lake.crawl_all(**settings)))
    while running.process.is_alive() and not any(lake.store.keys("raw/")):  # it has loaded, and has had pages
        time.sleep(0.02)
    for worker in _children(running.pid):
        with suppress(OSError):
            os.kill(worker, signal.SIGSTOP)
            session.count("faults")
    code = running.wait(60)
    if code is None:
        session.find("slow", "a crawl waited for a worker that hangs for a minute; CLEAN_DEADLINE_S was 2")
        return
    check_ending(session, running)
    if code:
        session.find("lost", f"with a worker that hangs it ended with {code}: {running.output[-300:]}")
    contents = lake.contents()
    quarantined = {page for page, reason in contents.rejects if reason == "quarantined"}
    if lost := {page for page, _ in whole.kept - contents.kept} - quarantined:
        session.find("lost", f"{len(lost)} pages besides the quarantined: {min(lost)}")
    if missing := whole.pages - contents.pages:
        session.find("lost", f"raw lacks {len(missing)} pages, the quarantined among them: {min(missing)}")


def _children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").glob("*/children"))
        return [int(child) for task in tasks for child in task.read_text().split()]
    except OSError:
        return []


# ---------------------------------------------------------------- clocks


def _clock(session: Session, lake: Lake, whole: Contents) -> None:
    """The clock jumps between runs by up to a day and back; one run is killed at each time."""
    chance = session.random()
    for shift_h in (chance.uniform(-20, -1), chance.uniform(1, 20), 0.0):
        fault = Fault("kill", chance.randint(30, 300))
        ended = processes.run(lake.task(lake.crawl_all(), fault=fault, shift_s=shift_h * HOUR_S))
        session.count("faults")
        session.count("kills", ended.process.exitcode == -signal.SIGKILL)
        check_ending(session, ended)
    _finish(session, lake, whole, retries=True)


# ---------------------------------------------------------------- the store


def _restart(session: Session, lake: Lake, whole: Contents, store: object) -> None:
    """The S3 server is killed in mid-crawl, and started again during the crawl or behind it."""
    from demo.object_store import ObjectStore

    assert isinstance(store, ObjectStore)
    chance = session.random()
    lake.site.slow_s = 0.02
    running = processes.start(lake.task(lake.crawl_all()))
    _asked(lake.site, chance.randint(5, 30), running)
    store.kill()
    session.count("faults")
    if chance.random() < 0.5:
        time.sleep(chance.uniform(0, 2))
        store.start()
        running.wait()
    else:
        running.wait()
        store.start()
    lake.site.slow_s = 0.0
    check_told(session, running, lake, whole)
    _finish(session, lake, whole)


def _way(session: Session, lake: Lake, whole: Contents) -> None:
    """Requests on the way to the store are reset, torn, refused and held up."""
    chance = session.random()
    port = int(lake.environ["AWS_ENDPOINT_URL"].rpartition(":")[2])
    with faulty_way(port) as way:
        way.fault = _bad_way(chance, chance.choice([0.05, 0.15, 0.4]))
        straight = dict(lake.environ)
        lake.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{way.port}"
        for _ in range(2):
            ended = lake.crawl()
            check_told(session, ended, lake, whole)
        lake.environ.update(straight)
        _count(session, way)
    _finish(session, lake, whole)


def _bad_way(chance: Random, share: float) -> Callable[[bytes], str | None]:
    return lambda request: chance.choice(_BAD) if chance.random() < share else None


def _count(session: Session, way: FaultyWay) -> None:
    session.count("faults", len(way.done))


_FAULTS: dict[str, Callable[[Session, Lake, Contents], None]] = {
    "term": _term,
    "stop": _stop,
    "clock": _clock,
    "worker": _worker,
    "way": _way,
}
