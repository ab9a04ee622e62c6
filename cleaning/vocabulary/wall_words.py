"""Recognises paywalls, consent and bot walls and missing pages by their words, from vocabulary/walls.toml."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import cast

from cleaning.records import Reason
from cleaning.text.characters import normalize_phrase

FILE = "walls.toml"


@cache
def _walls() -> tuple[tuple[Reason, re.Pattern[str], re.Pattern[str]], ...]:
    """Return (reason, title pattern, text pattern) for each table, in the order of the file."""
    tables = tomllib.loads(files("cleaning").joinpath("vocabulary", FILE).read_text("utf-8"))
    return tuple(
        (cast("Reason", kind), _alternation(table["title"]), _alternation(table["text"]))
        for kind, table in tables.items()
    )


def has_wall_words(reason: Reason, text: str) -> bool:
    """Return whether the text holds words of the wall that belongs to the reason."""
    text = normalize_phrase(text)
    return any(text_pattern.search(text) for kind, _, text_pattern in _walls() if kind == reason)


def wall(title: str, text: str) -> Reason | None:
    """Return the wall that a page with this title and little text is; None where its words name no wall."""
    title, text = normalize_phrase(title), normalize_phrase(text)
    for reason, title_pattern, text_pattern in _walls():
        # Titles of error pages are short. A long title that begins with "not found" is a headline.
        if (len(title) < 50 and title_pattern.match(title)) or text_pattern.search(text):
            return reason
    return None


def _alternation(words: list[str]) -> re.Pattern[str]:
    """Return a pattern that finds any of the phrases as whole words; one that finds nothing for an empty list."""
    body = "|".join(re.escape(normalize_phrase(word)) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{body})(?!\w)" if body else r"(?!)")
