"""Reads the boilerplate lines that were learned for each outlet from `boilerplate/<version>.json` in the lake.

lake/jobs/learn_boilerplate.py writes such a file. It never changes, but that a takedown takes lines out of it. A run reads the latest one at its start.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from cleaning import LearnedLines
from lake.storage.store import WRONG_FORM, Store

log = logging.getLogger(__name__)

PREFIX = "boilerplate/"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class RecurringLine:
    """One recurring line of an outlet, with the counts that make it boilerplate."""

    key: str  # cleaning.line_key
    text: str
    stories: int  # number of stories that contain the line
    days: int  # number of days on which these stories were published
    first: str  # the first of these days, YYYY-MM-DD
    last: str  # the last of these days, YYYY-MM-DD


@dataclass(frozen=True, slots=True)
class LearnedBoilerplate:
    """The content of one boilerplate file. version and outlets are None if the lake has no such file."""

    version: str | None = None
    outlets: dict[str, tuple[RecurringLine, ...]] | None = None

    def of(self, outlet: str) -> LearnedLines:
        """Return the lines of one outlet; empty if none were learned."""
        lines = (self.outlets or {}).get(outlet)
        return (
            LearnedLines(self.version, {line.key: line.stories for line in lines})
            if lines
            else LearnedLines()
        )


def latest_boilerplate(store: Store) -> LearnedBoilerplate:
    """Return the newest boilerplate file of the lake; an empty one if there is none.

    If the newest file is not readable, logs a warning and returns an empty one: no boilerplate is cut then. Raises
    LakeError where the store fails."""
    key = max((key for key in store.keys(PREFIX) if key.endswith(".json")), default=None)
    if key is None:
        return LearnedBoilerplate()
    try:
        return parse(store.get(key))
    except WRONG_FORM as error:
        log.warning("%s cannot be read, so no boilerplate is cut: %s", key, error)
        return LearnedBoilerplate()


def without_lines(
    data: bytes, outlets: Collection[str], lines: Mapping[str, Collection[str]]
) -> bytes | None:
    """Return a boilerplate file without these outlets and without the lines of these keys, which are given by outlet;
    None where it has none of them. Returns no bytes where no line is left, or the file cannot be read."""
    try:
        document = json.loads(data)
        parse(data)
    except WRONG_FORM:
        return b""
    left = {}
    for name, outlet in document["outlets"].items():
        kept = [line for line in outlet["lines"] if line["key"] not in lines.get(name, ())]
        if kept and name not in outlets:
            left[name] = {**outlet, "lines": kept}
    if left == document["outlets"]:
        return None
    return encode({**document, "outlets": left}) if left else b""


def encode(document: dict[str, Any]) -> bytes:
    """Return a boilerplate file of these contents."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False).encode()


def parse(data: bytes) -> LearnedBoilerplate:
    """Return the content of a boilerplate file. Raises one of WRONG_FORM where it is none."""
    document = json.loads(data)
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']!r}, expected {FORMAT}")
    outlets = {
        name: tuple(RecurringLine(**line) for line in outlet["lines"])
        for name, outlet in document["outlets"].items()
    }
    return LearnedBoilerplate(str(document["version"]), outlets)
