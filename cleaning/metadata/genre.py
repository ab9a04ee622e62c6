"""Tells whether a page calls itself sponsored, a live blog or an opinion; the words are in vocabulary/genres.toml.

A page says so by its schema.org type, its section or genre, a path segment of its URL, a label right above the
headline, or the first words of the headline.
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
from cleaning.text.characters import normalize_phrase

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cleaning.metadata.json_ld import Node

FILE = "genres.toml"
_TITLE_PREFIX = re.compile(r"^\W*+([^:|]{2,40}?)\s*+[:|]\s")


@dataclass(frozen=True, slots=True)
class Genre:
    """What a page says about its genre."""

    sponsored: bool
    live_blog: bool
    opinion: bool


@dataclass(frozen=True, slots=True)
class _GenreWords:
    """The words of one genre. The fields are keys of genres.toml."""

    types: frozenset[str]
    labels: frozenset[str]
    paths: frozenset[str]
    opens: frozenset[str]


@cache
def _genre_words() -> dict[str, _GenreWords]:
    """Return genre -> its words."""
    tables = tomllib.loads(files("cleaning").joinpath("vocabulary", FILE).read_text("utf-8"))
    return {
        genre: _GenreWords(
            **{
                key: frozenset(words if key == "types" else map(normalize_phrase, words))
                for key, words in table.items()
            }
        )
        for genre, table in tables.items()
    }


def genre_of(url: str, title: str, section: str | None, article: Node, labels_above: Iterable[str]) -> Genre:
    """Return what the page says about its genre.

    article: the JSON-LD node of the article, {} for none. labels_above: the labels right above the headline.
    """
    types = frozenset(json_ld.type_of(article).replace("http://schema.org/", "").split())
    stated_labels = [section or "", *_texts(article, "articleSection", "genre")]
    has_sponsor = bool(_texts(article, "sponsor", "funder"))
    labels = [normalize_phrase(text) for text in [*stated_labels, *labels_above]]
    path_segments = frozenset(urlsplit(url.lower()).path.split("/")[1:-1])
    title_prefix = _TITLE_PREFIX.match(normalize_phrase(title))

    def is_named_by(words: _GenreWords) -> bool:
        return bool(
            words.types & types
            or words.labels.intersection(labels)
            or words.paths & path_segments
            or (title_prefix and title_prefix[1] in words.opens)
        )

    is_genre = {genre: is_named_by(words) for genre, words in _genre_words().items()}
    return Genre(is_genre["sponsored"] or has_sponsor, is_genre["live_blog"], is_genre["opinion"])


def _texts(node: Node, *keys: str) -> list[str]:
    """Return all texts that the node holds under the keys."""
    return [text for key in keys for text in json_ld.texts(node.get(key))]
