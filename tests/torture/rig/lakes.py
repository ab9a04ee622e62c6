"""A lake, the crawls into it, and whether it holds what an unbroken run gives."""

from __future__ import annotations

import io
import json
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from demo.object_store import ObjectStore
from lake.jobs.verify import verify
from lake.schema.records import STORY_TABLES
from lake.storage.open_store import open_store
from lake.storage.store import LakeError, Store
from tests.torture.rig import processes
from tests.torture.rig.faults import Fault
from tests.torture.rig.processes import Running, Task
from tests.torture.rig.site import OUTLETS, Site
from tests.torture.session import Session

ONLY = ("-a", f"only={','.join(OUTLETS)}")
# flushes of four rows and a checkpoint at each end: many moments that could go wrong
QUICK = {
    "ALLOWED_NETWORKS": "127.0.0.1/32",
    "AUTOTHROTTLE_ENABLED": "0",
    "CHECKPOINT_ARTICLES": "1",
    "CONCURRENT_REQUESTS_PER_DOMAIN": "4",
    "DNS_OVERRIDES": json.dumps(
        {f"{name}.test": "127.0.0.1" for name in OUTLETS}
        | {f"inside.{name}.test": "127.0.0.2" for name in OUTLETS}
    ),
    "DOWNLOAD_DELAY": "0",
    "FLUSH_ROWS": "4",
    "RETRY_TIMES": "0",
    "SOURCE_INTERVAL_MAX_S": "0",
    "WELL_KNOWN_KEPT_S": "0",
}


@dataclass(frozen=True)
class Contents:
    """What a lake holds, as far as two runs must agree in it."""

    kept: frozenset[tuple[str, str]]  # (id, content_hash) of articles, copies and revisions
    stories: frozenset[frozenset[tuple[str, str]]]  # the grouping, whichever came first
    pages: frozenset[str]  # ids in raw
    rejects: frozenset[tuple[str, str]]  # (id, reason)


@dataclass
class Lake:
    """A lake in a folder or on S3, and the working folders of the machines that crawl into it."""

    site: Site
    folder: Path
    uri: str
    environ: dict[str, str] = field(default_factory=dict)
    outlets: str = "outlets"  # folder of the outlet files
    runs: int = 0

    @cached_property
    def store(self) -> Store:
        return open_store(self.uri)

    def state(self, machine: str = "state") -> Path:
        return self.folder / machine

    def command(self, *arguments: str, machine: str = "state", **settings: str) -> list[str]:
        """A Scrapy command on this lake."""
        own = {
            "LAKE_URI": self.uri,
            "STATE_DIR": str(self.state(machine)),
            "OUTLETS_DIR": str(self.folder / self.outlets),
        }
        given = {**QUICK, **own, **settings}
        return ["scrapy", *arguments, *(p for n, v in given.items() for p in ("-s", f"{n}={v}"))]

    def task(self, command: Sequence[str], machine: str = "state", **more: Any) -> Task:
        """A task on this lake; each has an output file of its own."""
        self.runs += 1
        roots = [self.state(machine), *([] if self.uri.startswith("s3:") else [Path(self.uri)])]
        return Task(command, self.folder / f"run-{self.runs:03}.log", self.environ, roots, **more)

    def crawl(self, fault: Fault | None = None, *, machine: str = "state", **settings: str) -> Running:
        """Crawl all outlets to the end of the process."""
        return processes.run(self.task(self.crawl_all(machine=machine, **settings), machine, fault=fault))

    def crawl_all(self, *, machine: str = "state", **settings: str) -> list[str]:
        return self.command("crawl", "all", *ONLY, machine=machine, **settings)

    # ------------------------------------------------------------ what it holds

    def rows(self, table: str, columns: list[str]) -> list[dict[str, Any]]:
        """All rows of a table. Raises LakeError or ArrowException for a torn part."""
        return [row for key in self.store.keys(f"{table}/") for row in self.part(key, columns)]

    def part(self, key: str, columns: list[str]) -> list[dict[str, Any]]:
        """The rows of one part. Raises as `rows`."""
        file = pq.ParquetFile(io.BytesIO(self.store.get(key)))
        rows: list[dict[str, Any]] = file.read(columns=columns).to_pylist()
        return rows

    def contents(self) -> Contents:
        """Raises as `rows`."""
        kept = [
            (r["id"], r["content_hash"], r["story_id"])
            for t in STORY_TABLES
            for r in self.rows(t, ["id", "content_hash", "story_id"])
        ]
        groups: dict[str, set[tuple[str, str]]] = {}
        for page, digest, story in kept:
            groups.setdefault(story, set()).add((page, digest))
        return Contents(
            frozenset((page, digest) for page, digest, _ in kept),
            frozenset(map(frozenset, groups.values())),
            frozenset(r["id"] for r in self.rows("raw", ["id"])),
            frozenset((r["id"], r["reason"]) for r in self.rows("rejects", ["id", "reason"])),
        )


