"""What machines with working folders of their own see of each other, and what it costs, on a real S3 server.

    python benchmarks/machines.py [--machines 1,4,16] [--scale 10] [--seed 1]

Each machine is a process (benchmarks/one_machine.py) that judges and lands made pages, whose stories have a copy at each
of four outlets. Times are those of the default settings, divided by the scale. Told are the requests of a machine in a
minute at full scale, and the stories with two originals that were judged inside and outside the window that
docs/reliability.md names.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.one_machine import Plan, made_pages
from cleaning import Rules, page_id
from demo.object_store import ObjectStore
from lake.jobs.verify import verify
from lake.parquet.part_files import read_rows
from lake.runs.other_runs import LOOK_INTERVAL_S
from lake.runs.session import Lake
from lake.schema.records import STORY_TABLES
from lake.storage.leases import LEASE_S
from lake.storage.open_store import open_store
from lake.storage.store import Store

ROOT = Path(__file__).resolve().parent.parent
FLUSH_AGE_S, KNOWN_AFTER_S = 300.0, 60.0  # at full scale, as docs/reliability.md has it


@dataclass(slots=True)
class Outcome:
    """What stands in the lake at the end of a world."""

    pages: int
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    inside: int = 0  # stories with two originals that were judged inside the window
    outside: list[int] = field(default_factory=list)  # and outside of it
    faults: list[str] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)  # of all machines, by operation
    look_requests: Counter[str] = field(default_factory=Counter)
    minutes: float = 0.0  # of all machines


def plan_of(uri: str, folder: Path, seed: str, machines: int, scale: float, **more: Any) -> Plan:
    """A world whose times are those of the default settings, divided by `scale`."""
    values: dict[str, Any] = {
        "stories": 60,
        "lasts_s": 4 * FLUSH_AGE_S / scale,
        "flush_age_s": FLUSH_AGE_S / scale,
        "look_interval_s": LOOK_INTERVAL_S / scale,
        "lease_s": LEASE_S / scale,
    }
    return Plan(uri, str(folder), time.time() + 3 + machines, seed, machines, **values, **more)


def play(plan: Plan, deaths: dict[int, int] | None = None) -> int:
    """Let the machines land the world; return how many were killed. deaths: machine → the write at which it dies. A machine
    that died is replaced by one with an empty folder."""
    folder = Path(plan.folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan.json").write_text(json.dumps(asdict(plan)))
    kills = 0
    running = {n: _start(plan, n, f"m{n}", (deaths or {}).get(n)) for n in range(plan.machines)}
    tries = Counter[int]()
    while running:
        time.sleep(0.2)
        for number, process in list(running.items()):
            if (code := process.poll()) is None:
                continue
            del running[number]
            if code:
                kills += code < 0
                tries[number] += 1
                if tries[number] > 100:
                    raise RuntimeError(f"machine {number} cannot start: {code}")
                time.sleep(0.5 if code > 0 else 0)
                running[number] = _start(plan, number, f"m{number}-{tries[number]}", None)
    return kills


def _start(plan: Plan, number: int, name: str, dies_at: int | None) -> subprocess.Popen[bytes]:
    arguments = [f"{plan.folder}/plan.json", str(number), name, *([] if dies_at is None else [str(dies_at)])]
    with (Path(plan.folder) / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks.one_machine", *arguments], cwd=ROOT, stdout=log, stderr=log
        )


def outcome_of(plan: Plan, scale: float) -> Outcome:
    """Compare the lake with the world. Finishes dead runs first."""
    with Lake(plan.uri, Path(plan.folder) / "last", plan.lease_s).run("last", lambda outlet: Rules(), {}) as (
        run,
        _,
    ):
        run.finish("finished", {})
    store, pages = open_store(plan.uri), made_pages(plan)
    landed = Counter(row["id"] for t in STORY_TABLES for row in _rows(store, t))
    ids = {page_id(made.url): made for made in pages}
    found = Outcome(len(pages))
    found.lost = [made.url for id, made in ids.items() if not landed[id]]
    found.doubled = [made.url for id, made in ids.items() if landed[id] > 1]
    found.faults = verify(store).faults
    judged = _judged_at(plan)
    originals: dict[int, list[float]] = {}
    for row in _rows(store, "articles"):
        # a page that a recovery judged is as late as its landing
        at = judged.get((row["url"], "articles"), row["landed_at"].timestamp())
        originals.setdefault(ids[row["id"]].story, []).append(at)
    window = plan.flush_age_s + KNOWN_AFTER_S / scale
    for story, times in originals.items():
        if max(times) - min(times) > window:
            found.outside.append(story)
        elif len(times) > 1:
            found.inside += 1
    for report in map(json.loads, (path.read_text() for path in Path(plan.folder).glob("*.report"))):
        found.requests += Counter(report["total"])
        found.look_requests += Counter(report["look_requests"])
        found.minutes += report["minutes"]
    return found


def _judged_at(plan: Plan) -> dict[tuple[str, str], float]:
    """When each page was judged last, by address and outcome."""
    entries = (
        json.loads(line)
        for path in Path(plan.folder).glob("*.journal")
        for line in path.read_text().splitlines()
    )
    return {(entry["url"], entry["outcome"]): entry["at"] for entry in sorted(entries, key=lambda e: e["at"])}


def _rows(store: Store, table: str) -> list[dict[str, Any]]:
    return [
        row for key in store.keys(f"{table}/") for row in read_rows(store, key, ["id", "url", "landed_at"])
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--machines", default="1,4,16")
    parser.add_argument("--scale", type=float, default=10.0)
    parser.add_argument("--seed", default="1")
    given = parser.parse_args()
    print(f"times divided by {given.scale:g}; requests a minute and machine at full scale")
    print(
        f"{'machines':<22}{'LIST':>7}{'GET':>7}{'PUT':>7}{'DELETE':>8}   {'in looks: LIST':>14}{'GET':>7}"
        f"   {'pages':>5}{'lost':>6}{'inside':>8}{'outside':>9}"
    )
    with ObjectStore() as server, tempfile.TemporaryDirectory() as folder:
        os.environ.update(server.environ)
        for count in map(int, given.machines.split(",")):
            for is_overlapping in (False, True) if count > 1 else (False,):
                name = f"{count} {'overlapping' if is_overlapping else 'sharded'}"
                bucket = server.bucket(f"machines-{name.replace(' ', '-')}")
                plan = plan_of(
                    f"{bucket}/lake", Path(folder) / name.replace(" ", "-"), given.seed, count, given.scale,
                    overlapping=is_overlapping,
                )  # fmt: skip
                play(plan)
                _print(name, outcome_of(plan, given.scale), given.scale)


def _print(name: str, found: Outcome, scale: float) -> None:
    minutes = found.minutes * scale
    total = [
        found.requests[f"{what}Object{'sV2' if what == 'List' else ''}"] / minutes
        for what in ("List", "Get", "Put", "Delete")
    ]
    looks = [
        found.look_requests[f"{what}Object{'sV2' if what == 'List' else ''}"] / minutes
        for what in ("List", "Get")
    ]
    print(
        f"{name:<22}{total[0]:>7.1f}{total[1]:>7.1f}{total[2]:>7.1f}{total[3]:>8.1f}   {looks[0]:>14.1f}{looks[1]:>7.1f}"
        f"   {found.pages:>5}{len(found.lost):>6}{found.inside:>8}{len(found.outside):>9}",
        flush=True,
    )


if __name__ == "__main__":
    main()
