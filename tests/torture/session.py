"""The session of one campaign: its random numbers, its time budget, its counts and its findings.

A session is resumable: the steps that it has finished, the counts and the findings are kept in one JSON file, which is
written after each step. A step is repeatable by its name and the seed alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from time import monotonic
from typing import Literal

# lost, doubled: rows that an unbroken run has or has once. let_in: what must be refused was not. silent: a failure that
# neither the exit code nor a stat told. escaped: an error of a kind that no caller expects. slow: a bound on time or
# memory was exceeded. torn: an object that cannot be read. left: what should have been cleaned up was not.
Kind = Literal["lost", "doubled", "let_in", "silent", "escaped", "slow", "torn", "left"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A promise that did not hold. step: the step that found it, from which it can be repeated."""

    kind: Kind
    step: str
    detail: str


class Session:
    """One campaign's session. folder: where it works and keeps its state."""

    def __init__(self, name: str, folder: Path, seed: int, budget_s: float) -> None:
        self.name, self.folder, self.seed, self.budget_s = name, folder, seed, budget_s
        self.counts: Counter[str] = Counter()  # kills, faults, inputs, …
        self.findings: list[Finding] = []
        self.step = ""
        self._done: set[str] = set()
        self._began = monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "session.json"
        if self._file.exists():
            self._restore(json.loads(self._file.read_text()))

    @property
    def left_s(self) -> float:
        """Seconds of the budget that are left."""
        return self.budget_s - (monotonic() - self._began)

    def steps(self, names: Iterable[str]) -> Iterator[str]:
        """Yield the names of the steps that are still to be done, until the budget is spent. A step counts as done when
        the next one is asked for."""
        for name in names:
            if name in self._done:
                continue
            if self.left_s <= 0:
                return
            self.step = name
            yield name
            self._done.add(name)
            self.counts["steps"] += 1
            self._save()

    def random(self) -> Random:
        """Random numbers that depend on the seed, the campaign and the step alone."""
        return Random(f"{self.seed}/{self.name}/{self.step}")

    def count(self, what: str, by: int = 1) -> None:
        """Count what was done: kills, faults, inputs."""
        self.counts[what] += by

    def find(self, kind: Kind, detail: str) -> None:
        """Note a promise that did not hold; the campaign goes on."""
        self.findings.append(Finding(kind, self.step, detail))
        self._save()

    def summary(self) -> dict[str, object]:
        """The counts and the findings, as JSON values."""
        return {
            "seed": self.seed,
            "counts": dict(sorted(self.counts.items())),
            "findings": [asdict(finding) for finding in self.findings],
        }

    def _save(self) -> None:
        temporary = self._file.with_suffix(".tmp")
        temporary.write_text(json.dumps({**self.summary(), "done": sorted(self._done)}, indent=1))
        temporary.replace(self._file)

    def _restore(self, state: dict[str, object]) -> None:
        if state["seed"] != self.seed:
            raise ValueError(f"{self._file} is of seed {state['seed']}; remove the folder or give that seed")
        self.counts.update(state["counts"])  # type: ignore[call-overload]
        self.findings = [Finding(**finding) for finding in state["findings"]]  # type: ignore[attr-defined]
        self._done = set(state["done"])  # type: ignore[call-overload]
