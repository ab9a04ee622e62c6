"""Two hundred overlapping runs: processes of one and of several machines that crawl the same outlets into one lake at once, in
every way there is; some are killed. Every page lands once.
"""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from random import Random

from tests.torture.rig import processes
from tests.torture.rig.lakes import Lake, check_told, compare, fresh_lake, object_store, reference
from tests.torture.rig.site import OUTLETS, newsroom
from tests.torture.session import Session

ROUNDS = 34
RUNS = 6  # of a round, which begin within two seconds
SHORT_LEASE_S = 3


def run(session: Session) -> None:
    """Rounds by turns on a folder and on S3, with one machine and with three."""
    with ExitStack() as stack:
        site = stack.enter_context(newsroom())
        whole = reference(session, site)
        store = None
        for step in session.steps(
            f"{'s3' if n % 2 else 'folder'}/{1 if n % 4 < 2 else 3}/{n}" for n in range(ROUNDS)
        ):
            where, machines, _ = step.split("/")
            if where == "s3" and store is None:
                store = stack.enter_context(object_store(session))
            with fresh_lake(session, site, store if where == "s3" else None) as lake:
                (lake.folder / "urls.txt").write_text("\n".join(site.urls()))
                names = [f"machine-{n}" for n in range(int(machines))]
                _overlap(session, lake, names, session.random())
                time.sleep(SHORT_LEASE_S + 1.1)  # the leases of those that were killed run out
                for name in names:
                    done = lake.crawl(machine=name, LEASE_S=str(SHORT_LEASE_S))
                    check_told(session, done, lake, whole)
                    if done.process.exitcode:
                        session.find(
                            "lost", f"the last run ended with {done.process.exitcode}: {done.output[-300:]}"
                        )
                compare(session, lake, whole, stories=len(names) == 1, machines=names)


def _overlap(session: Session, lake: Lake, machines: list[str], chance: Random) -> None:
    running = []
    for _ in range(RUNS):
        machine = chance.choice(machines)
        running.append(processes.start(lake.task(_command(lake, machine, chance), machine)))
        time.sleep(chance.uniform(0, 0.4))
    session.count("runs", len(running))
    for one in running:
        if chance.random() < 0.2:
            one.send(signal.SIGKILL)
    for one in running:
        code = one.wait()
        session.count("kills", code == -signal.SIGKILL)
        if code not in (0, 3, -signal.SIGKILL):
            session.find("lost", f"a run beside others ended with {code}: {one.output[-300:]}")


def _command(lake: Lake, machine: str, chance: Random) -> list[str]:
    settings = {"LEASE_S": str(SHORT_LEASE_S), "FLUSH_ROWS": chance.choice(["2", "4", "1000"])}
    way = chance.choice(["all", "some", "outlet", "urls"])
    if way == "urls":
        return lake.command(
            "crawl", "urls", "-a", f"file={lake.folder / 'urls.txt'}", machine=machine, **settings
        )
    if way == "outlet":
        return lake.command("crawl", chance.choice(OUTLETS), machine=machine, **settings)
    only = OUTLETS if way == "all" else chance.sample(OUTLETS, 2)
    return lake.command("crawl", "all", "-a", f"only={','.join(only)}", machine=machine, **settings)
