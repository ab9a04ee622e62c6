"""Characters and words: one tidy spelling of a text, and the folded forms in which texts are compared."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# control characters (line ends and tabs are white space), lone surrogates, noncharacters, soft hyphen, marks of
# direction, zero width: a reader never sees them, and a lone surrogate takes a whole Parquet batch with it
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)
# a (non-)joiner is spelling in Persian and Hindi and part of emoji; beside ASCII it is only hidden
_JOINER = re.compile("(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])")
_NO_WORD = re.compile(r"[\W_]+")
# scripts written without reliable spaces: one character counts as one word
_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_SPACELESS}]|[^\W{_SPACELESS}]+(?:['’][^\W{_SPACELESS}]+)*")
_SPACELESS_ONE = re.compile(f"[{_SPACELESS}]")
_ASCII_WORD = re.compile(r"\w+(?:'\w+)*", re.ASCII)
_NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalnum())
_LOWER = bytes(range(128)).lower() + bytes(range(128, 256))
_FULL_STOPS = frozenset(".!?…。！？।؟")
_CLOSING = "]\"'”’»)」"  # brackets and quotation marks behind a full stop
_QUOTES = tuple(zip("’‘ʼ´`“”„‟«»", '\'\'\'\'\'""""""', strict=True))


def visible(text: str) -> str:
    """The text without what no reader sees; white space as it was."""
    if text.isprintable():  # most texts, in a tenth of the time: what is unseen is not printable
        return text
    text = _UNSEEN.sub("", text)
    return _JOINER.sub("", text) if "\u200c" in text or "\u200d" in text else text


def tidy(text: str) -> str:
    """One line in NFC, white space collapsed, without what no reader sees."""
    text = " ".join(text.split())
    if text.isascii() and text.isprintable():
        return text
    return unicodedata.normalize("NFC", text if text.isprintable() else " ".join(visible(text).split()))


@lru_cache(maxsize=4096)  # a line meets a dozen judges
def fold(text: str) -> str:
    """Letters and digits only, in lower case: equal for two spellings of one headline."""
    if text.isascii():  # in a fifth of the time
        return text.encode().translate(_LOWER, _NO_LETTERS).decode()
    return _NO_WORD.sub("", text).casefold()


def one_quote(text: str) -> str:
    """One kind of quotation mark; as long as the text."""
    if text.isascii():
        return text.replace("`", "'")
    for mark, plain in _QUOTES:  # a dozen searches of a long text are ten times faster than one translate()
        text = text.replace(mark, plain)
    return text


@lru_cache(maxsize=4096)
def phrase(text: str) -> str:
    """In lower case, one kind of quotation mark and dash, single spaces: the form vocabulary is written in."""
    return " ".join(one_quote(text).replace("–", "-").replace("\u2011", "-").casefold().split())


def bare(text: str) -> str:
    """The words of a phrase, single spaces between them."""
    return _NO_WORD.sub(" ", text.casefold()).strip()


@lru_cache(maxsize=4096)
def word_count(text: str) -> int:
    """Words; in scripts without spaces, characters."""
    return len((_ASCII_WORD if text.isascii() else _WORD).findall(text))


def rough_words(text: str) -> int:
    """Words; in scripts without spaces two characters make one, as they roughly do there."""
    spaceless = 0 if text.isascii() else len(_SPACELESS_ONE.findall(text))
    return word_count(text) - spaceless // 2


def is_spaceless(character: str) -> bool:
    """Of a script written without reliable spaces."""
    return bool(_SPACELESS_ONE.match(character))


def is_sentence(text: str) -> bool:
    """Ends as a sentence does."""
    return text.rstrip(_CLOSING)[-1:] in _FULL_STOPS
