"""Looks up the phrases of clutter ("Read more", "Sign up") that a line holds, by language and kind.

The phrases are in vocabulary/*.toml, one file for each language. Each phrase has a mode:
- `whole`: the line is this phrase and nothing else.
- `opens`: a short line begins with the phrase.
- `holds`: a short line contains the phrase.
- `from`: everything from the phrase to the end of the line is clutter.
- `named`: the phrase follows an author's name in a biography.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from cleaning.text.characters import is_spaceless, normalize_phrase, unify_quotes, words_only

_MAX_WHOLE = 120  # characters
_WORD = re.compile(r"\w+")
_LEADING_MARKS = re.compile(r"\W{0,3}")
_MODES = ("whole", "opens", "holds", "from", "named")
_PLEA_KINDS = ("membership", "newsletter", "correction")
_LANGUAGE_FILE = re.compile(r"(?:[a-z]{2}|other)\.toml$")  # other modules read the other files


@dataclass(frozen=True, slots=True)
class Match:
    """A phrase that was found in a text."""

    kind: str
    rule: str  # language.kind.mode
    start: int  # offset of the phrase in the text, in characters


@cache
def _tables() -> dict[str, dict[str, tuple[str, str]]]:
    """Return mode -> phrase -> (kind, rule). A phrase that two languages list belongs to the first."""
    tables: dict[str, dict[str, tuple[str, str]]] = {mode: {} for mode in _MODES}
    for path in sorted(files("cleaning").joinpath("vocabulary").iterdir(), key=lambda p: p.name):
        if not _LANGUAGE_FILE.match(path.name):
            continue
        language = path.name.removesuffix(".toml")
        for kind, modes in tomllib.loads(path.read_text("utf-8")).items():
            for mode, phrases in modes.items():
                normalize = words_only if mode == "whole" else normalize_phrase
                for text in phrases:
                    tables[mode].setdefault(normalize(text), (kind, f"{language}.{kind}.{mode}"))
    return tables


@cache
def _pattern(mode: str) -> re.Pattern[str]:
    """Return the pattern of all phrases of a mode, after at most three marks such as quotation marks."""
    # longest first: else the alternation would match "read more" before it tries "read more:"
    ordered = sorted(_tables()[mode], key=len, reverse=True)
    body = "|".join(f"{re.escape(text)}{_end_boundary(text)}" for text in ordered)
    return re.compile(rf"\W{{0,3}}({body})")


def _start_boundary(text: str) -> str:
    """Return the pattern before a phrase: the start of a word; nothing for a mark and for scripts without spaces."""
    return r"(?<!\w)" if text[0].isalnum() and not is_spaceless(text[0]) else ""


def _end_boundary(text: str) -> str:
    """Return the pattern after a phrase: the end of a word; nothing for "photo:" and for scripts without spaces."""
    return r"(?!\w)" if text[-1].isalnum() and not is_spaceless(text[-1]) else ""


def whole(text: str) -> Match | None:
    """Return the match of a line that is a phrase of mode `whole`; None for any other line."""
    entry = _tables()["whole"].get(words_only(text)) if len(text) <= _MAX_WHOLE else None
    return Match(*entry, start=0) if entry else None


def opens(text: str) -> Match | None:
    """Return the match of the phrase of mode `opens` that the line begins with; None where there is none."""
    match = _match_opening(normalize_phrase(text))
    return Match(*_tables()["opens"][match[1]], start=0) if match else None


def _match_opening(text: str) -> re.Match[str] | None:
    """Match a phrase of mode `opens`. The pattern of a thousand phrases runs only where two first characters fit."""
    start = _LEADING_MARKS.match(text)
    return _pattern("opens").match(text) if start and text[start.end() :][:2] in _opening_prefixes() else None


@cache
def _opening_prefixes() -> frozenset[str]:
    """Return the first two characters of every phrase of mode `opens`."""
    return frozenset(text[:2] for text in _tables()["opens"])


def after_opening(text: str) -> str | None:
    """Return what follows the phrase of mode `opens` that the line begins with; None where there is none."""
    # normalize_phrase() keeps the number of words but not of characters, so words are counted
    match = _match_opening(normalize_phrase(text))
    return " ".join(text.split()[len(match[0].split()) :]) if match else None


def holds(text: str) -> Match | None:
    """Return the match of a phrase of mode `holds` in the line; None where it contains none."""
    return _first_inside("holds", normalize_phrase(text))


def repeated_pleas(text: str) -> Match | None:
    """Return the first match in a text with at least two pleas: for money, an e-mail address or a correction."""
    text = normalize_phrase(text)
    # fast path for nearly every paragraph, three times faster
    if len(_phrases_in(text, ("holds",), _PLEA_KINDS)) < 2:
        return None
    found_phrases = [
        candidate
        for candidate in _candidate_phrases("holds", text)
        if candidate in text and _tables()["holds"][candidate][0] in _PLEA_KINDS
    ]
    return Match(*_tables()["holds"][found_phrases[0]], start=0) if len(found_phrases) > 1 else None


def disclosure(text: str) -> Match | None:
    """Return the match where a disclosure of machine-made text begins in the line; None where there is none."""
    # lower() instead of casefold(), and quotes replaced one for one: the offset has to stay right
    return _first_inside("from", unify_quotes(text).lower())


def may_disclose(text: str) -> bool:
    """Return whether a text may hold a disclosure. A cheap test before `disclosure` is called for each line."""
    return bool(_phrases_in(unify_quotes(text).lower(), ("from",)))


def find_phrases(text: str, kind: str) -> tuple[str, ...]:
    """Return the phrases of a kind that occur anywhere in a text, which must come from normalize_phrase."""
    return _phrases_in(text, _MODES[1:4], (kind,))


def _phrases_in(text: str, modes: tuple[str, ...], kinds: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the phrases of the modes and kinds that occur in the text, in the order of the tables."""
    index, always_checked = _index_by_inner_word(modes, kinds)
    words = set(text.split())
    found = [*always_checked, *(entry for word in index if word in words for entry in index[word])]
    return tuple(candidate for _, candidate in sorted(found) if candidate in text)


