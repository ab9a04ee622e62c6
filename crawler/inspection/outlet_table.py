"""The outlets as lines of text and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from crawler.inspection.source_check import SourceAnswer
from crawler.reports.outlet_health import Health
from outlets import Outlet

_KINDS = ("feeds", "news_sitemaps", "sitemaps", "sections", "dated_sections")


@dataclass(frozen=True, slots=True)
class OutletStatus:
    """An outlet, and how it fared lately; None where the lake knows no run of it."""

    outlet: Outlet
    health: Health | None


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    told: Callable[[OutletStatus], str]
    goes: int = 0  # where the terminal is too narrow, the highest goes first; 0 stays
    right: bool = False


_FILE = (
    _Column("outlet", lambda k: k.outlet.key),
    _Column("country", lambda k: k.outlet.country or "", 6),
    _Column("lang", lambda k: k.outlet.rules.language or "", 5),
    _Column("feeds", lambda k: _count(k.outlet.feeds), 0, right=True),
    _Column("news", lambda k: _count(k.outlet.news_sitemaps), 0, right=True),
    _Column("maps", lambda k: _count(k.outlet.sitemaps), 0, right=True),
    _Column("pages", lambda k: _count([*k.outlet.sections, *k.outlet.dated_sections]), 0, right=True),
    _Column("patterns", lambda k: "yes" if k.outlet.allow else "no", 7),
    _Column("seen alive", lambda k: _day(k.outlet.seen_alive), 4),
)
_LAKE = (
    _Column("last run", lambda k: _minute(k.health.last_run) if k.health else "never"),
    _Column("last article", lambda k: _minute(k.health.last_article) if k.health else "", 2),
    _Column("candidates", lambda k: str(k.health.candidates) if k.health else "", 3, right=True),
    _Column("dead", lambda k: f"{k.health.dead}/{k.health.sources}" if k.health else "", 0, right=True),
)


def outlet_table(known: Sequence[OutletStatus], width: int | None) -> str:
    """One line for each outlet, no wider than width, unless None. The columns about runs stand there only where
    there is one."""
    columns = [*_FILE, *(_LAKE if any(k.health for k in known) else ())]
    while True:
        lines = _lines(
            [[c.title for c in columns], *([c.told(k) for c in columns] for k in known)],
            [c.right for c in columns],
        )
        least = max(columns, key=lambda c: c.goes)
        if width is None or not least.goes or max(map(len, lines)) <= width:
            return "\n".join(line if width is None else line[:width] for line in lines)
        columns.remove(least)


def answer_table(told: Sequence[SourceAnswer], width: int | None) -> str:
    """One line for each source that was asked."""
    rows = [
        [
            a.outlet,
            a.kind,
            str(a.status or "-"),
            "" if a.error else str(a.entries),
            "" if a.error else str(a.children),
            "" if a.error else str(a.wanted),
            _minute(a.newest) if a.newest else "",
            a.url,
        ]
        for a in told
    ]
    titles = ["outlet", "kind", "status", "entries", "maps", "wanted", "newest", "source"]
    right = [False, False, True, True, True, True, False, False]
    lines = _lines([titles, *rows], right)
    for place, answer in reversed(list(enumerate(told, 1))):
        if answer.error:
            lines.insert(place + 1, f"    {answer.error}")
    return "\n".join(line if width is None else line[:width] for line in lines)


def as_json(known: Iterable[OutletStatus]) -> list[dict[str, Any]]:
    return [
        {
            "outlet": k.outlet.key,
            "name": k.outlet.name,
            "home": k.outlet.home,
            "country": k.outlet.country,
            "language": k.outlet.rules.language,
            "sources": {kind: list(getattr(k.outlet, kind)) for kind in _KINDS},
            "patterns": [p.pattern for p in k.outlet.allow],
            "facts": k.outlet.facts,
            "seen_alive": _day(k.outlet.seen_alive),
            "health": plain(asdict(k.health)) if k.health else None,
        }
        for k in known
    ]


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """With moments as text."""
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in values.items()}


def _lines(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text.rjust(width) if flush_right else text.ljust(width)
            for text, width, flush_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]


def _count(urls: Sequence[str]) -> str:
    return str(len(urls) or "-")


def _day(day: date | None) -> str:
    return day.isoformat() if day else "never"


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "none lately"
