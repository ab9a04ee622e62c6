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
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from io import StringIO
from itertools import count
from unittest.mock import patch

from demo.object_store import ObjectStore
from lake.__main__ import main as lake_main
from lake.storage.open_store import open_store
from tests.torture.rig import processes
from tests.torture.rig.faults import Fault
from tests.torture.rig.lakes import Contents, Lake, check_ending, check_sound, fresh_lake, object_store
from tests.torture.rig.processes import Task
from tests.torture.rig.site import Site, newsroom
from tests.torture.session import Session

DAY_S = 86400.0
WARC = "all.warc.gz"


def _lake(name: str, *arguments: str) -> Callable[[Lake], list[str]]:
    return lambda lake: ["lake", name, "--lake", lake.uri, *arguments]


@dataclass(frozen=True)
class Command:
    """A command that is killed. stride: it is killed at each stride-th of its operations. shift_s: of its clock. makes: a
    file that it makes and does not write over, so that it is not run again where the file is there."""

    line: Callable[[Lake], list[str]]
    stride: int = 1
    shift_s: float = 0.0
    makes: str = ""


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
        lambda lake: ["lake", "warc", "--lake", lake.uri, "--out", str(lake.state() / WARC)],
        stride=8,
        makes=WARC,
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
        for untried in sorted(_commands_of_lake() - READING - {n.partition("-")[0] for n in COMMANDS}):
            session.find(
                "silent",
                f"{name}: python -m lake {untried} is tried by no step; add it to COMMANDS or READING",
            )
    with ExitStack() as stack:
        templates = Templates(session, stack)
        for where in ("folder", "s3"):
            for name, command in COMMANDS.items():
                _kill_everywhere(session, templates, name, where, command)


class Templates:
    """The lakes on which the jobs run, by where they are; each is crawled when it is first needed."""

    def __init__(self, session: Session, stack: ExitStack) -> None:
        self._session, self._stack = session, stack
        self._made: dict[str, Lake] = {}
        self._site: Site | None = None
        self._store: ObjectStore | None = None

    def _of(self, where: str) -> Lake:
        if where not in self._made:
            self._site = self._site or self._stack.enter_context(newsroom())
            if where == "s3":
                self._store = self._stack.enter_context(object_store(self._session))
            made = fresh_lake(
                self._session, self._site, self._store if where == "s3" else None, f"template-{where}"
            )
            self._made[where] = self._stack.enter_context(made)
            self._made[where].crawl()
        return self._made[where]

    @contextmanager
    def copy(self, where: str) -> Iterator[Lake]:
        """A copy of a template; its state folder is new, so that the index is restored."""
        template = self._of(where)
        with fresh_lake(self._session, template.site, self._store if where == "s3" else None) as lake:
            if where == "s3":
                for key in template.store.keys(""):
                    lake.store.put_new(key, template.store.get(key))
            else:
                shutil.copytree(template.uri, lake.uri)
            lake.state().mkdir()
            yield lake


def _kill_everywhere(session: Session, templates: Templates, name: str, where: str, command: Command) -> None:
    whole: Image | None = None
    too_late = False

    def numbers() -> Iterator[str]:
        for n in count(1, command.stride):
            if too_late:
                return
            yield f"{name}/{where}/{n}"

    for step in session.steps(numbers()):
        whole = whole or _unbroken(session, templates, where, command)
        chance = session.random()
        at = int(step.rpartition("/")[2]) + chance.randrange(command.stride)
        with templates.copy(where) as lake:
            killed = _run(lake, command, Fault("kill", at))
            too_late = killed.process.exitcode != -signal.SIGKILL
            session.count("kills", not too_late)
            if not too_late and chance.random() < 0.3:  # and once more, over what is left
                again = _run(lake, command, Fault("kill", chance.randint(1, at)))
                session.count("kills", again.process.exitcode == -signal.SIGKILL)
            if not command.makes or not (lake.state() / command.makes).exists():
                done = _run(lake, command)
                check_ending(session, done)
                if code := done.process.exitcode:
                    session.find("lost", f"after the kill it ended with {code}: {done.output[-300:]}")
            _compare(session, _image(lake), whole)
            lake.store.probe()  # as a start does, which removes the temporary files of the killed
            check_sound(session, lake)


def _unbroken(session: Session, templates: Templates, where: str, command: Command) -> Image:
    with templates.copy(where) as lake:
        done = _run(lake, command)
        if done.process.exitcode:
            session.find("lost", f"unbroken it ended with {done.process.exitcode}: {done.output[-300:]}")
        return _image(lake)


def _run(lake: Lake, command: Command, fault: Fault | None = None) -> processes.Running:
    task: Task = lake.task(command.line(lake), fault=fault, shift_s=command.shift_s)
    return processes.run(task)


def _image(lake: Lake) -> Image:
    store = open_store(lake.uri)
    clusters = [key for key in store.keys("clusters/") if key.endswith(".parquet")]
    rows = lake.part(max(clusters), ["id", "story_id", "original_id"]) if clusters else []
    warc = lake.state() / WARC
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
