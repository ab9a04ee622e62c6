"""Finds the notices of a page: its terms of use (rights) and its disclosures of machine-made text.

They become fields of the article and no part of its text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cleaning.metadata import json_ld
from cleaning.text.characters import fold, normalize_phrase, tidy, unify_quotes, word_count
from cleaning.vocabulary import phrases

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cleaning.metadata.json_ld import Node
    from cleaning.metadata.meta_tags import MetaTags


_MAX_WORDS = 250  # of one notice; a longer block is no notice
_MAX_NOTICES = 4
_MIN_TERMS_WORDS = 6  # of a notice without a year; a shorter one is the credit of a picture
_COPYRIGHT_MARK = re.compile(r"©|\(c\) ?20\d\d|copyright", re.I)
_COPYRIGHT_SIGNS = ("©", "(c)", "copyright")  # everything that _COPYRIGHT_MARK matches holds one of these
_TRAINED_ALGORITHM = re.compile(r"trainedAlgorithmicMedia", re.I)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")


@dataclass(frozen=True, slots=True)
class Notices:
    """The notices as the page shows them; several are joined by line ends. None where it shows none."""

    rights: str | None
    disclosure: str | None


def find_notices(blocks: Iterable[str]) -> Notices:
    """Return the notices in the blocks of a page.

    blocks: the shown texts outside pictures, of the whole page: rights notices usually stand in the footer.
    """
    texts = [text for text in blocks if len(text) > 7]
    page = normalize_phrase("\n".join(texts))
    rights_phrases = phrases.find_phrases(page, "rights")
    disclosure_phrases = phrases.find_phrases(page, "ai-disclaimer")
    search_phrases = (
        *rights_phrases,
        *disclosure_phrases,
        *(sign for sign in _COPYRIGHT_SIGNS if sign in page),
    )
    if not search_phrases:
        return Notices(None, None)
    rights: dict[str, str] = {}
    disclosure: str | None = None
    for text in texts:
        plain = unify_quotes(text).casefold()
        if not any(words in plain for words in search_phrases):
            continue
        has_rights_phrase = any(words in plain for words in rights_phrases)
        if has_rights_phrase or _COPYRIGHT_MARK.search(text):
            if (has_rights_phrase or _is_rights_notice(text)) and word_count(text) <= _MAX_WORDS:
                rights.setdefault(fold(text), text)
        elif disclosure is None and any(words in plain for words in disclosure_phrases):
            match = phrases.disclosure(text) if word_count(text) <= _MAX_WORDS else None
            disclosure = text[match.start :] if match else None
    return Notices("\n".join(list(rights.values())[:_MAX_NOTICES]) or None, disclosure)


def rights_stated(head: MetaTags, article: Node) -> str | None:
    """Return the terms of use in JSON-LD and in the page's head, one a line; None where there are none."""
    keys = ("copyrightNotice", "license", "usageInfo")
    terms = [text for key in keys for text in json_ld.texts(article.get(key))]
    terms += head.all("copyright", "dc.rights", "dcterms.rights", "dcterms.license", "rights")
    return "\n".join(dict.fromkeys(tidy(text) for text in terms[:_MAX_NOTICES])) or None


def disclosure_stated(article: Node) -> str | None:
    """Return IPTC's digital source type where it names a trained algorithm; else None.

    The vocabulary is at https://cv.iptc.org/newscodes/digitalsourcetype.
    """
    source_types = json_ld.texts(article.get("digitalSourceType"))
    return next(
        (
            f"digitalSourceType: {source_type[:200]}"
            for source_type in source_types
            if _TRAINED_ALGORITHM.search(source_type)
        ),
        None,
    )


def _is_rights_notice(text: str) -> bool:
    """Return whether the text holds a year or starts with the mark and goes on: terms, no credit of a picture."""
    return _YEAR.search(text) is not None or (
        _COPYRIGHT_MARK.match(text) is not None and word_count(text) >= _MIN_TERMS_WORDS
    )
