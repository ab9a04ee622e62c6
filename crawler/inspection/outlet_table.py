"""Formats the outlets with their health, and the answers of their sources, as tables of text and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from crawler.inspection.source_check import SourceAnswer
from crawler.reports.outlet_health import Health, count_reasons
from outlets import Outlet

_INDENT = "    "
_SOURCE_FIELDS = ("feeds", "news_sitemaps", "sitemaps", "sections", "dated_sections")


@dataclass(frozen=True, slots=True)
class OutletStatus:
    """An outlet and how its latest runs went. health is None if the lake has no run of the outlet. mistakes: those in
    its file, of which nothing but the name is known then."""

    outlet: Outlet
    health: Health | None
    mistakes: tuple[str, ...] = ()

    @property
    def troubles(self) -> list[str]:
        """What is wrong with the outlet, as phrases; empty for a healthy one."""
        return [*self.mistakes, *(self.health.troubles if self.health else ())]


def troubled_first(statuses: Iterable[OutletStatus]) -> list[OutletStatus]:
    """Return the outlets in trouble, then the others, each by name."""
    return sorted(statuses, key=lambda status: (not status.troubles, status.outlet.key))


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table of outlets."""

    title: str
    text: Callable[[OutletStatus], str]
    # a terminal too narrow loses the column with the highest number first; 0 always stays
    drop_order: int = 0
    align_right: bool = False


_FILE_COLUMNS = (
    _Column("outlet", lambda status: status.outlet.key),
    _Column("country", lambda status: status.outlet.country or "", 6),
    _Column("lang", lambda status: status.outlet.rules.language or "", 5),
    _Column("feeds", lambda status: _count(status.outlet.feeds), 0, align_right=True),
    _Column("news", lambda status: _count(status.outlet.news_sitemaps), 1, align_right=True),
    _Column("maps", lambda status: _count(status.outlet.sitemaps), 1, align_right=True),
    _Column(
        "pages",
        lambda status: _count([*status.outlet.sections, *status.outlet.dated_sections]),
        1,
        align_right=True,
    ),
    _Column("patterns", lambda status: "yes" if status.outlet.allow else "no", 7),
    _Column("seen alive", lambda status: _format_day(status.outlet.seen_alive), 4),
)
_RUN_COLUMNS = (
    _Column("landed", lambda status: _outcome(status, "landed"), 0, align_right=True),
    _Column("rejects", lambda status: _outcome(status, "rejects"), 0, align_right=True),
    _Column(
        "dead",
        lambda status: f"{status.health.dead}/{status.health.sources}" if status.health else "",
        0,
        align_right=True,
    ),
    _Column("last run", lambda status: _format_minute(status.health.last_run) if status.health else "never"),
    _Column(
        "last article", lambda status: _format_minute(status.health.last_article) if status.health else "", 2
    ),
    _Column(
        "candidates",
        lambda status: str(status.health.candidates) if status.health else "",
        3,
        align_right=True,
    ),
    _Column("reasons", lambda status: _reasons(status), 1),
)


def outlet_table(statuses: Sequence[OutletStatus], width: int | None) -> str:
    """Return a table with one line for each outlet, and what is wrong with it below. Lines are cut to width characters,
    unless it is None. The columns about runs appear only where an outlet has a run."""
    columns = [*_FILE_COLUMNS, *(_RUN_COLUMNS if any(status.health for status in statuses) else ())]
    while True:
        lines = _align(
            [
                [column.title for column in columns],
                *([column.text(status) for column in columns] for status in statuses),
            ],
            [column.align_right for column in columns],
        )
        first_to_drop = max(columns, key=lambda column: column.drop_order)
        if width is None or not first_to_drop.drop_order or max(map(len, lines)) <= width:
            break
        columns.remove(first_to_drop)
    told = [line if width is None else line[:width] for line in lines[:1]]
    for line, status in zip(lines[1:], statuses, strict=True):
        told.append(line if width is None else line[:width])
        told += [part for trouble in status.troubles for part in _indented(trouble, width)]
    return "\n".join(told)


def _indented(text: str, width: int | None) -> list[str]:
    """Return a text as indented lines of at most width characters."""
    if width is None:
        return [_INDENT + text]
    return textwrap.wrap(text, width, initial_indent=_INDENT, subsequent_indent=2 * _INDENT)


def _outcome(status: OutletStatus, name: str) -> str:
    """Return a count of the newest run in which a page had an outcome."""
    outcome = status.health.last_outcome if status.health else None
    return str(getattr(outcome, name)) if outcome else ""


def _reasons(status: OutletStatus) -> str:
    """Return the reasons of the rejects among these."""
    outcome = status.health.last_outcome if status.health else None
    return count_reasons(outcome.reasons) if outcome else ""


def answer_table(answers: Sequence[SourceAnswer], width: int | None) -> str:
    """Return a table with one line for each source, and its error below. Lines are cut to width characters, unless it
    is None."""
    # only where a source was found that no file names
    names_finders = any(answer.known_by != "outlet file" for answer in answers)
    rows = [
        [
            answer.outlet,
            answer.kind,
            str(answer.status or "-"),
            "" if answer.error else str(answer.entries),
            "" if answer.error else str(answer.children),
            "" if answer.error else str(answer.wanted),
            _format_minute(answer.newest) if answer.newest else "",
            *([answer.known_by] if names_finders else []),
            answer.url,
        ]
        for answer in answers
    ]
    titles = ["outlet", "kind", "status", "entries", "maps", "wanted", "newest"]
    titles += ["known by", "source"] if names_finders else ["source"]
    align_right = [title in ("status", "entries", "maps", "wanted") for title in titles]
    lines = _align([titles, *rows], align_right)
    for line_number, answer in reversed(list(enumerate(answers, 1))):
        if answer.error:
            lines.insert(line_number + 1, f"    {answer.error}")
    return "\n".join(line if width is None else line[:width] for line in lines)


def as_json(statuses: Iterable[OutletStatus]) -> list[dict[str, Any]]:
    """Return the outlets as values for JSON."""
    return [
        {
            "outlet": status.outlet.key,
            "name": status.outlet.name,
            "home": status.outlet.home,
            "country": status.outlet.country,
            "language": status.outlet.rules.language,
            "sources": {
                source_field: list(getattr(status.outlet, source_field)) for source_field in _SOURCE_FIELDS
            },
            "patterns": [pattern.pattern for pattern in status.outlet.allow],
            "facts": status.outlet.facts,
            "seen_alive": _format_day(status.outlet.seen_alive),
            "health": with_iso_dates(asdict(status.health)) if status.health else None,
            "troubles": status.troubles,
        }
        for status in statuses
    ]


def with_iso_dates(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values, and those inside them, with each datetime as ISO 8601 text."""
    return {
        name: value.isoformat()
        if isinstance(value, datetime)
        else with_iso_dates(value)
        if isinstance(value, Mapping)
        else value
        for name, value in values.items()
    }


def _align(rows: Sequence[Sequence[str]], align_right: Sequence[bool]) -> list[str]:
    """Return rows of cells as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text.rjust(width) if flush_right else text.ljust(width)
            for text, width, flush_right in zip(row, widths, align_right, strict=True)
        ).rstrip()
        for row in rows
    ]


def _count(urls: Sequence[str]) -> str:
    return str(len(urls) or "-")


def _format_day(day: date | None) -> str:
    return day.isoformat() if day else "never"


def _format_minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "none lately"
