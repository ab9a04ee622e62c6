"""The vocabulary: words of the trade by language and kind, kept in vocabulary/*.toml apart from code.

Modes: `whole` a line that is nothing but this; `opens` a short line that begins with it; `holds` a short line
that contains it; `from` everything from here to the end of the line; `named` what follows an author's name in
a biography.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from cleaning.characters import bare, one_quote, phrase

_MODES = ("whole", "opens", "holds", "from", "named")
_NO_LANGUAGE = ("markup.toml", "walls.toml", "months.toml")  # read by names, refusal_words, date_words


@dataclass(frozen=True, slots=True)
class Match:
    kind: str
    rule: str  # language.kind.mode
    start: int  # of the phrase, in characters


@cache
def _tables() -> dict[str, dict[str, tuple[str, str]]]:
    """mode -> phrase -> (kind, rule); the first language to name a phrase owns it."""
    tables: dict[str, dict[str, tuple[str, str]]] = {mode: {} for mode in _MODES}
    for path in sorted(files("cleaning").joinpath("vocabulary").iterdir(), key=lambda p: p.name):
        if not path.name.endswith(".toml") or path.name in _NO_LANGUAGE:
            continue
        language = path.name.removesuffix(".toml")
        for kind, modes in tomllib.loads(path.read_text("utf-8")).items():
            for mode, phrases in modes.items():
                form = bare if mode == "whole" else phrase
                for text in phrases:
                    tables[mode].setdefault(form(text), (kind, f"{language}.{kind}.{mode}"))
    return tables


@cache
def _pattern(mode: str) -> re.Pattern[str]:
    # longest first: the alternation would else stop at "read more" before "read more:"
    ordered = sorted(_tables()[mode], key=len, reverse=True)
    body = "|".join(re.escape(text) for text in ordered)
    return re.compile(rf"\W{{0,3}}({body})(?!\w)")


def whole(text: str) -> Match | None:
    """The line is nothing but a word of the trade."""
    found = _tables()["whole"].get(bare(text))
    return Match(*found, start=0) if found else None


def opens(text: str) -> Match | None:
    """The line begins with a word of the trade."""
    found = _pattern("opens").match(phrase(text))
    return Match(*_tables()["opens"][found[1]], start=0) if found else None


def after_opening(text: str) -> str | None:
    """What follows the word of the trade that the line begins with."""
    # phrase() keeps the number of words, not of characters: count words
    found = _pattern("opens").match(phrase(text))
    return " ".join(text.split()[len(found[0].split()) :]) if found else None


def holds(text: str) -> Match | None:
    """The line contains a word of the trade."""
    return _inside("holds", phrase(text))


def pleas(text: str) -> Match | None:
    """A long text that asks twice over: for money, an address, a correction."""
    text = phrase(text)
    found = [
        words
        for kind in ("membership", "newsletter", "correction")
        for words in _of_kind("holds", kind)
        if words in text
    ]
    return Match(*_tables()["holds"][found[0]], start=0) if len(found) > 1 else None


def disclosure(text: str) -> Match | None:
    """Where a disclosure of machine-made text begins in the line."""
    # lower() and not casefold(), quotes one for one: the place has to be right
    return _inside("from", one_quote(text).lower())


def occurring(text: str, kind: str) -> tuple[str, ...]:
    """The words of a kind that occur in a long text, wherever a line holds them."""
    text = phrase(text)
    return tuple(found for mode in _MODES[1:4] for found in _of_kind(mode, kind) if found in text)


def _inside(mode: str, text: str) -> Match | None:
    # a hundred searches for a fixed text are ten times faster than one alternation of a hundred
    for found, (kind, rule) in _tables()[mode].items():
        if found in text and (place := re.search(rf"(?<!\w){re.escape(found)}(?!\w)", text)):
            return Match(kind, rule, place.start())
    return None


@cache
def _of_kind(mode: str, kind: str) -> tuple[str, ...]:
    return tuple(found for found, (owner, _) in _tables()[mode].items() if owner == kind)


def speaks_of(name: str, text: str) -> bool:
    """The text begins with the name and goes on as a biography does."""
    if not text.startswith(name):
        return False
    return bool(_pattern("named").match(phrase(text[len(name) :]).strip(" ,-")))
