"""Marks of a page: what a person says is story and what is furniture, and what its fields should be.

A marks file is JSON. `scrapy explain --html` makes it; `scrapy suggest --marks` makes rules from it; kept beside the
outlet's file, it is the page's regression test. docs/marking.md describes the format.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from cleaning.cleaner import clean
from cleaning.records import FIELD_NAMES, NoArticle
from cleaning.text.characters import fold
from cleaning.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cleaning.records import Article, RawPage, Rules

MARKS_VERSION = 1
MIN_KEY = 12  # folded characters; a shorter text may occur in a longer one by chance
DATE_FIELDS = frozenset({"published_at", "modified_at"})
_SHOWN_CHARS = 80
_KINDS = ("story", "furniture")


class MarksError(Exception):
    """A marks file that cannot be read; the message says what is wrong, and what was expected."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of one page. Blocks are kept as folded texts (`fold`)."""

    url: str
    outlet: str
    story: frozenset[str]
    furniture: frozenset[str]
    by_hand: frozenset[str] = frozenset()  # of both: those that a person chose, one by one
    fields: dict[str, tuple[str, ...]] = field(default_factory=dict)  # (): the page states none
    texts: dict[str, str] = field(default_factory=dict)  # folded text -> text
    content_type: str = "text/html"
    fetched_at: datetime | None = None


def read_marks(source: str) -> Marks:
    """Return the marks of a marks file. Raises MarksError."""
    try:
        content = json.loads(source)
    except (ValueError, RecursionError) as error:
        raise MarksError(f"not JSON: {error}") from error
    if not isinstance(content, dict) or content.get("pressline_marks") != MARKS_VERSION:
        raise MarksError(
            f'not a marks file: expected an object with "pressline_marks": {MARKS_VERSION}, as `scrapy explain --html` makes it'
        )
    url, outlet = _text(content, "url"), _text(content, "outlet")
    texts: dict[str, str] = {}
    chosen: dict[tuple[str, bool], set[str]] = {
        (kind, hand): set() for kind in _KINDS for hand in (True, False)
    }
    for number, block in enumerate(_items(content, "blocks"), 1):
        text, kind = (block.get("text"), block.get("is")) if isinstance(block, dict) else (None, None)
        if not isinstance(text, str) or kind not in _KINDS:
            raise MarksError(
                f'blocks: item {number}: expected {{"is": "story" or "furniture", "text": …}}, found {_short(repr(block))}'
            )
        for line in text.splitlines():
            if key := fold(line):
                texts.setdefault(key, line.strip())
                chosen[kind, bool(block.get("by_hand"))].add(key)
    # a text can stand twice on a page, once kept and once cut: what was chosen by hand decides, else it is story
    story = (chosen["story", True] | chosen["story", False]) - (
        chosen["furniture", True] - chosen["story", True]
    )
    furniture = (chosen["furniture", True] | chosen["furniture", False]) - story
    return Marks(
        url,
        outlet,
        frozenset(story),
        frozenset(furniture),
        frozenset(chosen["story", True] | chosen["furniture", True]),
        dict(_fields(content)),
        texts,
        str(content.get("content_type") or "text/html"),
        _moment(content),
    )


def _text(content: dict[str, Any], key: str) -> str:
    value = content.get(key)
    if not isinstance(value, str) or not value:
        raise MarksError(f"{key}: expected a text, found {_short(repr(value))}")
    return value


def _items(content: dict[str, Any], key: str) -> list[Any]:
    value = content.get(key, [])
    if not isinstance(value, list):
        raise MarksError(f"{key}: expected a list, found {_short(repr(value))}")
    return value


def _fields(content: dict[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the marked fields. Raises MarksError."""
    stated = content.get("fields", {})
    if not isinstance(stated, dict):
        raise MarksError(f"fields: expected an object, found {_short(repr(stated))}")
    for name, values in stated.items():
        if name not in FIELD_NAMES:
            raise MarksError(f"fields: unknown field {name!r}; known are {', '.join(FIELD_NAMES)}")
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise MarksError(f"fields.{name}: expected a list of texts, found {_short(repr(values))}")
        values = tuple(value.strip() for value in values if value.strip())
        if name in DATE_FIELDS and values:
            _marked_date(name, values[0])
        yield name, values


def _moment(content: dict[str, Any]) -> datetime | None:
    """Return when the page was fetched. Raises MarksError."""
    stated = content.get("fetched_at")
    try:
        moment = datetime.fromisoformat(stated) if stated else None
    except (TypeError, ValueError) as error:
        raise MarksError(f"fetched_at: expected a time, found {_short(repr(stated))}") from error
    if moment and moment.tzinfo is None:
        raise MarksError(f"fetched_at: expected a time with its zone, found {stated!r}")
    return moment


def _marked_date(name: str, text: str) -> date | datetime:
    """Return a day, or an instant with its zone. Raises MarksError."""
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise MarksError(
            f"fields.{name}: expected a day as 2026-03-04, or a time with its zone as 2026-03-04T17:30:00+01:00; found {text!r}"
        )
    return moment


# ---------------------------------------------------------------- what came out, against the marks


def value_of(article: Article, name: str) -> tuple[str, ...]:
    """Return the value of a field as a marks file states it."""
    if name in DATE_FIELDS:
        moment, precision = getattr(article, name), getattr(article, name.replace("_at", "_precision"))
        return (moment.date().isoformat() if precision == "day" else moment.isoformat(),) if moment else ()
    value = getattr(article, name)
    return tuple(value) if isinstance(value, tuple) else (value,) if value else ()


def is_as_marked(article: Article, name: str, wanted: tuple[str, ...]) -> bool:
    """Whether a field has the marked value: the same words, the same set of authors, the same day or minute."""
    if name not in DATE_FIELDS:
        return {fold(text) for text in value_of(article, name)} == {fold(text) for text in wanted}
    moment: datetime | None = getattr(article, name)
    if not wanted or moment is None:
        return not wanted and moment is None
    marked = _marked_date(name, wanted[0])
    if isinstance(marked, datetime):
        return abs((moment - marked).total_seconds()) < 60
    return moment.date() == marked


def departures(page: RawPage, marks: Marks, rules: Rules) -> Iterator[str]:
    """Yield in words where the page comes out otherwise than it was marked."""
    trace = Trace()
    try:
        article = clean(page, rules, trace)
    except NoArticle as refusal:
        yield f"no article ({refusal.reason})"
        return
    lines = [fold(line) for line in article.text.splitlines()]
    text = "".join(lines)
    shown_fields = {fold(article.title), fold(article.summary or "")}
    for key in marks.texts:
        if key in marks.story and key not in shown_fields and len(key) >= MIN_KEY and key not in text:
            rule = next((cut.rule for cut in trace.removed if key in fold(cut.text)), None)
            yield f"story is missing{f' (cut by {rule})' if rule else ''}: {_short(marks.texts[key])}"
    for key in dict.fromkeys(lines):
        if key in marks.furniture:
            yield f"furniture is in the text: {_short(marks.texts[key])}"
    for name, wanted in marks.fields.items():
        if not is_as_marked(article, name, wanted):
            yield f"{name}: {_words(value_of(article, name))}, marked as {_words(wanted)}"


def _words(values: tuple[str, ...]) -> str:
    return " | ".join(map(_short, values)) or "none"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]} …"
