"""A made-up archive on loopback: half a year of an outlet, four months in sitemaps behind an index, two in dated
sections. Every tenth report is printed once more three days later, with another headline and a line more."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from demo.crawling import Place
from tests.crawler.site import site

FIRST, LAST = date(2021, 3, 1), date(2021, 8, 31)
IN_SITEMAPS = (3, 4, 5, 6)  # months
PAGES = 100
_SYLLABLES = (
    "ba",
    "ke",
    "lo",
    "mi",
    "nu",
    "ra",
    "se",
    "ti",
    "vo",
    "zu",
    "dal",
    "fen",
    "gor",
    "hul",
    "jas",
    "pir",
)
_CHANCE = random.Random(20210301)
_WORDS = ["".join(_CHANCE.choices(_SYLLABLES, k=_CHANCE.randint(2, 4))) for _ in range(900)]


@dataclass(frozen=True)
class Report:
    number: int
    day: date
    lines: tuple[str, ...]
    of: int | None = None  # the number of the report that it repeats

    @property
    def path(self) -> str:
        return f"/{self.day:%Y/%m/%d}/report-{self.number}"

    @property
    def html(self) -> str:
        title = f"{'Again' if self.of is not None else 'Today'}: {self.lines[0][:40]}"
        body = "".join(f"<p>{line}</p>" for line in self.lines)
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            f'<meta property="article:published_time" content="{self.day}T08:00:00Z"></head>'
            f"<body><main><article><h1>{title}</h1>{body}</article></main></body></html>"
        )


def reports() -> list[Report]:
    chance, found = random.Random(7), []
    days = (LAST - FIRST).days - 3
    for n in range(PAGES):
        if n % 10 == 9:
            old = found[-1]
            found.append(Report(n, old.day + timedelta(3), (*old.lines, _line(chance)), old.number))
        else:
            found.append(
                Report(n, FIRST + timedelta(n * days // PAGES), tuple(_line(chance) for _ in range(9)))
            )
    return found


def _line(chance: random.Random) -> str:
    return " ".join(chance.choices(_WORDS, k=17)).capitalize() + "."


@contextmanager
def archive_site() -> Iterator[tuple[str, list[str]]]:
    """(address, paths asked for, in order)"""
    pages = {report.path: report for report in reports()}
    home = ""

    def answer(path: str) -> str | None:
        if path in pages:
            return pages[path].html
        month = next(
            (m for m in range(3, 9) if path in (f"/sitemap-2021-{m:02}.xml", f"/archive/2021/{m:02}")), 0
        )
        mine = [p for p, report in pages.items() if report.day.month == month]
        if path == "/sitemap.xml":
            return _sitemap(
                "sitemapindex", "sitemap", [f"{home}/sitemap-2021-{m:02}.xml" for m in IN_SITEMAPS]
            )
        if path.startswith("/sitemap-") and month in IN_SITEMAPS:
            return _sitemap("urlset", "url", [home + p for p in mine])
        if path.startswith("/archive/") and month:
            return "<html><body>" + "".join(f'<a href="{p}">{p}</a>' for p in mine) + "</body></html>"
        return None

    with site(answer) as (address, asked):
        home = address
        yield address, asked


def _sitemap(root: str, entry: str, urls: list[str]) -> str:
    listed = "".join(f"<{entry}><loc>{url}</loc></{entry}>" for url in urls)
    return (
        f'<?xml version="1.0"?><{root} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{listed}</{root}>'
    )


def place(home: str, folder: Path) -> Place:
    """An outlet file for the archive, and an empty lake."""
    (folder / "outlets").mkdir(parents=True)
    (folder / "outlets" / "archive.toml").write_text(
        f'name = "Archive"\nhome = "{home}/"\ndomains = ["127.0.0.1"]\n'
        f'[sources]\nsitemaps = ["{home}/sitemap.xml"]\n'
        f'dated_sections = ["{home}/archive/{{yyyy}}/{{mm}}"]\n'
        "[articles]\nallow = ['^/\\d{4}/\\d{2}/\\d{2}/report-']\n[politeness]\ndelay_s = 0.0\n"
    )
    return Place(str(folder / "lake"), folder / "state", folder / "outlets", ())
