"""SIGKILL of the jobs on a lake at every operation that they do, and then the same command again.

`COMMANDS` names what is killed. A command of `python -m lake` that stands neither there nor in `READING` is a finding:
a new command does not go untried.
"""

from __future__ import annotations

import gzip
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from io import StringIO
from itertools import count
from typing import Any
from unittest.mock import patch

from lake.__main__ import main as lake_main
from lake.storage.open_store import open_store
from tests.torture.rig import processes
from tests.torture.rig.faults import Fault
from tests.torture.rig.lakes import Contents, Lake, check_ending, check_sound, fresh_lake, object_store
from tests.torture.rig.processes import Task
from tests.torture.rig.site import newsroom
from tests.torture.session import Session

DAY_S = 86400.0


def _lake(name: str, *arguments: str) -> Callable[[Lake], list[str]]:
    return lambda lake: ["lake", name, "--lake", lake.uri, *arguments]


@dataclass(frozen=True)
class Command:
    """A command that is killed. stride: it is killed at each stride-th of its operations. shift_s: of its clock."""

    line: Callable[[Lake], list[str]]
    stride: int = 1
    shift_s: float = 0.0


COMMANDS = {
    "reclean": Command(lambda lake: replace(lake, outlets="later-outlets").command("reclean"), stride=6),
    "cluster": Command(_lake("cluster")),
    "boilerplate": Command(_lake("boilerplate", "--stories", "3", "--days", "2")),
    "forget": Command(
        lambda lake: ["lake", "forget", "--lake", lake.uri, "--url", lake.site.urls()[0]], stride=2
    ),
    "forget-outlet": Command(_lake("forget", "--outlet", "birch"), stride=3),
    "expire": Command(_lake("expire", "--raw-days", "1"), shift_s=10 * DAY_S),
    "warc": Command(
        lambda lake: ["lake", "warc", "--lake", lake.uri, "--out", str(lake.folder / "all.warc.gz")], stride=8
    ),
}
READING = {"verify"}  # these write nothing


@dataclass(frozen=True)
class Image:
    """What a lake holds after a job, as far as it does not hang on its runs' names and times."""

    contents: Contents
    raw_rows: int
    keys: frozenset[str]  # of tombstones, and the digests of learned boilerplate
    clusters: frozenset[tuple[str, str, str]]  # of the newest clustering
    warc_pages: int


def run(session: Session) -> None:
    """Each command on a folder and on S3, until a kill comes too late."""
    for name in session.steps(["coverage"]):
        for command in sorted(_commands_of_lake() - READING - {n.partition("-")[0] for n in COMMANDS}):
            session.find(
                "silent",
                f"{name}: python -m lake {command} is tried by no step; add it to COMMANDS or READING",
            )
    with ExitStack() as stack:
        site = stack.enter_context(newsroom())
        store = None
        for where in ("folder", "s3"):
            if where == "s3":
                store = stack.enter_context(object_store(session))
            session.step = f"template-{where}"
            template = stack.enter_context(fresh_lake(session, site, store))
            template.crawl()
            for name, command in COMMANDS.items():
                session.step = f"{name}/{where}/unbroken"
                with fresh_lake(session, site, store) as lake:
                    _copy(template, lake)
                    done = _run(lake, command)
                    if done.process.exitcode:
                        session.find(
                            "lost", f"unbroken it ended with {done.process.exitcode}: {done.output[-300:]}"
                        )
                    whole = _image(lake)
                _kill_everywhere(session, template, f"{name}/{where}", command, whole, store)


def _kill_everywhere(
    session: Session, template: Lake, name: str, command: Command, whole: Image, store: Any
) -> None:
    too_late = False

    def numbers() -> Iterator[str]:
        for n in count(1, command.stride):
            if too_late:
                return
            yield f"{name}/{n}"

    for step in session.steps(numbers()):
        chance = session.random()
        at = int(step.rpartition("/")[2]) + chance.randrange(command.stride)
        with fresh_lake(session, template.site, store) as lake:
            _copy(template, lake)
            killed = _run(lake, command, Fault("kill", at))
            too_late = killed.process.exitcode != -signal.SIGKILL
            session.count("kills", not too_late)
            if not too_late and chance.random() < 0.3:  # and once more, over what is left
                again = _run(lake, command, Fault("kill", chance.randint(1, at)))
                session.count("kills", again.process.exitcode == -signal.SIGKILL)
            done = _run(lake, command)
            check_ending(session, done)
            if done.process.exitcode:
                session.find(
                    "lost", f"after the kill it ended with {done.process.exitcode}: {done.output[-300:]}"
                )
            _compare(session, _image(lake), whole)
            check_sound(session, lake)


def _run(lake: Lake, command: Command, fault: Fault | None = None) -> processes.Running:
    task: Task = lake.task(command.line(lake), fault=fault, shift_s=command.shift_s)
    return processes.run(task)


def _copy(template: Lake, lake: Lake) -> None:
    """Copy a lake; its state folder is left behind, so that the index is restored."""
    if template.uri.startswith("s3:"):
        source, target = template.store, lake.store
        for key in source.keys(""):
            target.put_new(key, source.get(key))
    else:
        shutil.copytree(template.uri, lake.uri)
    lake.state().mkdir()


def _image(lake: Lake) -> Image:
    store = open_store(lake.uri)
    clusters = [key for key in store.keys("clusters/") if key.endswith(".parquet")]
    rows = lake.part(max(clusters), ["id", "story_id", "original_id"]) if clusters else []
    warc = lake.folder / "all.warc.gz"
    return Image(
        lake.contents(),
        len(lake.rows("raw", ["id"])),
        frozenset(
            [*(key.rpartition("-")[2] for key in store.keys("boilerplate/")), *store.keys("takedowns/")]
        ),
        frozenset((row["id"], row["story_id"], row["original_id"]) for row in rows),
        gzip.decompress(warc.read_bytes()).count(b"WARC-Type: response") if warc.exists() else 0,
    )


def _compare(session: Session, found: Image, whole: Image) -> None:
    """Note what differs from the unbroken job."""
    for name in ("contents", "raw_rows", "keys", "clusters", "warc_pages"):
        if getattr(found, name) != getattr(whole, name):
            session.find(
                "lost", f"{name} differs from that of the unbroken job: {_difference(found, whole, name)}"
            )


def _difference(found: Image, whole: Image, name: str) -> str:
    mine, theirs = getattr(found, name), getattr(whole, name)
    if name == "contents":
        parts = (
            f"{part}: {len(getattr(mine, part) - getattr(theirs, part))} more, "
            f"{len(getattr(theirs, part) - getattr(mine, part))} fewer"
            for part in ("kept", "stories", "pages", "rejects")
        )
        return "; ".join(parts)
    if isinstance(mine, frozenset):
        return f"{sorted(mine - theirs)[:2]} more, {sorted(theirs - mine)[:2]} fewer"
    return f"{mine} instead of {theirs}"


def _commands_of_lake() -> set[str]:
    """The commands of `python -m lake`, as its help tells them."""
    told = StringIO()
    with patch("sys.stdout", told), suppress(SystemExit):
        lake_main(["--help"])
    return set(re.findall(r"^    (\w[\w-]*)(?:  |$)", told.getvalue(), re.MULTILINE))
