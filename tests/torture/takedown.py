"""Takedowns after deaths: crawls, jobs and takedowns are killed at random writes, then no byte of the page may be left.

Each command is that of the command line, in a forked process that is killed by SIGKILL.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from lake.__main__ import main
from lake.index.checkpoints import write
from lake.index.page_index import index_path
from lake.jobs.verify import verify
from lake.storage.folder_store import FolderStore
from tests.lake.test_run import crawl
from tests.lake.test_takedown_places import (
    LATER,
    MARKERS,
    A,
    B,
    boilerplate,
    clean_again,
    left_by_a_killed_outage,
    other_places,
    whole_run,
)
from tests.lake.traces import run_killed, traces
from tests.torture.session import Session

_ROUNDS = 400
_MOST_WRITES = 60  # of one command, about
_KINDS = ("page", "outlet")

assert LATER.article, "the spool has another version of the page"


def run(session: Session) -> None:
    """Take a page or its outlet down after random deaths, and look at every byte that is left."""
    for step in session.steps(f"{kind} {n}" for n in range(_ROUNDS) for kind in _KINDS):
        folder = session.folder / "work"
        shutil.rmtree(folder, ignore_errors=True)
        try:
            _one(session, folder, step.split()[0])
        except Exception as error:
            session.find("escaped", f"{error!r}")
        shutil.rmtree(folder, ignore_errors=True)


def _one(session: Session, folder: Path, kind: str) -> None:
    random, lake, state = session.random(), folder / "lake", folder / "state"
    folder.mkdir(parents=True)
    crawl(str(lake), state, B)
    boilerplate(lake)
    for _ in range(random.randint(3, 8)):
        _kill(session, random, random.choice(_works(lake, state)))
    whole_run(lake, state)
    if random.random() < 0.5:
        left_by_a_killed_outage(lake, state)
    if random.random() < 0.5:
        other_places(lake, state)
    _kill(session, random, random.choice(_works(lake, state)))
    what = ["--url", A.url] if kind == "page" else ["--outlet", "lindow"]
    forget = partial(main, ["forget", "--lake", str(lake), "--state", str(state), "--json", *what])
    for _ in range(random.randint(1, 4)):
        _kill(session, random, forget)
    if _ends(forget):
        session.find("silent", "forget did not end with 0")
    _look(session, "after the takedown", lake, state, folder / "job")
    crawl(str(lake), state, B)
    _look(session, "after the next start", lake, state)
    for fault in verify(FolderStore(lake)).faults:
        session.find("torn", fault)
    if left := [path.name for path in (state / "locks").iterdir() if path.name != "spool.lock"]:
        session.find("left", f"lock files: {left}")


def _works(lake: Path, state: Path) -> list[Callable[[], Any]]:
    return [
        partial(whole_run, lake, state),
        partial(clean_again, lake, state),
        partial(write, FolderStore(lake), index_path(state, str(lake))),
        partial(main, ["cluster", "--lake", str(lake)]),
        partial(main, ["boilerplate", "--lake", str(lake), "--stories", "2", "--days", "2"]),
        partial(main, ["expire", "--lake", str(lake), "--raw-days", "30"]),
    ]


def _kill(session: Session, random: Random, work: Callable[[], Any]) -> None:
    session.count("kills", run_killed(partial(_quietly, work), random.randrange(_MOST_WRITES)))


def _quietly(work: Callable[[], Any]) -> Any:
    with Path(os.devnull).open("w") as nothing, redirect_stdout(nothing), redirect_stderr(nothing):
        return work()


def _ends(forget: Callable[[], Any]) -> int:
    """The exit code of a command that is not killed, in a process of its own."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = _quietly(forget)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _look(session: Session, when: str, *folders: Path) -> None:
    for path, markers in traces(MARKERS, *(folder for folder in folders if folder.exists())).items():
        session.find("left", f"{when}: {path} holds {sorted(markers)}")
