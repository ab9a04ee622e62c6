"""Reads lists of addresses as plain text: one a line, or one of several columns.

A comma or semicolon may be part of an address, so it separates columns only where something shows that it does.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from crawler.sources.interpreter import yield_interpreter

_SAMPLE_LINES = 1000  # by these the columns are told
_MAX_LINE_LENGTH = 2**16  # in bytes; of a longer one nothing counts
_SHOWN_LENGTH = 200
_YIELD_LINES = 500  # lines between two yields of the interpreter, because this may run in a thread
_LINE_END = re.compile(rb"\r\n|\r|\n")
_ADDRESS = re.compile(r"https?://[^\s\0]+", re.I)
_HEADINGS = frozenset(
    [
        "url",
        "urls",
        "uri",
        "link",
        "links",
        "href",
        "loc",
        "address",
        "addresses",
        "permalink",
        "page_url",
        "article_url",
    ]
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ].*)?|\d{1,2}[./]\d{1,2}[./]\d{4}")
_WORD = re.compile(r"[^\W\d_]*")  # with a digit it may be the code that ends an address
UNUSABLE = "not an http or https address, nor columns of which one holds addresses"


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is neither empty nor a comment nor a heading."""

    number: int  # from 1
    text: str  # of one that is too long, its beginning
    addresses: Sequence[str] = ()  # none where it has no address, or more than an address
    is_too_long: bool = False

    @property
    def problem(self) -> str | None:
        """Why no address of it is used, in words."""
        if self.addresses:
            return None
        why = f"longer than {_MAX_LINE_LENGTH} bytes" if self.is_too_long else UNUSABLE
        return f"line {self.number}: {why}: {self.text[:_SHOWN_LENGTH]!r}"


def read_lines(text: bytes | Iterable[bytes], *, is_cut: bool = False) -> Iterator[Line]:
    """The lines of a text in UTF-8, whatever ends them. text: whole, or in pieces, which are not kept. is_cut: the last
    line counts only if it ends, too."""
    lines = _numbered_lines(_slices(text) if isinstance(text, bytes) else text, is_cut=is_cut)
    sample = list(islice(lines, _SAMPLE_LINES))
    columns = _Columns.of([line.text for line in sample if not line.is_too_long])
    for count, line in enumerate(chain(sample, lines)):
        if count % _YIELD_LINES == 0:
            yield_interpreter()
        addresses = () if line.is_too_long else columns.addresses_in(line.text)
        if addresses or count or not columns.is_heading(line.text):
            yield replace(line, addresses=addresses)


def _slices(text: bytes) -> Iterator[bytes]:
    for at in range(0, len(text), _MAX_LINE_LENGTH):
        yield text[at : at + _MAX_LINE_LENGTH]


def _numbered_lines(pieces: Iterable[bytes], *, is_cut: bool) -> Iterator[Line]:
    """Each line that is neither empty nor a comment, without its addresses."""
    number, rest, held_back = 0, b"", b""
    for piece in pieces:
        piece = held_back + piece
        held_back = piece[-1:] if piece.endswith(b"\r") else b""  # it may be the first half of a line end
        stop, at = len(piece) - len(held_back), 0
        while end := _LINE_END.search(piece, at, stop):
            number += 1
            yield from _line(number, rest + piece[at : min(end.start(), at + _MAX_LINE_LENGTH + 1)])
            rest, at = b"", end.end()
        rest = (rest + piece[at : min(stop, at + _MAX_LINE_LENGTH + 1)])[: _MAX_LINE_LENGTH + 1]
        yield_interpreter()
    if held_back or not is_cut:
        yield from _line(number + 1, rest)


def _line(number: int, content: bytes) -> Iterator[Line]:
    is_too_long = len(content) > _MAX_LINE_LENGTH
    text = content[: _SHOWN_LENGTH if is_too_long else None].decode("utf-8", "replace").strip()
    if text and not text.startswith("#"):
        yield Line(number, text, is_too_long=is_too_long)


@dataclass(frozen=True, slots=True)
class _Columns:
    """How the lines of a list are divided."""

    separator: str | None = None  # None: a line is an address
    address: int = 0  # index of the column that holds the addresses
    is_named: bool = False  # a heading says so: other columns with addresses are left alone

    @classmethod
    def of(cls, lines: Sequence[str]) -> _Columns:
        """The columns of a list, told by its first lines."""
        for separator in "\t,;|":
            rows = [_fields(line, separator) for line in lines if separator in line]
            if rows and _separates(separator, lines, rows):
                return cls(separator, *_address_column(rows))
        return cls()

    def addresses_in(self, line: str) -> Sequence[str]:
        """The addresses of a line: that of its address column, or all of a line that holds nothing else."""
        has_columns = self.separator is not None and self.separator in line
        fields = [f.strip("\"'<>") for f in (_fields(line, self.separator) if has_columns else line.split())]  # type: ignore[arg-type]
        if not (has_columns and self.is_named) and all(map(_ADDRESS.fullmatch, filter(None, fields))):
            return [field for field in fields if field]
        field = fields[self.address] if has_columns and self.address < len(fields) else ""
        return [field] if _ADDRESS.fullmatch(field) else []

    def is_heading(self, line: str) -> bool:
        """Whether a line, the first, names the columns."""
        fields = _fields(line, self.separator) if self.separator else [line]
        return any(field.lower() in _HEADINGS for field in fields) or len(fields) > 1


def _fields(line: str, separator: str) -> list[str]:
    return [field.strip() for field in next(csv.reader([line], delimiter=separator), [])]


def _address_column(rows: Sequence[Sequence[str]]) -> tuple[int, bool]:
    """The column that its heading names (True), or else the one with the most addresses, the first of several."""
    counts = Counter(n for row in rows for n, field in enumerate(row) if _ADDRESS.fullmatch(field))
    named = next((n for n, field in enumerate(rows[0]) if field.lower() in _HEADINGS and counts[n]), None)
    return (
        (named, True) if named is not None else (min(counts, key=lambda n: (-counts[n], n), default=0), False)
    )


def _separates(separator: str, lines: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a character separates columns here, and is not part of addresses. It does where it is a tab; where a line
    with it does not begin with its address, or has white space, a quotation mark, a date or another address behind it;
    where the first line has no address and as many fields as each other; and where behind it each line has nothing but
    words, in the same number, and before it an address of its own. What proves nothing is left in the address: an
    address that is too long is told by its site, one that was cut may be another page."""
    if separator == "\t" or _is_headed(separator, lines, rows):
        return True
    for line, row in zip((line for line in lines if separator in line), rows, strict=True):
        if not _ADDRESS.match(line):
            if any(map(_ADDRESS.match, row)) or any(field.lower() in _HEADINGS for field in row):
                return True
        elif f"{separator} " in line or f'{separator}"' in line or any(map(_shows_a_column, row[1:])):
            return True
    rows = [row for row in rows if _ADDRESS.match(row[0])]
    return (
        len(rows) > 1
        and sum(map(bool, map(_ADDRESS.match, lines))) == len(rows)
        and len({len(row) for row in rows}) == 1
        and all(map(_WORD.fullmatch, (field for row in rows for field in row[1:])))
        and len({row[0] for row in rows}) == len(rows)
    )


def _is_headed(separator: str, lines: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    return (
        separator in lines[0]
        and "://" not in lines[0]
        and 1 < len(rows) == len(lines)
        and len({len(row) for row in rows}) == 1
    )


def _shows_a_column(field: str) -> bool:
    return bool(" " in field or _DATE.fullmatch(field) or _ADDRESS.match(field))
