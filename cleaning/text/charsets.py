"""Decodes the bytes of a page, by the labels of the WHATWG encoding standard.

1. A BOM; then UTF-8, if the bytes are valid UTF-8; then what the HTTP header or the page declares.
2. Where both declare other charsets, or the declared one gives control characters, the one whose text is made of letters
   that stand together in some language counts. What is broken becomes U+FFFD: one bad byte is no reason for another charset.
3. UTF-8 that was taken for windows-1252 and encoded again is repaired.
"""

from __future__ import annotations

import codecs
import re
from contextlib import suppress

_SCAN_BYTES = 4096  # of a page, in which its charset is looked for
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_CHARSET = re.compile(rb"""charset\s*+=\s*+(?:["']\s*+)?([\w.:-]{2,40})""", re.I)
_GUESS_BYTES = 50_000
_JUDGED_CHARS = 20_000  # of a text, by which charsets are compared
# labels whose codec in the WHATWG encoding standard is a larger one than Python's of that name
_WHATWG_CODECS = {
    "iso8859-1": "cp1252", "ascii": "cp1252", "latin_1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949", "shift_jis": "cp932", "big5": "big5hkscs",
}  # fmt: skip
_C1 = re.compile("[\x80-\x9f]")
_FOREIGN = re.compile("[^\x00-\x7f]")
# a letter behind which a symbol stands that no language puts inside a word, or a small letter before a capital one
_BROKEN_WORD = re.compile(
    "[^\\W\\d_][\u00a1-\u00a9\u00ab-\u00b3\u00b6\u00b8\u00b9\u00bb-\u00bf\u00d7\u00f7\u2500-\u25ff]+[^\\W\\d_]"
)
# what UTF-8's bytes of one character look like in windows-1252
_TWICE_ENCODED = re.compile(
    "[\u00c2-\u00f4](?:[\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]){1,3}"
)
_MIN_TWICE_ENCODED = 2  # characters
_MIN_TWICE_SHARE = 0.6  # of all characters beyond ASCII


def charset_in(text: bytes) -> str | None:
    """Return the Python codec of the first `charset=` in the text; None where there is none that Python knows."""
    match = _CHARSET.search(text)
    if not match:
        return None
    try:
        name = codecs.lookup(match[1].decode("ascii", "replace")).name
    except LookupError:
        return None
    return _WHATWG_CODECS.get(name, name)


def decode(body: bytes, declared: str | None = None) -> str:
    """Return the decoded text. `declared` is the charset that the Content-Type header names. Never raises."""
    for bom, name in _BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(name, "replace")
    labels = list(dict.fromkeys(name for name in (declared, charset_in(body[:_SCAN_BYTES])) if name))
    if b"\x1b$" in body and any(name.startswith("iso2022") for name in labels):
        return body.decode("iso2022_jp", "replace")
    if body[:200].count(0) > 40:
        return body.decode(
            "utf-16-le" if body[1:200:2].count(0) > body[:200:2].count(0) else "utf-16-be", "replace"
        )
    # Other charsets hardly ever form valid UTF-8 by accident, while wrong charset labels are common.
    with suppress(UnicodeDecodeError):
        return once_decoded(body.decode())
    text = body.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    other = len(_FOREIGN.findall(text)) - broken
    # Few letters in another charset look like slight damage: the declared charset counts too.
    if broken <= len(text) // 2000 + 1 and (other >= broken or set(labels) <= {"utf-8"}):
        return once_decoded(text)
    if "utf-8" in labels and broken < len(text) // 100 and other > broken:
        return once_decoded(text)
    return _in_best_charset(body, labels)


def _in_best_charset(body: bytes, labels: list[str]) -> str:
    """Return the text in the declared charset, or in the one that makes most sense where that is in doubt."""
    texts = [_decoded(body, name) for name in labels]
    if len(texts) == 1 and not _is_doubtful(texts[0]):
        return texts[0]
    from trafilatura.utils import detect_encoding  # imported late: see extraction.py

    for name in [*_relatives(labels), *detect_encoding(body[:_GUESS_BYTES])]:
        with suppress(LookupError):
            texts.append(_decoded(body, name))
    texts.append(_decoded(body, "cp1252"))
    return min(texts, key=_nonsense)  # the first of the best: what is declared stands before what is guessed


def _decoded(body: bytes, name: str) -> str:
    return body.decode(name, "replace")


def _relatives(labels: list[str]) -> list[str]:
    """Return the Windows code pages that are labelled as their relatives of ISO 8859."""
    pairs = {
        "iso8859-2": "cp1250",
        "iso8859-5": "cp1251",
        "iso8859-7": "cp1253",
        "iso8859-8": "cp1255",
        "iso8859-6": "cp1256",
        "iso8859-13": "cp1257",
    }
    both = pairs | {windows: iso for iso, windows in pairs.items()}
    return [both[name] for name in labels if name in both]


def _is_doubtful(text: str) -> bool:
    """Whether a text holds control characters, or more broken characters than single bad bytes leave."""
    foreign = len(_FOREIGN.findall(text[:_JUDGED_CHARS]))
    broken = text[:_JUDGED_CHARS].count("\ufffd")
    return bool(_C1.search(text)) or bool(_BROKEN_WORD.search(text)) or broken > foreign // 20 + 2


def _nonsense(text: str) -> float:
    """Return how little a text looks like one of a language: 0 for the best.

    Broken and control characters count, symbols inside words, and pairs of letters that no language of langdetect has."""
    from cleaning.text.letter_pairs import (
        known_share,  # its profiles are loaded only where a charset is in doubt
    )

    text = text[:_JUDGED_CHARS]
    foreign = len(_FOREIGN.findall(text)) or 1
    faults = text.count("\ufffd") + len(_C1.findall(text)) + len(_BROKEN_WORD.findall(text))
    return round(faults / foreign + 1 - known_share(text), 2)


def once_decoded(text: str) -> str:
    """Return the text with characters that were encoded twice as they were meant; the text itself where there are few."""
    if text.isascii():
        return text
    found = [run for run in _TWICE_ENCODED.findall(text) if _meant(run) != run]
    if len(found) < _MIN_TWICE_ENCODED or sum(map(len, found)) < _MIN_TWICE_SHARE * len(
        _FOREIGN.findall(text)
    ):
        return text
    return _TWICE_ENCODED.sub(lambda run: _meant(run[0]), text)


def _meant(run: str) -> str:
    """Return the character whose bytes in UTF-8 a run shows in windows-1252; the run where it shows none."""
    data = bytearray()
    for char in run:
        try:
            data += char.encode("cp1252")
        except UnicodeEncodeError:
            if ord(char) > 255:
                return run
            data.append(ord(char))
    try:
        return data.decode()
    except UnicodeDecodeError:
        return run