@contextmanager
def object_store(session: Session) -> Iterator[ObjectStore]:
    """A real S3 server on loopback, for as long as a campaign lasts; its credentials are in the environment."""
    before = dict(os.environ)
    folder = session.folder / "object-store"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with ObjectStore(folder) as store:
        os.environ.update(store.environ)
        try:
            yield store
        finally:
            os.environ.clear()
            os.environ.update(before)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_lake(
    session: Session, site: Site, store: ObjectStore | None = None, name: str = ""
) -> Iterator[Lake]:
    """An empty lake for one step, in a folder or on S3. Its folder is kept if the step found something."""
    folder = session.folder / (name or session.step).replace("/", "-")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    site.write_outlets(folder / "outlets")
    site.write_outlets(folder / "later-outlets", cut=".appeal")
    if store:
        lake = Lake(
            site, folder, store.bucket(f"torture-{uuid.uuid4().hex[:12]}") + "/lake", dict(store.environ)
        )
    else:
        lake = Lake(site, folder, str(folder / "lake"))
    found_before = len(session.findings)
    try:
        yield lake
    finally:
        processes.end_all()
        if len(session.findings) == found_before:
            shutil.rmtree(folder, ignore_errors=True)


def reference(session: Session, site: Site) -> Contents:
    """What an unbroken crawl gives. It is the same for a folder and S3, with and without workers."""
    session.step = "reference"
    with fresh_lake(session, site) as lake:
        done = lake.crawl()
        if done.process.exitcode:
            raise RuntimeError(
                f"an unbroken crawl ended with {done.process.exitcode}:\n{done.output[-3000:]}"
            )
        contents = lake.contents()
        if len(contents.kept) < 20 or len(contents.stories) >= len(contents.kept):
            raise RuntimeError(
                f"an unbroken crawl gave {len(contents.kept)} rows, {len(contents.stories)} stories"
            )
        return contents


# ---------------------------------------------------------------- the comparison


def compare(
    session: Session,
    lake: Lake,
    whole: Contents,
    *,
    stories: bool = True,
    retries: bool = False,
    machines: Sequence[str] = ("state",),
) -> None:
    """Note whatever differs from an unbroken run. stories: False where two machines judged at the same time. retries: True
    where rejects were due again, so that they have more than one row."""
    try:
        contents = lake.contents()
    except (LakeError, pa.ArrowException, OSError) as error:
        session.find("torn", f"{error}")
        return
    for name in ("kept", "pages", "rejects"):
        expected, found = getattr(whole, name), getattr(contents, name)
        if missing := expected - found:
            session.find("lost", f"{len(missing)} of {len(expected)} {name} are missing, as {min(missing)}")
        if extra := found - expected:
            session.find(
                "doubled", f"{len(extra)} {name} that an unbroken run does not have, as {min(extra)}"
            )
    if stories and contents.kept == whole.kept and contents.stories != whole.stories:
        odd = sorted(map(sorted, contents.stories - whole.stories))
        session.find("doubled", f"{len(odd)} stories are grouped in another way, as {odd[0]}")
    check_once(session, lake, ("articles", "copies") if retries else ("articles", "copies", "rejects"))
    check_sound(session, lake)
    check_nothing_waits(session, lake, machines)
    if lake.site.barred:
        session.find("let_in", f"the private network was reached: {lake.site.barred}")
        lake.site.barred.clear()


def check_once(session: Session, lake: Lake, tables: Sequence[str]) -> None:
    """Note each page that a table has twice."""
    for table in tables:
        ids = Counter(row["id"] for row in lake.rows(table, ["id"]))
        if twice := sorted(page for page, n in ids.items() if n > 1):
            session.find("doubled", f"{table}: {len(twice)} rows are there twice, as {twice[0]}")


def check_sound(session: Session, lake: Lake) -> None:
    """Note what `python -m lake verify` tells."""
    try:
        report = verify(lake.store)
    except (LakeError, pa.ArrowException, OSError) as error:
        session.find("torn", f"verify: {error}")
        return
    for fault in report.faults:
        session.find("torn", f"verify: {fault}")
    if report.under_way:
        session.find("left", f"{report.under_way} runs have no record")


def check_nothing_waits(session: Session, lake: Lake, machines: Sequence[str]) -> None:
    """Note what is left in spools, and temporary files that the next start should have removed."""
    left = [path for machine in machines for path in _files_in(lake.state(machine) / "spool")]
    if not lake.uri.startswith("s3:"):
        left += _files_in(Path(lake.uri) / ".tmp")
    if left:
        session.find("left", f"{len(left)} files, as {left[0].relative_to(lake.folder)}")


def _files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []


def check_told(session: Session, ended: Running, lake: Lake, whole: Contents) -> None:
    """Note a failure that a crawl did not tell: exit code 0 though something is missing, or an error of no kind."""
    code = ended.process.exitcode
    if code == 0 and not whole.kept <= lake.contents().kept:
        session.find("silent", f"exit code 0, and rows are missing ({ended.task.output.name})")
    check_ending(session, ended)


def check_ending(session: Session, ended: Running) -> None:
    """Note a process that went on for ever, an exit code that has no meaning, and a traceback that nobody caught."""
    code = ended.process.exitcode
    if ended.hung:
        session.find(
            "slow", f"it did not come to its end in {processes.LONGEST_S:.0f} s ({ended.task.output.name})"
        )
    if code not in (0, 1, 2, 3, 4, -9):
        session.find("escaped", f"exit code {code} ({ended.task.output.name})")
    if "Traceback (most recent call last)" in ended.output:
        behind = ended.output.partition("Traceback (most recent call last)")[2].splitlines()[1:]
        error = next((line for line in behind if line and not line.startswith(" ")), "")
        session.find("escaped", f"a traceback ({ended.task.output.name}): {error[:200]}")
