"""Names in the markup: what an element's class and id say about it; words in vocabulary/markup.toml."""

from __future__ import annotations

import re
import tomllib
from functools import cache, lru_cache
from importlib.resources import files

_MARKUP = "markup.toml"
_OWN = "standfirst"
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SEPARATOR = re.compile(r"(?:_|[^\w\s])+")


@cache
def _markup_words() -> dict[str, str]:
    """kind -> alternation of its words."""
    text = files("cleaning").joinpath("vocabulary", _MARKUP).read_text("utf-8")
    tables = tomllib.loads(text).items()
    return {
        k: "|".join(re.escape(w).replace(r"\*", "[a-z0-9-]*") for w in table["words"]) for k, table in tables
    }


@cache
def _furniture() -> tuple[re.Pattern[str], tuple[str, ...]]:
    kinds = {kind: words for kind, words in _markup_words().items() if kind != _OWN}
    # "-" stands in front, outside the groups: the search passes over all that does not begin with it
    return re.compile(f"-(?:{'|'.join(f'({words})' for words in kinds.values())})-"), tuple(kinds)


@cache
def _own() -> re.Pattern[str]:
    return re.compile(f"-(?:{_markup_words()[_OWN]})-")


def _parts(label: str) -> str:
    """The names between hyphens, as are the parts of each: "-article-body- -wide-"."""
    names = " ".join(label.split())
    names = names if names.islower() else _CAPITAL.sub("-", names).lower()
    return f"-{_SEPARATOR.sub('-', names).replace(' ', '- -')}-".replace("--", "-")


@lru_cache(maxsize=4096)
def markup_kind(label: str) -> str | None:
    """The kind of furniture that an element's class and id speak of; None for none."""
    pattern, kinds = _furniture()
    found = pattern.search(_parts(label))
    return kinds[found.lastindex - 1] if found and found.lastindex else None


@lru_cache(maxsize=4096)
def names_standfirst(label: str) -> bool:
    """An element's class and id call it the standfirst."""
    return bool(_own().search(_parts(label)))
