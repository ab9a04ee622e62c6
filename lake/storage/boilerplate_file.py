"""Learned boilerplate as it lies in the lake: `boilerplate/<version>.json`, written once and never changed.

lake/jobs/learn_boilerplate.py makes it, and crawls read the latest at their start.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

from cleaning import Learned
from lake.storage.store import Store

log = logging.getLogger(__name__)

BOILERPLATE = "boilerplate/"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Recurring:
    """One line of an outlet, and why it counts as boilerplate."""

    key: str  # cleaning.line_key
    text: str
    stories: int  # seen in so many
    days: int  # published on so many
    first: str  # of these days, YYYY-MM-DD
    last: str


@dataclass(frozen=True, slots=True)
class Artefact:
    """What was learned; version is None where nothing ever was."""

    version: str | None = None
    outlets: dict[str, tuple[Recurring, ...]] | None = None

    def of(self, outlet: str) -> Learned:
        lines = (self.outlets or {}).get(outlet)
        return Learned(self.version, {line.key: line.stories for line in lines}) if lines else Learned()


def latest(store: Store) -> Artefact:
    """The newest artefact; an empty one where there is none, or none that can be read, which is told."""
    key = max((key for key in store.keys(BOILERPLATE) if key.endswith(".json")), default=None)
    if key is None:
        return Artefact()
    try:
        return _read(store.get(key))
    except (KeyError, TypeError, ValueError) as error:
        log.warning("%s cannot be read, so no boilerplate is cut: %s", key, error)
        return Artefact()


def _read(data: bytes) -> Artefact:
    found = json.loads(data)
    if found["format"] != FORMAT:
        raise ValueError(f"format {found['format']!r}, expected {FORMAT}")
    outlets = {
        name: tuple(Recurring(**line) for line in outlet["lines"])
        for name, outlet in found["outlets"].items()
    }
    return Artefact(str(found["version"]), outlets)
