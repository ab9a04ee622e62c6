"""Words of walls and of missing pages: vocabulary/walls.toml."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import cast

from cleaning.records import Reason
from cleaning.text.characters import phrase

FILE = "walls.toml"


@cache
def _walls() -> tuple[tuple[Reason, re.Pattern[str], re.Pattern[str]], ...]:
    """(reason, titles, texts), in the file's order."""
    tables = tomllib.loads(files("cleaning").joinpath("vocabulary", FILE).read_text("utf-8"))
    return tuple((cast("Reason", kind), _any(t["title"]), _any(t["text"])) for kind, t in tables.items())


def says(reason: Reason, text: str) -> bool:
    """The text holds a wall's words."""
    text = phrase(text)
    return any(texts.search(text) for kind, _, texts in _walls() if kind == reason)


def wall(title: str, text: str) -> Reason | None:
    """What a page with this title and this little text is; None where nothing says so."""
    title, text = phrase(title), phrase(text)
    for reason, titles, texts in _walls():
        # an error's title is short: a story about a not-found treasure has a headline
        if (len(title) < 50 and titles.match(title)) or texts.search(text):
            return reason
    return None


def _any(words: list[str]) -> re.Pattern[str]:
    body = "|".join(re.escape(phrase(word)) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{body})(?!\w)" if body else r"(?!)")
