"""Normalises text, folds it for comparison and counts its words.

Invisible characters are removed and white space is collapsed. Other steps compare folded texts, not spellings.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Control characters (line ends and tabs count as white space), lone surrogates, noncharacters, soft hyphens,
# direction marks and zero-width characters. Readers never see them, and one lone surrogate makes the whole Parquet
# batch fail.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)
# A zero-width (non-)joiner is part of the spelling in Persian and Hindi and part of emoji. Next to ASCII, or at
# either end of the text, it is only invisible.
_JOINER = re.compile("(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])")
# Unicode's stream-safe format (UAX 15, D3): no more combining marks in a row than any script needs. Normalising sorts
# them, and the time for a longer run grows with its square. No mark is a word character.
_MAX_MARKS = 30
_MAY_BE_MARKS = re.compile(rf"[^\w\s\x00-\x7f]{{{_MAX_MARKS + 1},}}")
_GRAPHEME_JOINER = "\u034f"  # is not shown, and begins a new run
_NON_WORD = re.compile(r"[\W_]+")
# scripts written without reliable spaces: one character counts as one word
_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_SPACELESS}]|[^\W{_SPACELESS}]+(?:['’][^\W{_SPACELESS}]+)*")
_SPACELESS_CHARACTER = re.compile(f"[{_SPACELESS}]")
_ASCII_WORD = re.compile(r"\w+(?:'\w+)*", re.ASCII)
_ASCII_NON_ALPHANUMERIC = bytes(code for code in range(128) if not chr(code).isalnum())
_TO_LOWER = bytes(range(128)).lower() + bytes(range(128, 256))
_FULL_STOPS = frozenset(".!?…。！？।؟")
_CLOSING_MARKS = "]\"'”’»)」"  # brackets and quotation marks behind a full stop
_QUOTES = tuple(zip("’‘ʼ´`“”„‟«»", '\'\'\'\'\'""""""', strict=True))


def without_invisible(text: str) -> str:
    """Return the text without invisible characters. White space stays as it is."""
    if text.isprintable():  # fast path for most texts (ten times faster): no invisible character is printable
        return text
    text = _INVISIBLE.sub("", text)
    return _JOINER.sub("", text) if "\u200c" in text or "\u200d" in text else text


def tidy(text: str) -> str:
    """Return the text as one line in Unicode NFC, with white space collapsed and invisible characters removed."""
    text = " ".join(text.split())
    if text.isascii() and text.isprintable():
        return text
    if not text.isprintable():
        text = " ".join(without_invisible(text).split())
    return unicodedata.normalize("NFC", _MAY_BE_MARKS.sub(_in_short_runs, text))


def _in_short_runs(run: re.Match[str]) -> str:
    """Return the characters with a joiner behind each _MAX_MARKS combining marks in a row."""
    pieces: list[str] = []
    marks = 0
    for character in run[0]:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > _MAX_MARKS:
            pieces.append(_GRAPHEME_JOINER)
            marks = 1
        pieces.append(character)
    return "".join(pieces)


@lru_cache(maxsize=4096)  # about a dozen rules fold the same line
def fold(text: str) -> str:
    """Return only the letters and digits, in lower case. Two spellings of one headline give the same result."""
    if text.isascii():  # fast path, five times faster
        return text.encode().translate(_TO_LOWER, _ASCII_NON_ALPHANUMERIC).decode()
    return _NON_WORD.sub("", text).casefold()


def unify_quotes(text: str) -> str:
    """Return the text with every quotation mark as ' or ". The length does not change, so offsets stay valid."""
    if text.isascii():
        return text.replace("`", "'")
    # on a long text, a dozen replace() calls are ten times faster than one translate()
    for mark, plain in _QUOTES:
        text = text.replace(mark, plain)
    return text


@lru_cache(maxsize=4096)
def normalize_phrase(text: str) -> str:
    """Return the text as the vocabulary files spell phrases: lower case, plain quotes and dashes, single spaces."""
    return " ".join(unify_quotes(text).replace("–", "-").replace("\u2011", "-").casefold().split())


def words_only(text: str) -> str:
    """Return the words of the text in lower case, separated by single spaces, without punctuation."""
    return _NON_WORD.sub(" ", text.casefold()).strip()


@lru_cache(maxsize=4096)
def word_count(text: str) -> int:
    """Return the number of words. In scripts without spaces each character counts as a word."""
    return len((_ASCII_WORD if text.isascii() else _WORD).findall(text))


def rough_word_count(text: str) -> int:
    """Return the approximate number of words. In scripts without spaces two characters count as one word."""
    spaceless_count = 0 if text.isascii() else len(_SPACELESS_CHARACTER.findall(text))
    return word_count(text) - spaceless_count // 2


def is_spaceless(character: str) -> bool:
    """Return whether the character belongs to a script that is written without reliable spaces."""
    return bool(_SPACELESS_CHARACTER.match(character))


def is_sentence(text: str) -> bool:
    """Return whether the text ends with a full stop or another mark that ends a sentence."""
    return text.rstrip(_CLOSING_MARKS)[-1:] in _FULL_STOPS
