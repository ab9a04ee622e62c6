"""The outlets: one TOML file each, and the record that validates it. No code to add an outlet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from outlets.reading import SPIDER_NAMES, domains_in, read
from outlets.record import (
    GENERAL_CONCURRENCY,
    GENERAL_DELAY_S,
    BrokenFile,
    Limits,
    Outlet,
    OutletErrors,
    Selection,
    on_day,
)

__all__ = [
    "GENERAL_CONCURRENCY",
    "GENERAL_DELAY_S",
    "SPIDER_NAMES",
    "BrokenFile",
    "Limits",
    "Outlet",
    "OutletErrors",
    "Outlets",
    "Selection",
    "load",
    "load_sound",
    "on_day",
    "read",
]

BUNDLED = Path(__file__).parent


class Outlets:
    """Outlets by name and by address, and the files whose mistakes keep them from being one."""

    def __init__(
        self, found: Iterable[Outlet], broken: Mapping[str, BrokenFile] = MappingProxyType({})
    ) -> None:
        self.by_name = {o.key: o for o in found}
        self.broken = broken  # by key
        self._by_domain = {d: o for o in self.by_name.values() for d in o.domains}

    def find(self, host: str) -> Outlet | None:
        """The outlet of a host (lower case, without www), by its longest known domain."""
        return next((self._by_domain[d] for d in _parents(host) if d in self._by_domain), None)

    def broken_file_of(self, host: str) -> str | None:
        """The key of the broken file to which a host belongs, as far as its domains can be read."""
        if self.find(host):
            return None
        return next((k for d in _parents(host) for k, file in self.broken.items() if d in file.domains), None)


def load(extra: str | None = None) -> Outlets:
    """All outlets: the bundled ones and those of the folder `extra`, where a file of the same name replaces
    the bundled one. Raises OutletErrors naming every mistake in every file."""
    outlets = load_sound(extra)
    if outlets.broken:
        raise OutletErrors(list(dict.fromkeys(p for file in outlets.broken.values() for p in file.problems)))
    return outlets


@cache
def load_sound(extra: str | None = None) -> Outlets:
    """The same without the files that have mistakes: those are `broken`. Where two files name one domain both are. A
    bundled file never stands in for a broken one. Raises OutletErrors where there is no such folder."""
    paths = {p.stem: p for p in sorted(BUNDLED.glob("*.toml"))}
    if extra:
        if not Path(extra).is_dir():
            raise OutletErrors([f"OUTLETS_DIR: {extra}: no such folder"])
        paths |= {p.stem: p for p in sorted(Path(extra).glob("*.toml"))}
    found: dict[str, Outlet] = {}
    broken: dict[str, BrokenFile] = {}
    for key, path in paths.items():
        try:
            found[key] = read(path)
        except OutletErrors as error:
            broken[key] = BrokenFile(tuple(error.problems), domains_in(path))
    for key, problems in _shared_domains(found.values()).items():
        broken[key] = BrokenFile(tuple(problems), found.pop(key).domains)
    return Outlets(found.values(), broken)


def _parents(host: str) -> Iterator[str]:
    """The host and every domain above it."""
    while host:
        yield host
        host = host.partition(".")[2]


def _shared_domains(found: Iterable[Outlet]) -> dict[str, list[str]]:
    """By key: the mistakes of the outlets that share a domain."""
    owners: dict[str, list[str]] = {}
    for outlet in found:
        for domain in outlet.domains:
            owners.setdefault(domain, []).append(outlet.key)
    problems: dict[str, list[str]] = {}
    for domain, keys in owners.items():
        for key in keys if len(keys) > 1 else ():
            problems.setdefault(key, []).append(
                f"{' and '.join(f'{k}.toml' for k in keys)}: domains: {domain} stands in both; an address can belong to "
                "one outlet only"
            )
    return problems
