"""Learned boilerplate as it lies in the lake: `boilerplate/<version>.json`, written once and never changed.

lake/jobs/learn_boilerplate.py makes it, and crawls read the latest at their start.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

from cleaning import LearnedLines
from lake.storage.store import Store

log = logging.getLogger(__name__)

PREFIX = "boilerplate/"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class RecurringLine:
    """One line of an outlet, and why it counts as boilerplate."""

    key: str  # cleaning.line_key
    text: str
    stories: int  # seen in so many
    days: int  # published on so many
    first: str  # of these days, YYYY-MM-DD
    last: str


@dataclass(frozen=True, slots=True)
class LearnedBoilerplate:
    """What was learned; version is None where nothing ever was."""

    version: str | None = None
    outlets: dict[str, tuple[RecurringLine, ...]] | None = None

    def of(self, outlet: str) -> LearnedLines:
        lines = (self.outlets or {}).get(outlet)
        return (
            LearnedLines(self.version, {line.key: line.stories for line in lines})
            if lines
            else LearnedLines()
        )


def latest_boilerplate(store: Store) -> LearnedBoilerplate:
    """The newest artefact; an empty one where there is none, or none that can be read, which is told."""
    key = max((key for key in store.keys(PREFIX) if key.endswith(".json")), default=None)
    if key is None:
        return LearnedBoilerplate()
    try:
        return _parse(store.get(key))
    except (KeyError, TypeError, ValueError) as error:
        log.warning("%s cannot be read, so no boilerplate is cut: %s", key, error)
        return LearnedBoilerplate()


def _parse(data: bytes) -> LearnedBoilerplate:
    document = json.loads(data)
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']!r}, expected {FORMAT}")
    outlets = {
        name: tuple(RecurringLine(**line) for line in outlet["lines"])
        for name, outlet in document["outlets"].items()
    }
    return LearnedBoilerplate(str(document["version"]), outlets)
