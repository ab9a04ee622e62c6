"""What kind of piece a page says it is: paid for, a running report, an opinion; words in vocabulary/genres.toml.

Said by its schema.org type, its section or genre, a part of its address, a label right above the headline, or the
headline's own first words.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cleaning.metadata import json_ld
from cleaning.text.characters import phrase

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cleaning.metadata.json_ld import Node

FILE = "genres.toml"
_HEAD = re.compile(r"^\W*([^:|]{2,40}?)\s*(?::|\|)\s")


@dataclass(frozen=True, slots=True)
class Genre:
    sponsored: bool
    live_blog: bool
    opinion: bool


@dataclass(frozen=True, slots=True)
class _Words:
    types: frozenset[str]
    labels: frozenset[str]
    paths: frozenset[str]
    opens: frozenset[str]


@cache
def _words() -> dict[str, _Words]:
    tables = tomllib.loads(files("cleaning").joinpath("vocabulary", FILE).read_text("utf-8"))
    return {
        genre: _Words(
            **{
                key: frozenset(words if key == "types" else map(phrase, words))
                for key, words in table.items()
            }
        )
        for genre, table in tables.items()
    }


def genre_of(url: str, title: str, section: str | None, article: Node, above: Iterable[str]) -> Genre:
    """article: the JSON-LD node, {} for none; above: the labels right above the headline."""
    types = frozenset(json_ld.type_of(article).replace("http://schema.org/", "").split())
    stated = [section or "", *_texts(article, "articleSection", "genre")]
    sponsor = bool(_texts(article, "sponsor", "funder"))
    shown = [phrase(text) for text in [*stated, *above]]
    parts = frozenset(urlsplit(url.lower()).path.split("/")[1:-1])
    head = _HEAD.match(phrase(title))

    def is_one(words: _Words) -> bool:
        return bool(
            words.types & types
            or words.labels.intersection(shown)
            or words.paths & parts
            or (head and head[1] in words.opens)
        )

    said = {genre: is_one(words) for genre, words in _words().items()}
    return Genre(said["sponsored"] or sponsor, said["live_blog"], said["opinion"])


def _texts(node: Node, *keys: str) -> list[str]:
    return [text for key in keys for text in json_ld.texts(node.get(key))]
