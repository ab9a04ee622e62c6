"""Reads JSON that is broken in the ways of web pages: comments, wrappers, missing or doubled commas, quotation marks and
line ends inside strings, bad escapes, undefined values, several values in a row, an end that is missing.

One pass from left to right, in time that grows with the length alone. The libraries for broken JSON (json5, json_repair,
demjson3) know other faults, or take quadratic time.
"""

from __future__ import annotations

import re
from typing import Any

_NOISE = re.compile(r"[\s,;\ufeff]+|/\*.*?(?:\*/|\Z)|//[^\n]*|<!--|-->|<!\[CDATA\[|\]\]>", re.S)
_WORD = re.compile(r"[^\s,:{}\[\]\"]+")
_QUOTE = re.compile(r'[^"\\]*(?:\\.[^"\\]*)*"', re.S)
_AFTER_VALUE = re.compile(
    r"\s*(?:[:}\]]|/[/*]|\Z|,\s*(?:/[/*]|[,\"{\[\]}]|-?\d|true\b|false\b|null\b|undefined\b|\Z))"
)
_NEXT_LINE = re.compile(r"[ \t\r]*+\n\s*+\"")  # where the comma is missing
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.S)
_MAX_DEPTH = 100
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "undefined": None, "NaN": None}


class _Reader:
    def __init__(self) -> None:
        self.values: list[Any] = []
        self._open: list[Any] = [self.values]
        self._keys: list[str | None] = [None]  # of each open object, the key whose value comes next
        self._counts: dict[type, int] = {dict: 0, list: 0}  # of the open containers

    def put(self, value: Any) -> None:
        """Put a value where it belongs: into the list, or under the key that waits for it."""
        container = self._open[-1]
        if isinstance(container, list):
            container.append(value)
        elif (key := self._keys[-1]) is not None:
            container.setdefault(key, value)
            self._keys[-1] = None

    def open(self, container: dict[str, Any] | list[Any]) -> None:
        """Begin an object or a list. An object inside an object that names no key for it is read for itself; what is nested
        too deep is left out."""
        if len(self._open) > _MAX_DEPTH:
            return
        if isinstance(self._open[-1], dict) and self._keys[-1] is None:
            self.values.append(container)
        else:
            self.put(container)
        self._open.append(container)
        self._keys.append(None)
        self._counts[type(container)] += 1

    def close(self, kind: type[dict[str, Any]] | type[list[Any]]) -> None:
        """End the innermost container of the kind, and all that is open inside it."""
        if not self._counts[kind]:
            return
        while True:
            closed = type(self._open.pop())
            self._keys.pop()
            self._counts[closed] -= 1
            if closed is kind:
                return

    def takes_key(self) -> bool:
        return isinstance(self._open[-1], dict) and self._keys[-1] is None

    def set_key(self, key: str) -> None:
        self._keys[-1] = key


def read_leniently(text: str) -> list[Any]:
    """Return the values of a text, in order; [] where it holds none. Never raises."""
    reader, place = _Reader(), 0
    while place < len(text):
        char = text[place]
        if char == '"':
            string, place = _read_string(text, place + 1, is_key=reader.takes_key())
            _take(reader, text, string, place)
        elif char in "{[":
            reader.open({} if char == "{" else [])
            place += 1
        elif noise := _NOISE.match(text, place):
            place = noise.end()
        elif char in "}]":
            reader.close(dict if char == "}" else list)
            place += 1
        elif word := _WORD.match(text, place):
            place = word.end()
            _take(reader, text, _word_value(word[0]), place)
        else:
            place += 1
    return reader.values


def _take(reader: _Reader, text: str, value: Any, place: int) -> None:
    """Take a value as a key where one is due and a colon follows, else as a value."""
    if reader.takes_key():
        if text[place : place + 20].lstrip()[:1] == ":":
            reader.set_key(str(value))
    else:
        reader.put(value)


def _word_value(word: str) -> Any:
    """Return the value of a bare word: a number, true, false, nothing, or the word itself."""
    if word in _WORDS:
        return _WORDS[word]
    try:
        return float(word) if re.search(r"[.eE]", word) else int(word[:40])
    except ValueError:
        return word


def _read_string(text: str, start: int, *, is_key: bool) -> tuple[str, int]:
    """Return the string that begins at start, and where the text goes on behind it.

    A quotation mark ends it where a value may end there; any other is one of its characters."""
    place = start
    while match := _QUOTE.match(text, place):
        place = match.end()
        if _AFTER_VALUE.match(text, place) or (not is_key and _NEXT_LINE.match(text, place)):
            return _unescaped(text[start : place - 1]), place
    return _unescaped(text[start:]), len(text)


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    plain = _ESCAPE.sub(lambda found: _character(found[1]), text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _character(escape: str) -> str:
    return chr(int(escape[1:], 16)) if len(escape) == 5 else _ESCAPES.get(escape, escape)
