"""SIGKILL of crawls: at random moments, at random writes and requests, in start-up, recovery and checkpoint, and power cuts.

Each step is a chain on a lake of its own: several runs of one command that are killed one after the other, each of which
finds what the one before has left, and then an unbroken one. The lake must then hold what an unbroken crawl gives.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from random import Random

from tests.torture.rig import processes
from tests.torture.rig.faults import Action, Fault
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
from tests.torture.rig.site import newsroom
from tests.torture.session import Session

KILLS_A_CHAIN = 4
# kind → chains of a whole campaign. The kinds take turns, so that a part of a campaign has some of each.
CHAINS = {
    "write": 60,  # killed at an operation of the whole crawl, of the start behind it, and so on
    "moment": 20,  # killed after a random time
    "start": 20,  # the index is deleted before each run, which restores it from a checkpoint or from the lake
    "workers": 12,  # with worker processes
    "cut": 20,  # what was not synced is lost
    "spool": 20,  # the store is away in mid-crawl, and the next starts are killed while they land the spool
}
# operations of a crawl into a folder and on S3, about; and of those the ones on parts
_WRITES, _REQUESTS = 560, 330
_PART_WRITES, _PART_REQUESTS = 110, 50
_SPOOL_WRITES = 12  # in the working folder, while a spool lands


def run(session: Session) -> None:
    """Chains of kills, half of them on a folder and half on S3."""
    with ExitStack() as stack:
        site = stack.enter_context(newsroom())
        store = None
        whole = reference(session, site)
        for step in session.steps(_names()):
            kind, where, _ = step.split("/")
            if where == "s3" and store is None:
                store = stack.enter_context(object_store(session))
            with fresh_lake(session, site, store if where == "s3" else None) as lake:
                _KINDS[kind](session, lake, session.random(), whole)
                _finish(session, lake)
                compare(session, lake, whole)


def _names() -> list[str]:
    turns = [
        (n / chains, f"{kind}/{'s3' if n % 2 else 'folder'}/{n}")
        for kind, chains in CHAINS.items()
        for n in range(chains)
    ]
    return [name for _, name in sorted(turns)]


def _finish(session: Session, lake: Lake) -> None:
    """The same command again, unbroken."""
    done = lake.crawl()
    check_ending(session, done)
    if done.process.exitcode:
        session.find("lost", f"the unbroken run ended with {done.process.exitcode}: {done.output[-300:]}")


def _killed(session: Session, ended: Running) -> bool:
    """Count a kill; a process may have ended before it came."""
    was_killed = ended.process.exitcode == -signal.SIGKILL and not ended.hung
    session.count("kills", was_killed)
    if not was_killed:
        check_ending(session, ended)
    return was_killed


def _at_an_operation(lake: Lake, chance: Random, is_first: bool, action: Action = "kill") -> Fault:
    """A fault at a random operation: of all, or, as those are few, of those on parts. Later runs have fewer operations:
    much has landed."""
    is_s3 = lake.uri.startswith("s3:")
    only, most = chance.choice(
        [("", _REQUESTS if is_s3 else _WRITES), (".parquet", _PART_REQUESTS if is_s3 else _PART_WRITES)]
    )
    return Fault(action, chance.randint(1, most if is_first else most // 2), only=only)


def _at_writes(session: Session, lake: Lake, chance: Random, whole: Contents) -> None:
    for n in range(KILLS_A_CHAIN):
        _killed(session, lake.crawl(_at_an_operation(lake, chance, n == 0)))


def _at_moments(session: Session, lake: Lake, chance: Random, whole: Contents) -> None:
    for n in range(KILLS_A_CHAIN):
        running = processes.start(lake.task(lake.crawl_all()))
        time.sleep(chance.uniform(0.2, 2.5 if n == 0 else 1.5))
        running.send(signal.SIGKILL)
        running.wait()
        _killed(session, running)


def _at_starts(session: Session, lake: Lake, chance: Random, whole: Contents) -> None:
    _killed(session, lake.crawl(_at_an_operation(lake, chance, True)))
    if chance.random() < 0.7:
        lake.crawl()  # to its end: a checkpoint stands
    for _ in range(KILLS_A_CHAIN - 1):
        for path in lake.state().glob("index-*"):
            path.unlink()
        _killed(session, lake.crawl(Fault("kill", chance.randint(1, 60))))


def _with_workers(session: Session, lake: Lake, chance: Random, whole: Contents) -> None:
    for n in range(KILLS_A_CHAIN - 1):
        command = lake.crawl_all(CLEAN_WORKERS="2")
        if n == 1:
            running = processes.start(lake.task(command))
            time.sleep(chance.uniform(0.5, 4.0))
            running.send(signal.SIGKILL)
            running.wait()
        else:
            running = processes.run(lake.task(command, fault=_at_an_operation(lake, chance, n == 0)))
        _killed(session, running)


def _power_cuts(session: Session, lake: Lake, chance: Random, whole: Contents) -> None:
    for n in range(KILLS_A_CHAIN):
        _killed(session, lake.crawl(_at_an_operation(lake, chance, n == 0, "cut")))


def _with_a_spool(session: Session, lake: Lake, chance: Random, whole: Contents) -> None:
    """The store is away from some request on, in mid-crawl as a rule; kills follow while the spool lands."""
    is_s3 = lake.uri.startswith("s3:")
    where = lake.uri.removeprefix("s3://")
    ended = lake.crawl(
        Fault("away", chance.randint(20, 110) if is_s3 else chance.randint(70, 350), only=where)
    )
    session.count("faults", bool(ended.fault_told))
    check_told(session, ended, lake, whole)
    for _ in range(KILLS_A_CHAIN - 1):
        # while an object of the spool is moved to the lake, or at any other operation of a start
        only, most = chance.choice([("/spool/", _SPOOL_WRITES), ("", 140)])
        _killed(session, lake.crawl(Fault("kill", chance.randint(1, most), only=only)))


_KINDS: dict[str, Callable[[Session, Lake, Random, Contents], None]] = {
    "write": _at_writes,
    "moment": _at_moments,
    "start": _at_starts,
    "workers": _with_workers,
    "cut": _power_cuts,
    "spool": _with_a_spool,
}
