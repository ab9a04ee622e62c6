"""Tells how much of a text is mojibake: characters that were decoded by the wrong charset."""

from __future__ import annotations

import re

_WORD = re.compile(r"\S+")
# replacement and control characters; a capital letter beyond ASCII before a symbol, as UTF-8 looks in windows-1250, -1251 and
# -1252; letters of Latin-1 in a row, as other alphabets look in it; a symbol between letters
_SYMBOLS = "\u00a1-\u00a9\u00ac\u00ae\u00b0-\u00b2\u00b4-\u00b9\u00bc-\u00bf\u02c6\u02c7\u02d8\u02db-\u02dd\u201a\u2020\u2021\u2022\u2030\u2039\u203a\u20ac\u2116\u2122"
_BROKEN = re.compile(
    f"[\ufffd\x80-\x9f]|[\u00c0-\u00de\u0100-\u017d\u0410-\u042f][{_SYMBOLS}]"
    "|\u00e2[\u20ac\u201a\u201e\u2122]|[\u0420\u0421][\u0402\u0403\u0409-\u040f\u0452\u0453\u0459-\u045f\u201e]"
    "|[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff]{4}"
    "|[^\\W\\d_][\u00a1-\u00a6\u00a8\u00ac\u00ae-\u00b1\u00b6\u00b8\u00bb-\u00bf\u2500-\u25ff]+[^\\W\\d_]"
)


def mojibake_share(text: str) -> float:
    """Return the share of the words that hold mojibake, 0 to 1. Source of the patterns: how UTF-8 and the ISO 8859 and Windows
    code pages read as one another."""
    if text.isascii():
        return 0.0
    words = _WORD.findall(text)
    return (
        sum(bool(_BROKEN.search(word)) for word in words if not word.isascii()) / len(words) if words else 0.0
    )
