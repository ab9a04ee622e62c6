"""Tells from the class and id of an element what kind of clutter it holds, or that it is the standfirst.

The words are in vocabulary/markup.toml.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache, lru_cache
from importlib.resources import files

_MARKUP_FILE = "markup.toml"
_STANDFIRST = "standfirst"
_NOT_CLUTTER = frozenset({_STANDFIRST, "structure"})
_READ_ALOUD = re.compile("-(?:visually-hidden|sr-only|screen-reader-text|visuallyhidden)-")
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SEPARATOR = re.compile(r"(?:_|[^\w\s])+")


@cache
def _markup_words() -> dict[str, str]:
    """Return kind -> regular expression alternation of its words."""
    text = files("cleaning").joinpath("vocabulary", _MARKUP_FILE).read_text("utf-8")
    tables = tomllib.loads(text).items()
    return {
        kind: "|".join(re.escape(word).replace(r"\*", "[a-z0-9-]*") for word in table["words"])
        for kind, table in tables
    }


@cache
def _clutter_pattern() -> tuple[re.Pattern[str], tuple[str, ...]]:
    """Return a pattern with one group for each kind of clutter, and the kinds in the order of the groups."""
    kinds = {kind: words for kind, words in _markup_words().items() if kind not in _NOT_CLUTTER}
    # The leading "-" stands outside the groups, so that the search skips every other character quickly.
    return re.compile(f"-(?:{'|'.join(f'({words})' for words in kinds.values())})-"), tuple(kinds)


@cache
def _standfirst_pattern() -> re.Pattern[str]:
    return re.compile(f"-(?:{_markup_words()[_STANDFIRST]})-")


def _hyphenated_names(label: str) -> str:
    """Return the names in lower case with hyphens around each name and each of its words: "-article-body- -wide-"."""
    names = " ".join(label.split())
    names = names if names.islower() else _WORD_START.sub("-", names).lower()
    return f"-{_SEPARATOR.sub('-', names).replace(' ', '- -')}-".replace("--", "-")


@lru_cache(maxsize=4096)
def markup_kind(label: str) -> str | None:
    """Return the kind of clutter that the class and id name; None where they name none. label: class and id."""
    pattern, kinds = _clutter_pattern()
    match = pattern.search(_hyphenated_names(label))
    return kinds[match.lastindex - 1] if match and match.lastindex else None


@lru_cache(maxsize=4096)
def names_standfirst(label: str) -> bool:
    """Return whether the class and id name the standfirst. label: class and id."""
    return bool(_standfirst_pattern().search(_hyphenated_names(label)))


@cache
def _topic_words() -> tuple[frozenset[str], frozenset[str]]:
    """Return (words that are also topics, words of structure)."""
    table = tomllib.loads(files("cleaning").joinpath("vocabulary", _MARKUP_FILE).read_text("utf-8"))[
        "structure"
    ]
    return frozenset(word.partition("-")[0] for word in table["topics"]), frozenset(table["words"])


@lru_cache(maxsize=4096)
def is_topic(name: str) -> bool:
    """Return whether a single class or id is named after a topic ("bio-waste"): a word that may be clutter begins it, and
    another that is no word of structure follows."""
    topics, structure = _topic_words()
    words = _hyphenated_names(name).strip("-").split("-")
    return (
        len(words) > 1
        and words[0] in topics
        and not any(word in structure or len(word) < 3 for word in words[1:])
    )


@lru_cache(maxsize=4096)
def is_for_readers_ears(label: str) -> bool:
    """Return whether a class marks text that is only read aloud: it repeats what is shown."""
    return bool(_READ_ALOUD.search(_hyphenated_names(label)))
