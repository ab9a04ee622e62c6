"""Runs the campaigns: python -m tests.torture [--budget MINUTES] [--seed N] [--only NAME,…] [--steps BEGINNING,…]
[--folder F] [--json FILE]

A second call goes on where the first one stopped. A finding is repeated by its seed, campaign and step, in a new folder. Exit codes: 0 all steps were done and nothing was found, 1 something was
found, 2 wrong arguments, 3 the budget ended first, 130 it was interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import platform
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

from tests.torture.session import Finding, Kind, Session

# name of each campaign → minutes that it gets of the whole budget, which another budget shortens or lengthens. A campaign
# is tests/torture/<name>.py.
CAMPAIGNS = {
    "kills": 40,
    "jobs": 20,
    "store_faults": 12,
    "machines": 8,
    "takedown": 8,
    "disks": 8,
    "signals": 10,
    "overlap": 10,
    "hostile": 20,
    "fuzz": 50,
    "soak": 45,
}
_MINUTES = sum(CAMPAIGNS.values())
DONE = ("kills", "faults", "inputs")
FOUND = ("lost", "doubled", "let_in", "silent", "escaped", "slow", "torn", "left")
_MOST_STEPS = 2000  # that are looked through for those that are wanted
_CLEAN, _FOUND, _UNFINISHED, _INTERRUPTED = 0, 1, 3, 130


class LoudSession(Session):
    """A session that prints what it finds at once, and knows whether its steps came to an end."""

    is_complete = False
    until_found = ""  # kinds of findings, after the first of which no further step is done
    wanted: tuple[str, ...] = ("",)  # beginnings of the names of the steps to be done

    def begin(self) -> None:
        """Start the time of the budget."""
        self._began = time.monotonic()
        self.is_complete = True

    def find(self, kind: Kind, detail: str) -> None:
        super().find(kind, detail)
        print(f"{self.name} {self.step}: {kind}: {detail[:400]}", flush=True)

    def steps(self, names: Iterable[str]) -> Iterator[str]:
        was_complete, self.is_complete = self.is_complete, False
        asked: list[str] = []
        has_ended = False

        def noted() -> Iterator[str]:
            nonlocal has_ended
            for name in names if self.wanted == ("",) else islice(names, _MOST_STEPS):
                if any(finding.kind in self.until_found.split(",") for finding in self.findings):
                    return
                if name.startswith(self.wanted):
                    asked.append(name)
                    yield name
            has_ended = True

        yield from super().steps(noted())
        self.is_complete = was_complete and has_ended and self._done.issuperset(asked)

    def keep(self) -> None:
        """Keep the counts of a step that was interrupted."""
        self._save()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaigns that exist, print what they found and a table, and return the exit code."""
    options = _options(arguments)
    try:
        chosen = _chosen(options.only)
        shares = sum(CAMPAIGNS[name] for name in chosen)
        sessions = {
            name: LoudSession(
                name, options.folder / name, options.seed, options.budget * 60 * CAMPAIGNS[name] / shares
            )
            for name in chosen
        }
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    result, code = Result(options.folder, options.seed), _CLEAN
    spare_s = 0.0  # what a campaign leaves of its time goes to the next
    try:
        for name, session in sessions.items():
            session.wanted, session.until_found = tuple(options.steps.split(",")), options.until
            session.budget_s += spare_s
            _run(name, session, result)
            spare_s = max(0.0, session.left_s)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        code = _INTERRUPTED
    finally:
        _end_processes()
    result.write(options.json, sessions)
    print(result.table(sessions))
    if any(session.findings for session in sessions.values()):
        return _FOUND
    if code == _CLEAN and not all(session.is_complete for session in sessions.values()):
        return _UNFINISHED
    return code


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.torture", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--budget", type=float, default=_MINUTES, metavar="MINUTES", help=f"for all campaigns ({_MINUTES})"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all random numbers (1)")
    parser.add_argument("--only", default="", metavar="NAME,…", help="these campaigns")
    parser.add_argument("--steps", default="", metavar="BEGINNING,…", help="the steps whose names begin so")
    parser.add_argument(
        "--until", default="", metavar="KIND,…", help="stop at the first finding of these kinds"
    )
    parser.add_argument("--folder", type=Path, default=Path(".torture"), help="keeps the sessions (.torture)")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="for the counts (torture.json in the folder)"
    )
    options = parser.parse_args(arguments)
    options.folder = options.folder.resolve()
    options.json = options.json or options.folder / "torture.json"
    return options


