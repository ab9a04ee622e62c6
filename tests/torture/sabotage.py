"""Whether the torture notices what it is for: python -m tests.torture.sabotage [NAME …]

Each sabotage takes one guarantee out of a copy of the project, by replacing a piece of its text, and runs the campaign that
has to find it. Exit code 1 where a campaign found nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".torture", "output", ".state", "__pycache__", ".*_cache", ".hypothesis"
)


@dataclass(frozen=True)
class Sabotage:
    """What is broken: `old` becomes `new` in `file`. only, steps: the campaign that must notice it, and its steps. kinds:
    of findings that count. minutes: that it has for it."""

    what: str
    file: str
    old: str
    new: str
    only: str
    steps: str
    kinds: str
    minutes: float = 5.0


SABOTAGES = {
    "in-place": Sabotage(
        "a part is written under its own name, and not under another first",
        "lake/storage/folder_store.py",
        "            os.link(temporary, path)\n",
        "            path.write_bytes(data)\n",
        "kills",
        "write/folder",
        "torn,lost",
    ),
    "no-fsync": Sabotage(
        "a part is not synced before it gets its name",
        "lake/storage/folder_store.py",
        "os.fsync(file.fileno())",
        "pass",
        "kills",
        "cut/folder",
        "torn,lost",
    ),
    "overwrites": Sabotage(
        "an object on S3 may replace another",
        "lake/storage/s3_store.py",
        'self._put(key, data, IfNoneMatch="*")',
        "self._put(key, data)",
        "signals",
        "stop/s3",
        "torn,doubled",
    ),
    "learns-early": Sabotage(
        "the index takes rows for landed before they have landed",
        "crawler/pipeline/land.py",
        "                try:\n                    await asyncio.to_thread(self.run.write, batch)\n",
        "                try:\n                    self.run.index.landed(self.run.run_id, batch.seq)\n"
        "                    await asyncio.to_thread(self.run.write, batch)\n",
        "kills",
        "write/folder",
        "lost",
    ),
    "no-run-lock": Sabotage(
        "a run that goes on is taken for dead",
        "lake/runs/run.py",
        "    except BlockingIOError:\n        return True\n",
        "    except BlockingIOError:\n        return False\n",
        "overlap",
        "folder/1",
        "lost,doubled,torn",
    ),
    "spool-reversed": Sabotage(
        "a spool lands its newest object first, the run record before the parts",
        "lake/storage/spool.py",
        'kinds.index(k.partition("/")[0])))\n',
        'kinds.index(k.partition("/")[0])))[::-1]\n',
        "kills",
        "spool/folder",
        "torn,lost,doubled",
    ),
    "raw-last": Sabotage(
        "the parts with outcomes are written before raw, from which they are recovered",
        "lake/runs/run.py",
        "[(part.key, data) for part, data in flush]",
        "[(part.key, data) for part, data in flush][::-1]",
        "kills",
        "write/folder",
        "lost",
    ),
    "silent-loss": Sabotage(
        "a run that lost rows ends with 0",
        "crawler/reports/run_report.py",
        "EXIT_STAT, EXIT_FAILED if found",
        "EXIT_STAT, EXIT_LANDED if found",
        "disks",
        "full",
        "silent",
    ),
    "no-deadline": Sabotage(
        "a page may take a worker for ever",
        "lake/workers/process_pool.py",
        "elif worker.task and worker.ticks * _TICK_S > ",
        "elif worker.task and worker.ticks < 0 * ",
        "signals",
        "worker",
        "slow",
    ),
    "open-network": Sabotage(
        "every address is admitted",
        "crawler/politeness/private_networks.py",
        "    return (public and",
        "    return True or (public and",
        "kills",
        "write/folder/0",
        "let_in",
    ),
    "no-note": Sabotage(
        "a takedown rewrites parts without a note of it",
        "lake/parquet/row_removal.py",
        ".put_new(note, json.dumps(asdict(part), indent=1).encode())",
        ".uri",
        "jobs",
        "forget/folder",
        "torn",
    ),
    "no-recovery": Sabotage(
        "a dead run is not finished",
        "lake/runs/catch_up.py",
        "            if _take_over_if_dead(store, locks, run_id, leases):\n",
        "            if False and _take_over_if_dead(store, locks, run_id, leases):\n",
        "kills",
        "moment/folder",
        "doubled,lost,left",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Try each sabotage, and print a line for it."""
    parser = argparse.ArgumentParser("python -m tests.torture.sabotage", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SABOTAGES)}; none: all")
    names = parser.parse_args(arguments).names
    if unknown := sorted(set(names) - SABOTAGES.keys()):
        parser.error(f"no sabotage is called {', '.join(unknown)}; there are {', '.join(SABOTAGES)}")
    unnoticed = 0
    for name in names or SABOTAGES:
        with tempfile.TemporaryDirectory(prefix="sabotage-") as folder:
            began = time.monotonic()
            found = _found(SABOTAGES[name], Path(folder))
            unnoticed += not found
            told = f"noticed: {found[0][:150]}" if found else "NOT NOTICED"
            print(f"{name} ({SABOTAGES[name].what}): {told} ({time.monotonic() - began:.0f} s)", flush=True)
    return 1 if unnoticed else 0


def _found(sabotage: Sabotage, folder: Path) -> list[str]:
    """What the campaign found in a copy with the sabotage; it is stopped at the first finding."""
    copy = folder / "project"
    shutil.copytree(ROOT, copy, ignore=_LEFT_OUT, symlinks=True)
    file = copy / sabotage.file
    text = file.read_text()
    if text.count(sabotage.old) != 1:
        raise SystemExit(
            f"{sabotage.file} has this text {text.count(sabotage.old)} times; the sabotage needs it once:\n{sabotage.old}"
        )
    file.write_text(text.replace(sabotage.old, sabotage.new))
    command = [
        sys.executable, "-m", "tests.torture", "--only", sabotage.only, "--steps", sabotage.steps,
        "--budget", str(sabotage.minutes), "--folder", str(folder / "sessions"), "--until", sabotage.kinds,
    ]  # fmt: skip
    subprocess.run(command, cwd=copy, check=False, capture_output=True)
    facts = json.loads((folder / "sessions" / "torture.json").read_text())
    found: list[str] = facts["campaigns"][sabotage.only]["findings"]
    return [finding for finding in found if finding.partition(":")[0] in sabotage.kinds.split(",")]


if __name__ == "__main__":
    sys.exit(main())
