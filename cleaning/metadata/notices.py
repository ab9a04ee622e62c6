"""What a page says about itself: machine-made text and rights. Kept as fields, not as text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cleaning.metadata import json_ld
from cleaning.text.characters import fold, one_quote, phrase, tidy, word_count
from cleaning.vocabulary import phrases

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cleaning.metadata.head import Head
    from cleaning.metadata.json_ld import Node


_MOST_WORDS = 250  # of one notice
_MOST_NOTICES = 4
_TERMS_WORDS = 6  # of a notice without a year; fewer is a sign under a picture
_MARK = re.compile(r"©|\(c\) ?20\d\d|copyright", re.I)
_SIGNS = ("©", "(c)", "copyright")  # one of them stands in whatever _MARK finds
_TRAINED = re.compile(r"trainedAlgorithmicMedia", re.I)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")


@dataclass(frozen=True, slots=True)
class Notices:
    """rights, disclosure: the notices as the page shows them, joined by line ends; None where it shows none."""

    rights: str | None
    disclosure: str | None


def find_notices(blocks: Iterable[str]) -> Notices:
    """blocks: what the whole page shows outside pictures, furniture included: rights stand in footers."""
    texts = [text for text in blocks if len(text) > 7]
    page = phrase("\n".join(texts))
    told = phrases.occurring(page, "rights")
    made = phrases.occurring(page, "ai-disclaimer")
    wanted = (*told, *made, *(sign for sign in _SIGNS if sign in page))
    if not wanted:
        return Notices(None, None)
    rights: dict[str, str] = {}
    disclosed: str | None = None
    for text in texts:
        plain = one_quote(text).casefold()
        if not any(words in plain for words in wanted):
            continue
        holds = any(words in plain for words in told)
        if holds or _MARK.search(text):
            if (holds or _is_notice(text)) and word_count(text) <= _MOST_WORDS:
                rights.setdefault(fold(text), text)
        elif disclosed is None and any(words in plain for words in made):
            match = phrases.disclosure(text) if word_count(text) <= _MOST_WORDS else None
            disclosed = text[match.start :] if match else None
    return Notices("\n".join(list(rights.values())[:_MOST_NOTICES]) or None, disclosed)


def rights_stated(head: Head, article: Node) -> str | None:
    """Terms that stand in the page's head or its JSON-LD alone."""
    keys = ("copyrightNotice", "license", "usageInfo")
    found = [text for key in keys for text in json_ld.texts(article.get(key))]
    found += head.all("copyright", "dc.rights", "dcterms.rights", "dcterms.license", "rights")
    return "\n".join(dict.fromkeys(tidy(text) for text in found[:_MOST_NOTICES])) or None


def disclosure_stated(article: Node) -> str | None:
    """IPTC's digital source type, where it names a trained algorithm (https://cv.iptc.org/newscodes/digitalsourcetype)."""
    kinds = json_ld.texts(article.get("digitalSourceType"))
    return next((f"digitalSourceType: {kind[:200]}" for kind in kinds if _TRAINED.search(kind)), None)


def _is_notice(text: str) -> bool:
    """Terms, not the sign under a picture: with a year, or beginning with the mark and going on."""
    return _YEAR.search(text) is not None or (
        _MARK.match(text) is not None and word_count(text) >= _TERMS_WORDS
    )
