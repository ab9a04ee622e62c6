"""Measures and repairs mojibake: text that was decoded with a charset that is not its own."""

from __future__ import annotations

import re

_MAX_CHARACTERS = 100_000  # of a text that is measured
# at most twelve characters, so that one bad character does not condemn a paragraph of a script without spaces
_PIECE = re.compile(r"\S{1,12}")
_SIGN = re.compile(
    # what is no character of any text: C1 controls, replacement characters, private use
    "[\x80-\x84\x86-\x9f\ufffd\ue000-\uf8ff]"
    # a capital in the middle of a word
    "|[\xdf-\xff][\xc0-\xd6\xd8-\xde]|[а-яѐ-џ][А-ЯЀ-Џ]|[α-ώ][Α-Ω]"
    # more accented letters in a row than any language writes
    "|[\xc0-\xd6\xd8-\xf6\xf8-\xff]{4}"
    # a symbol inside a word
    "|[\xc0-\xd6\xd8-\xf6\xf8-\xff][¢£¤¥¦¨©¬®¯±´µ¶¸¹¼½¾¿¡]|[¢¤¥¦¨¬¯±´¶¸¼½¾][\xc0-\xd6\xd8-\xf6\xf8-\xff]"
    "|[a-z][¤¦¨¬¯±´¶¸¹¼½¾][a-z]"
    # a capital letter before a symbol, as UTF-8 looks in Windows-1250 and -1251, and Cyrillic letters of GB 18030
    "|[\xc0-\xde\u0100-\u017d\u0410-\u042f][\xa1-\xa6\xa8\xa9\xac\xae\xb0-\xb2\xb4-\xb9\xbc-\xbf\u02c6\u02c7\u02d8\u02db-\u02dd\u201a\u2020-\u2022\u2030\u20ac\u2116\u2122]"
    "|\xa7[\xc0-\xff]"
    # UTF-8 read as Windows-1252, as a Cyrillic code page and as GBK
    "|â€|Ã[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|Â[\xa0-\xbf]|[РС][Ђ-Џђ-џ‚-„†‡€‰‹•™›°±¶·№]|[锛銆鈥鐨]|锟斤拷"
    # Japanese read with the charset of another coding
    "|[\uff61-\uff9f][\u4e00-\u9fff]|[\u4e00-\u9fff][\uff61-\uff9f]"
)
_CONTINUATIONS = "\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
# Two readings that no language writes. Others, such as é + no-break space + », are good French.
_SURE_SEQUENCE = rf"(?<![A-Z])[ÃÂÅÄ][{_CONTINUATIONS}]|â€[{_CONTINUATIONS}]|ï»¿"
_SURE_DOUBLE = re.compile(_SURE_SEQUENCE)
_ANY_DOUBLE = re.compile(
    rf"[\xc2-\xdf][{_CONTINUATIONS}]|[\xe0-\xef][{_CONTINUATIONS}]{{2}}|[\xf0-\xf4][{_CONTINUATIONS}]{{3}}"
)
_NON_ASCII = re.compile(r"[^\x00-\x7f]")
# one of these is in every text that was encoded twice; looking for them costs nothing
_TRACES = (
    "Ã",
    "Â",
    "Ä",
    "Å",
    "â€",
    "Ð",
    "Ñ",
    "Î",
    "Ï",
    "×",
    "Ø",
    "Ù",
    "à¤",
    "à¸",
    "ï»¿",
    "\x81",
    "\x8d",
    "\x8f",
    "\x90",
    "\x9d",
)
_QUICK = re.compile(rf"[\xc2-\xdf\xe2][{_CONTINUATIONS}]|[\xe0-\xf4][{_CONTINUATIONS}][{_CONTINUATIONS}]")
_SAMPLE_CHARACTERS = 60_000  # of a page, in whose beginning it shows whether it was encoded twice
_MIN_SEQUENCES = 3  # an example of mojibake in a story is no damage
_MIN_SHARE = 0.9  # of the non-ASCII characters, where sequences count that may be good text
_CP1252_BYTES = {bytes([code]).decode("cp1252", "ignore"): code for code in range(0x80, 0xA0)}


def mojibake_share(text: str) -> float:
    """Return the share of the text, 0 to 1, that stands in pieces of words which no language writes."""
    if text.isascii():
        return 0.0
    total = bad = 0
    for piece in _PIECE.findall(text[:_MAX_CHARACTERS]):
        total += len(piece)
        if not piece.isascii() and _SIGN.search(piece):
            bad += len(piece)
    return bad / max(1, total)


def wrong_share(text: str) -> float:
    """Return the share of the pieces with other characters than ASCII, 0 to 1, that no language writes."""
    pieces = [piece for piece in _PIECE.findall(text[:_MAX_CHARACTERS]) if not piece.isascii()]
    return sum(bool(_SIGN.search(piece)) for piece in pieces) / max(1, len(pieces))


def repair_double_utf8(text: str) -> tuple[str, int]:
    """Return the text with UTF-8 that was read as Windows-1252 decoded again, and how many characters that gave."""
    beginning = text[:_SAMPLE_CHARACTERS]
    if not any(trace in beginning for trace in _TRACES) or len(_QUICK.findall(beginning)) < _MIN_SEQUENCES:
        return text, 0
    pattern = _SURE_DOUBLE
    if len(_SURE_DOUBLE.findall(text)) < _MIN_SEQUENCES:
        pattern = _ANY_DOUBLE
        sequences = pattern.findall(text)
        if (
            len(sequences) < _MIN_SEQUENCES
            or sum(map(len, sequences)) < _MIN_SHARE * len(_NON_ASCII.findall(text))
            or sum(len(_once_decoded(sequence)) == 1 for sequence in sequences) < len(sequences)
        ):
            return text, 0
    elif sum(map(len, _ANY_DOUBLE.findall(text))) >= _MIN_SHARE * len(_NON_ASCII.findall(text)):
        pattern = _ANY_DOUBLE
    count = 0

    def repaired(match: re.Match[str]) -> str:
        nonlocal count
        again = _once_decoded(match[0])
        count += again != match[0]
        return again

    return pattern.sub(repaired, text), count


def _once_decoded(sequence: str) -> str:
    """Return the character that the sequence is in UTF-8; the sequence where it is none."""
    codes = [_CP1252_BYTES.get(character, ord(character)) for character in sequence]
    try:
        return bytes(codes).decode()
    except (UnicodeDecodeError, ValueError):
        return sequence
