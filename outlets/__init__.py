"""The outlets: one TOML file each, and the record that validates it. No code to add an outlet."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from outlets.reading import read
from outlets.record import (
    GENERAL_CONCURRENCY,
    GENERAL_DELAY_S,
    Limits,
    Outlet,
    OutletErrors,
    Selection,
    on_day,
)

__all__ = [
    "GENERAL_CONCURRENCY",
    "GENERAL_DELAY_S",
    "Limits",
    "Outlet",
    "OutletErrors",
    "Outlets",
    "Selection",
    "load",
    "on_day",
    "read",
]

BUNDLED = Path(__file__).parent


class Outlets:
    """Outlets by name and by address."""

    def __init__(self, found: Iterable[Outlet]) -> None:
        self.by_name = {o.key: o for o in found}
        self._by_domain = {d: o for o in self.by_name.values() for d in o.domains}

    def find(self, host: str) -> Outlet | None:
        """The outlet of a host (lower case, without www), by its longest known domain."""
        while host:
            if host in self._by_domain:
                return self._by_domain[host]
            host = host.partition(".")[2]
        return None


@cache
def load(extra: str | None = None) -> Outlets:
    """All outlets: the bundled ones and those of the folder `extra`, where a file of the same name replaces
    the bundled one. Raises OutletErrors naming every mistake in every file."""
    problems: list[str] = []
    paths = {p.stem: p for p in sorted(BUNDLED.glob("*.toml"))}
    if extra:
        if not Path(extra).is_dir():
            raise OutletErrors([f"OUTLETS_DIR: {extra}: no such folder"])
        paths |= {p.stem: p for p in sorted(Path(extra).glob("*.toml"))}
    found: list[Outlet] = []
    for path in paths.values():
        try:
            found.append(read(path))
        except OutletErrors as error:
            problems += error.problems
    problems += _shared_domains(found)
    if problems:
        raise OutletErrors(problems)
    return Outlets(found)


def _shared_domains(found: list[Outlet]) -> list[str]:
    owners: dict[str, list[str]] = {}
    for outlet in found:
        for domain in outlet.domains:
            owners.setdefault(domain, []).append(outlet.key)
    return [
        f"{' and '.join(f'{k}.toml' for k in keys)}: domains: {domain} stands in both; an address can belong to one outlet only"
        for domain, keys in owners.items()
        if len(keys) > 1
    ]
