"""Two, four and sixteen machines with working folders of their own land one world's stories into one bucket.

Some are killed at a write, and replaced by one with an empty folder. Compared with an unbroken run: every page once, and no
story with two originals that were judged further apart than the window that docs/reliability.md names.
"""

from __future__ import annotations

import os

from benchmarks.machines import outcome_of, plan_of, play
from demo.object_store import ObjectStore
from tests.torture.session import Session


def run(session: Session) -> None:
    """The campaign: machines and deaths by the session's random numbers."""
    names = [
        f"{n} machines, {kind}, {how}"
        for n in (2, 4, 16)
        for kind in ("sharded", "overlapping")
        for how in ("whole", "killed")
    ]
    with ObjectStore() as server:
        os.environ.update(server.environ)
        for place, step in enumerate(session.steps(names)):
            _play_step(session, step, server.bucket(f"machines-{place}-{session.random().randrange(10**9)}"))


def _play_step(session: Session, step: str, bucket: str) -> None:
    chance, (count, kind, how) = session.random(), (part.split()[0] for part in step.split(", "))
    scale = 10.0
    plan = plan_of(
        f"{bucket}/lake", session.folder / step.replace(", ", "-").replace(" ", "-"), f"{session.seed}/{step}",
        int(count), scale, overlapping=kind == "overlapping",
    )  # fmt: skip
    dying = chance.sample(range(plan.machines), max(1, plan.machines // 4)) if how == "killed" else []
    session.count("kills", play(plan, {n: chance.randrange(1, 14) for n in dying}))
    found = outcome_of(plan, scale)
    session.count("inputs", found.pages)
    for url in found.lost:
        session.find("lost", url)
    for story in found.outside:
        session.find("doubled", f"story {story}: two originals, judged further apart than the window")
    if kind == "sharded":  # without leases a page that two machines fetch at once can land twice
        for url in found.doubled:
            session.find("doubled", url)
        for fault in found.faults:
            session.find("torn", fault)