def _chosen(only: str) -> list[str]:
    """The campaigns to run. Raises ValueError for a name that none has."""
    named = [name for name in only.split(",") if name]
    if unknown := sorted(set(named) - set(CAMPAIGNS)):
        raise ValueError(
            f"--only: no campaign is named {', '.join(unknown)}; there are {', '.join(CAMPAIGNS)}"
        )
    chosen = [name for name in CAMPAIGNS if name in (named or CAMPAIGNS)]
    there = [name for name in chosen if importlib.util.find_spec(f"tests.torture.{name}")]
    if missing := [name for name in named if name not in there]:
        raise ValueError(f"--only: tests/torture/{missing[0]}.py is not there")
    return there


def _run(name: str, session: LoudSession, result: Result) -> None:
    """Run one campaign, and note what it cost. An error of the campaign's own is a finding too."""
    campaign: Callable[[Session], None] = importlib.import_module(f"tests.torture.{name}").run
    print(f"{name}: {session.budget_s / 60:.0f} minutes at most", flush=True)
    session.begin()
    began, cpu = time.monotonic(), _cpu_s()
    try:
        campaign(session)
    except KeyboardInterrupt:
        raise
    except Exception as error:
        session.is_complete = False
        session.find("escaped", f"the campaign itself: {type(error).__name__}: {error}")
    finally:
        _end_processes()
        session.keep()
        result.add_cost(name, time.monotonic() - began, _cpu_s() - cpu)


def _cpu_s() -> float:
    """CPU seconds of this process, of the children that have ended, and of what was forked."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    forked = _processes().cpu_s() if _processes() else 0.0
    return forked + sum(usage.ru_utime + usage.ru_stime for usage in spent)


def _end_processes() -> None:
    if module := _processes():
        module.end_all()


def _processes() -> Any:
    """The module that forks processes, if a campaign has loaded it."""
    return sys.modules.get("tests.torture.rig.processes")


class Result:
    """What all calls in one folder have done so far."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.seed, self._file = seed, folder / "costs.json"
        self._costs: dict[str, list[float]] = (
            json.loads(self._file.read_text()) if self._file.exists() else {}
        )

    def add_cost(self, name: str, wall_s: float, cpu_s: float) -> None:
        """Add what a campaign took, in seconds."""
        before = self._costs.get(name, [0.0, 0.0])
        self._costs[name] = [round(before[0] + wall_s, 1), round(before[1] + cpu_s, 1)]
        self._file.write_text(json.dumps(self._costs))

    def write(self, path: Path, sessions: dict[str, LoudSession]) -> None:
        """Write the counts as JSON."""
        campaigns = {name: self._facts(name, session) for name, session in sessions.items()}
        total: Counter[str] = Counter()
        for facts in campaigns.values():
            total.update({name: facts[name] for name in (*DONE, *FOUND)})
        facts = {
            "seed": self.seed,
            "complete": all(session.is_complete for session in sessions.values()),
            **{name: total[name] for name in (*DONE, *FOUND)},
            "campaigns": campaigns,
            "versions": {"python": platform.python_version(), "system": platform.platform(), **_versions()},
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(facts, indent=1))

    def _facts(self, name: str, session: LoudSession) -> dict[str, Any]:
        found = Counter(finding.kind for finding in session.findings)
        wall_s, cpu_s = self._costs.get(name, [0.0, 0.0])
        return {
            "complete": session.is_complete,
            **{what: session.counts[what] for what in DONE},
            **{kind: found[kind] for kind in FOUND},
            "counts": dict(sorted(session.counts.items())),
            "wall_s": wall_s,
            "cpu_s": cpu_s,
            "findings": [_as_text(finding) for finding in session.findings],
        }

    def table(self, sessions: dict[str, LoudSession]) -> str:
        """One line for each campaign."""
        columns = ("steps", *DONE, *FOUND)
        lines = [f"{'campaign':<13}" + "".join(f"{c:>8}" for c in columns) + f"{'minutes':>9}  complete"]
        for name, session in sessions.items():
            facts = self._facts(name, session)
            values = [session.counts["steps"], *(facts[c] for c in (*DONE, *FOUND))]
            is_complete = "yes" if session.is_complete else "no"
            lines.append(
                f"{name:<13}"
                + "".join(f"{v:>8}" for v in values)
                + f"{facts['wall_s'] / 60:>9.1f}  {is_complete}"
            )
        return "\n".join(lines)


def _as_text(finding: Finding) -> str:
    return f"{finding.kind}: {finding.step}: {finding.detail}"


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("scrapy", "pyarrow", "boto3", "trafilatura")}


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
