"""Holds a user's choice of the rows of `raw` that a command works on: by day of landing, outlet and run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RawPageSelection:
    """A choice of rows of `raw`. An empty set does not restrict the choice."""

    days: frozenset[str] = frozenset()  # UTC days of landing, as 2026-11-22
    outlets: frozenset[str] = frozenset()
    runs: frozenset[str] = frozenset()

    def has_part(self, key: str) -> bool:
        """Whether the part file of this key is of a chosen day and run. Outlets are for its rows to tell."""
        _, day, name = key.split("/")
        run = name.rpartition("-")[0]
        return (not self.days or day.removeprefix("day=") in self.days) and (
            not self.runs or run in self.runs
        )