@cache
def _index_by_inner_word(
    modes: tuple[str, ...], kinds: tuple[str, ...]
) -> tuple[dict[str, list[tuple[int, str]]], list[tuple[int, str]]]:
    """Return inner word -> [(position, phrase)], and the phrases without an inner word. No kinds: all kinds.

    An inner word has a space on both sides within the phrase, so it is a word of every text that holds the phrase.
    """
    index: dict[str, list[tuple[int, str]]] = {}
    without_inner_word: list[tuple[int, str]] = []
    tables = (_tables()[mode].items() for mode in modes)
    entries_in_scope = (
        phrase for table in tables for phrase, (phrase_kind, _) in table if not kinds or phrase_kind in kinds
    )
    for position, phrase in enumerate(entries_in_scope):
        inner = max(phrase.split(" ")[1:-1], key=len, default="")
        (index.setdefault(inner, []) if inner else without_inner_word).append((position, phrase))
    return index, without_inner_word


def _first_inside(mode: str, text: str) -> Match | None:
    """Return the match of the first phrase of the mode, in the order of the table, that the text contains."""
    for phrase in _candidate_phrases(mode, text):
        kind, rule = _tables()[mode][phrase]
        if phrase in text and (
            match := re.search(f"{_start_boundary(phrase)}{re.escape(phrase)}{_end_boundary(phrase)}", text)
        ):
            return Match(kind, rule, match.start())
    return None


def _candidate_phrases(mode: str, text: str) -> list[str]:
    """Return the phrases of the mode whose longest word the text holds, in the order of the table.

    To search the text for each of hundreds of phrases would cost more than the rest of cleaning.
    """
    index, always_checked = _index_by_longest_word(mode)
    text_words = set(_WORD.findall(text))
    found = [*always_checked, *(entry for word in text_words & index.keys() for entry in index[word])]
    return [phrase for _, phrase in sorted(found)]


@cache
def _index_by_longest_word(mode: str) -> tuple[dict[str, list[tuple[int, str]]], list[tuple[int, str]]]:
    """Return longest word -> [(position, phrase)], and the phrases without words that spaces separate."""
    index: dict[str, list[tuple[int, str]]] = {}
    without_word: list[tuple[int, str]] = []
    for position, phrase in enumerate(_tables()[mode]):
        word = max(_WORD.findall(phrase), key=len, default="")
        if not word or any(is_spaceless(character) for character in word):
            without_word.append((position, phrase))
        else:
            index.setdefault(word, []).append((position, phrase))
    return index, without_word


def begins_biography(name: str, text: str) -> bool:
    """Return whether the text begins with the name and goes on like a biography ("… is a reporter")."""
    if not text.startswith(name):
        return False
    return bool(_pattern("named").match(normalize_phrase(text[len(name) :]).strip(" ,-")))
