"""Formats the outlets with their health, and the answers of their sources, as tables of text and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from crawler.inspection.source_check import SourceAnswer
from crawler.reports.outlet_health import Health
from outlets import Outlet

_SOURCE_FIELDS = ("feeds", "news_sitemaps", "sitemaps", "sections", "dated_sections")


@dataclass(frozen=True, slots=True)
class OutletStatus:
    """An outlet and how its latest runs went. health is None if the lake has no run of the outlet."""

    outlet: Outlet
    health: Health | None


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
    _Column("news", lambda status: _count(status.outlet.news_sitemaps), 0, align_right=True),
    _Column("maps", lambda status: _count(status.outlet.sitemaps), 0, align_right=True),
    _Column(
        "pages",
        lambda status: _count([*status.outlet.sections, *status.outlet.dated_sections]),
        0,
        align_right=True,
    ),
    _Column("patterns", lambda status: "yes" if status.outlet.allow else "no", 7),
    _Column("seen alive", lambda status: _format_day(status.outlet.seen_alive), 4),
)
_RUN_COLUMNS = (
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
    _Column(
        "dead",
        lambda status: f"{status.health.dead}/{status.health.sources}" if status.health else "",
        0,
        align_right=True,
    ),
)


def outlet_table(statuses: Sequence[OutletStatus], width: int | None) -> str:
    """Return a table with one line for each outlet. Lines are cut to width characters, unless it is None. The columns
    about runs appear only where an outlet has a run."""
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
            return "\n".join(line if width is None else line[:width] for line in lines)
        columns.remove(first_to_drop)


def answer_table(answers: Sequence[SourceAnswer], width: int | None) -> str:
    """Return a table with one line for each source, and its error below. Lines are cut to width characters, unless it
    is None."""
    rows = [
        [
            answer.outlet,
            answer.kind,
            str(answer.status or "-"),
            "" if answer.error else str(answer.entries),
            "" if answer.error else str(answer.children),
            "" if answer.error else str(answer.wanted),
            _format_minute(answer.newest) if answer.newest else "",
            answer.url,
        ]
        for answer in answers
    ]
    titles = ["outlet", "kind", "status", "entries", "maps", "wanted", "newest", "source"]
    align_right = [False, False, True, True, True, True, False, False]
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
        }
        for status in statuses
    ]


def with_iso_dates(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with each datetime as ISO 8601 text."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()
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
