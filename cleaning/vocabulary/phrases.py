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

from cleaning.text.characters import bare, is_spaceless, one_quote, phrase

_LONGEST_WHOLE = 120  # characters
_WORD = re.compile(r"\w+")
_NO_WORD_START = re.compile(r"\W{0,3}")
_MODES = ("whole", "opens", "holds", "from", "named")
_PLEAS = ("membership", "newsletter", "correction")
_LANGUAGES = re.compile(r"(?:[a-z]{2}|other)\.toml$")  # the other files have readers of their own


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
        if not _LANGUAGES.match(path.name):
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
    body = "|".join(f"{re.escape(text)}{_end(text)}" for text in ordered)
    return re.compile(rf"\W{{0,3}}({body})")


def _start(text: str) -> str:
    """Where a phrase may begin: at a word's beginning, if it begins with a letter of a script that parts its words."""
    return r"(?<!\w)" if text[0].isalnum() and not is_spaceless(text[0]) else ""


def _end(text: str) -> str:
    """Where a phrase may end; "photo:" and Japanese may be followed by anything."""
    return r"(?!\w)" if text[-1].isalnum() and not is_spaceless(text[-1]) else ""


def whole(text: str) -> Match | None:
    """The line is nothing but a word of the trade."""
    found = _tables()["whole"].get(bare(text)) if len(text) <= _LONGEST_WHOLE else None
    return Match(*found, start=0) if found else None


def opens(text: str) -> Match | None:
    """The line begins with a word of the trade."""
    found = _opening(phrase(text))
    return Match(*_tables()["opens"][found[1]], start=0) if found else None


def _opening(text: str) -> re.Match[str] | None:
    """The alternation of a thousand phrases is tried only where one of them begins with the same two characters."""
    start = _NO_WORD_START.match(text)
    return _pattern("opens").match(text) if start and text[start.end() :][:2] in _starts() else None


@cache
def _starts() -> frozenset[str]:
    return frozenset(text[:2] for text in _tables()["opens"])


def after_opening(text: str) -> str | None:
    """What follows the word of the trade that the line begins with."""
    # phrase() keeps the number of words, not of characters: count words
    found = _opening(phrase(text))
    return " ".join(text.split()[len(found[0].split()) :]) if found else None


def holds(text: str) -> Match | None:
    """The line contains a word of the trade."""
    return _inside("holds", phrase(text))


def pleas(text: str) -> Match | None:
    """A long text that asks twice over: for money, an address, a correction."""
    text = phrase(text)
    if len(_held(text, ("holds",), _PLEAS)) < 2:  # nearly every paragraph, in a third of the time
        return None
    found = [
        words
        for words in _candidates("holds", text)
        if words in text and _tables()["holds"][words][0] in _PLEAS
    ]
    return Match(*_tables()["holds"][found[0]], start=0) if len(found) > 1 else None


def disclosure(text: str) -> Match | None:
    """Where a disclosure of machine-made text begins in the line."""
    # lower() and not casefold(), quotes one for one: the place has to be right
    return _inside("from", one_quote(text).lower())


def may_disclose(text: str) -> bool:
    """Whether `disclosure` is worth asking for the lines of a text, which most have none of."""
    return bool(_held(one_quote(text).lower(), ("from",)))


def occurring(text: str, kind: str) -> tuple[str, ...]:
    """The words of a kind that occur in a long text in the form of characters.phrase, wherever a line holds them."""
    return _held(text, _MODES[1:4], (kind,))


def _held(text: str, modes: tuple[str, ...], kinds: tuple[str, ...] = ()) -> tuple[str, ...]:
    index, always = _by_inner_word(modes, kinds)
    words = set(text.split())
    found = [*always, *(entry for word in index if word in words for entry in index[word])]
    return tuple(phrase for _, phrase in sorted(found) if phrase in text)


@cache
def _by_inner_word(
    modes: tuple[str, ...], kinds: tuple[str, ...]
) -> tuple[dict[str, list[tuple[int, str]]], list[tuple[int, str]]]:
    """A word that spaces part from the phrase's others on both sides, and so in any text that holds the phrase -> (place,
    phrase); and the phrases without one. All kinds where none is named."""
    index: dict[str, list[tuple[int, str]]] = {}
    always: list[tuple[int, str]] = []
    tables = (_tables()[mode].items() for mode in modes)
    ours = (phrase for table in tables for phrase, (owner, _) in table if not kinds or owner in kinds)
    for place, found in enumerate(ours):
        inner = max(found.split(" ")[1:-1], key=len, default="")
        (index.setdefault(inner, []) if inner else always).append((place, found))
    return index, always


def _inside(mode: str, text: str) -> Match | None:
    for found in _candidates(mode, text):
        kind, rule = _tables()[mode][found]
        if found in text and (place := re.search(f"{_start(found)}{re.escape(found)}{_end(found)}", text)):
            return Match(kind, rule, place.start())
    return None


def _candidates(mode: str, text: str) -> list[str]:
    """The phrases whose longest word the text holds, in the order of the tables; one search each of hundreds costs more
    than all the rest of cleaning."""
    index, always = _index(mode)
    words = set(_WORD.findall(text))
    found = [*always, *(entry for word in words & index.keys() for entry in index[word])]
    return [words for _, words in sorted(found)]


@cache
def _index(mode: str) -> tuple[dict[str, list[tuple[int, str]]], list[tuple[int, str]]]:
    """Longest word -> (place in the table, phrase); and the phrases without words that spaces part."""
    index: dict[str, list[tuple[int, str]]] = {}
    always: list[tuple[int, str]] = []
    for place, found in enumerate(_tables()[mode]):
        word = max(_WORD.findall(found), key=len, default="")
        if not word or any(is_spaceless(character) for character in word):
            always.append((place, found))
        else:
            index.setdefault(word, []).append((place, found))
    return index, always


def speaks_of(name: str, text: str) -> bool:
    """The text begins with the name and goes on as a biography does."""
    if not text.startswith(name):
        return False
    return bool(_pattern("named").match(phrase(text[len(name) :]).strip(" ,-")))
