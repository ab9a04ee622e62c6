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
    kinds = {kind: words for kind, words in _markup_words().items() if kind != _STANDFIRST}
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
