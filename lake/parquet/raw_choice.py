"""Which pages of `raw` a command works on: by day of landing, by outlet, by run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RawChoice:
    """Which rows of raw; empty: all."""

    days: frozenset[str] = frozenset()  # of landing, as 2026-11-22
    outlets: frozenset[str] = frozenset()
    runs: frozenset[str] = frozenset()

    def has_part(self, key: str) -> bool:
        _, day, name = key.split("/")
        run = name.rpartition("-")[0]
        return (not self.days or day.removeprefix("day=") in self.days) and (
            not self.runs or run in self.runs
        )
