"""Decodes the bytes of a page: a BOM, then valid UTF-8, then the declared charset, then a guess.

Labels mean what the WHATWG encoding standard says. Broken bytes become U+FFFD. Where labels disagree, or a label gives
text that no language writes, the charset with the least of such text is taken.
"""

from __future__ import annotations

import codecs
import re
from contextlib import suppress

from w3lib.encoding import resolve_encoding

from cleaning.text.mojibake import wrong_share

_SCAN_BYTES = 4096
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_CHARSET = re.compile(rb"""(?:charset|encoding)\s*+=\s*+(?:["']\s*+)?([\w.:-]{2,40})""", re.I)
_SURE_SHARE, _DOUBTFUL_SHARE = 0.02, 0.3  # of the text that no language writes
# labels and codecs that Python knows by another name, or reads more narrowly than the standard
_STANDARD = {
    "iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs",
    "utf-16": "utf-8", "utf-16-le": "utf-8", "utf-16-be": "utf-8", "hz": "gb18030", "johab": "cp949",
}  # fmt: skip
_LABELS = {
    "windows-874": "cp874", "dos-874": "cp874", "windows-31j": "cp932", "sjis": "cp932", "shift-jis": "cp932",
    "mac": "mac_roman", "macintosh": "mac_roman", "mac-roman": "mac_roman", "mac-cyrillic": "mac_cyrillic",
    "mac-ukrainian": "mac_cyrillic", "iso-8859-8-i": "iso8859-8", "iso-8859-8-e": "iso8859-8", "logical": "iso8859-8",
    "visual": "iso8859-8", "euc-cn": "gb18030", "cn-gb": "gb18030", "cn-big5": "big5hkscs", "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949", "unicode-1-1-utf-8": "utf-8", "unicode20utf8": "utf-8", "utf8mb4": "utf-8",
    "user-defined": "cp1252", "ansi": "cp1252", "koi": "koi8-r", "koi8": "koi8-r",
}  # fmt: skip
_NO_WEB_CHARSETS = frozenset({"utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "unicode-escape", "raw-unicode-escape", "utf-32", "utf-32-le", "utf-32-be", "mbcs", "oem"})  # fmt: skip
# what pages hold that name an ISO charset and have letters or quotation marks where it has control characters
_WINDOWS_KIN = {
    "iso8859-2": "cp1250", "iso8859-4": "cp1257", "iso8859-5": "cp1251", "iso8859-6": "cp1256", "iso8859-7": "cp1253",
    "iso8859-8": "cp1255", "iso8859-10": "cp1257", "iso8859-13": "cp1257", "iso8859-15": "cp1252", "iso8859-16": "cp1250",
}  # fmt: skip


def charset_in(text: bytes) -> str | None:
    """Return the Python codec of the first charset that the text declares; None where there is none."""
    match = _CHARSET.search(text)
    return codec_of(match[1].decode("ascii", "replace")) if match else None


def codec_of(label: str) -> str | None:
    """Return the Python codec of a label as the WHATWG encoding standard means it; None for an unknown label."""
    label = label.strip().lower()
    for name in (label, label.removeprefix("x-")):
        codec = _LABELS.get(name) or resolve_encoding(name)
        if codec:
            codec = _STANDARD.get(codec, codec)
            with suppress(LookupError):
                info = codecs.lookup(codec)
                # bytes.decode refuses codecs that give no text, such as rot13
                b"a".decode(info.name)
                return None if info.name in _NO_WEB_CHARSETS else _STANDARD.get(info.name, info.name)
    return None


def decode(body: bytes, declared: str | None = None) -> str:
    """Return the decoded text. `declared` is the codec that the Content-Type header names. Never raises."""
    for bom, name in _BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(name, "replace")
    labels = [name for name in (declared, charset_in(body[:_SCAN_BYTES])) if name]
    if b"\x1b$" in body and any(name.startswith("iso2022") for name in labels):
        return body.decode("iso2022_jp", "replace")
    if body[:200].count(0) > 40:
        return body.decode(
            "utf-16-le" if body[1:200:2].count(0) > body[:200:2].count(0) else "utf-16-be", "replace"
        )
    # Other charsets hardly ever form valid UTF-8 by accident, while wrong charset labels are common.
    with suppress(UnicodeDecodeError):
        return body.decode()
    text = body.decode("utf-8", "replace")
    replacement_count = text.count("\ufffd")
    non_ascii_count = len(text) - len(text.encode("ascii", "ignore")) - replacement_count
    # Few letters in another charset look like slight damage: the declared charset counts too.
    if replacement_count <= len(text) // 2000 + 1 and (
        non_ascii_count >= replacement_count or set(labels) <= {"utf-8"}
    ):
        return text
    return _most_plausible(body, labels)


def _most_plausible(body: bytes, labels: list[str]) -> str:
    """Return the text of the first label, unless another one gives clearly more that a language writes."""
    charsets = list(dict.fromkeys(kin for name in labels for kin in (name, _WINDOWS_KIN.get(name, name))))
    best, least = _least_wrong(body, charsets)
    if best is not None and least < _DOUBTFUL_SHARE:
        return best
    from trafilatura.utils import detect_encoding  # imported late: see extraction.py

    guesses = [codec for name in detect_encoding(body[:50_000]) if (codec := codec_of(name))]
    guess, guess_share = _least_wrong(body, [*dict.fromkeys([*guesses, "utf-8", "cp1252"])])
    return guess if guess is not None and (best is None or guess_share < least - _SURE_SHARE) else best or ""


def _least_wrong(body: bytes, charsets: list[str]) -> tuple[str | None, float]:
    """Return the text of the charset that gives the least text which no language writes, and the share of that."""
    best: str | None = None
    least = 2.0
    for name in charsets:
        text = body.decode(name, "replace")
        share = wrong_share(text)
        if share < least - (_SURE_SHARE if best is not None and share else 0):
            best, least = text, share
    return best, least
